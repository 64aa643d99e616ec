"""What the file system of a namespace jail looks like: an ordered list of mounts.

Decides only; a rung carries it out. Guards that secrets are masked after what could show them, and
that what is guarded in the workspace lies over it.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from kodo.core.messages import Value
from kodo.sandboxes.guarded import Guarded
from kodo.sandboxes.home import hidden, outermost, shown, system_secrets
from kodo.sandboxes.jail import Jail

TMPFS_BYTES = 1 << 30
"""The most that a folder in memory may hold."""

MountKind = Literal["bind", "ro-bind", "dev-bind", "tmpfs", "remount-ro", "proc", "dev"]

_KERNEL_SETTINGS = tuple(
    f"/proc/{name}"
    for name in (
        "sys",
        "sysrq-trigger",
        "irq",
        "bus",
        "fs",
        "acpi",
        "scsi",
        "driver",
        "mtrr",
        "pressure",
    )
)


class Mount(Value, frozen=True):
    """One step: `source` (on the host) appears at `target` (in the jail).

    A bind whose source does not exist is left out where `optional`.
    """

    kind: MountKind
    target: str
    source: str = ""
    optional: bool = False


class Folders(Value, frozen=True):
    """The private folders of one sandbox on the host, which last over its commands."""

    tmp: Path
    home: Path


def home_inside(jail: Jail) -> Path:
    """The real home's path, or one in /tmp where the workspace contains the home or none exists."""
    real = jail.home
    if jail.profile == "full":
        return real
    if real == jail.workspace or jail.workspace in real.parents or not real.is_dir():
        return Path("/tmp/home")
    return real if real != Path("/") else Path("/tmp/home")


def fixed_mounts(jail: Jail, folders: Folders) -> Iterator[Mount]:
    """Yield the mounts that are the same for every command of a sandbox."""
    if jail.profile == "full":
        yield Mount("bind", "/", "/")
        yield Mount("dev-bind", "/dev", "/dev")
        yield Mount("proc", "/proc")
        return
    yield Mount("ro-bind", "/", "/")
    yield Mount("proc", "/proc")
    yield Mount("dev", "/dev")
    yield Mount("tmpfs", "/run")
    for name in _KERNEL_SETTINGS:
        # Root keeps its uid, and so could write these without any capability.
        yield Mount("ro-bind", name, name, optional=True)
    yield Mount("bind", "/tmp", str(folders.tmp))
    yield Mount("tmpfs", "/var/tmp")
    resolver = Path("/etc/resolv.conf").resolve()
    if jail.allow_net and Path("/run") in resolver.parents and resolver.exists():
        yield Mount("ro-bind", str(resolver), str(resolver))
    system = Path("/run/current-system")
    if system.exists():
        yield Mount("ro-bind", str(system), str(system))
    yield from _home_mounts(jail, folders)
    yield from _workspace_mounts(jail)


def guard_mounts(jail: Jail, guarded: Guarded) -> Iterator[Mount]:
    """Yield what lies over the workspace; the folders around it first, parents first."""
    root = jail.host_root or jail.workspace
    for path in guarded.pinned:
        inside = str(jail.workspace / path.relative_to(root))
        yield Mount("bind", inside, str(path), optional=True)
    for path in guarded.read_only:
        inside = str(jail.workspace / path.relative_to(root))
        yield Mount("ro-bind", inside, str(path), optional=True)
    for path in guarded.masked:
        yield from _mask(path, jail.workspace / path.relative_to(root))


def _home_mounts(jail: Jail, folders: Folders) -> Iterator[Mount]:
    """Bind a private home with what is shown of the real one, and mask the secrets around it."""
    home = home_inside(jail)
    yield Mount("bind", str(home), str(jail.cache_home or folders.home))
    secrets = [*hidden(jail.home, jail.secrets), *system_secrets()]
    if home == jail.home:
        seen = shown(home, jail.environment, allow_net=jail.allow_net)
        for path in seen:
            yield Mount("ro-bind", str(path), str(path), optional=True)
        secrets = [
            secret
            for secret in secrets
            if home not in secret.parents
            or any(path == secret or path in secret.parents for path in seen)
        ]
    for secret in outermost(secrets):
        if jail.workspace not in secret.parents:
            yield from _mask(secret, secret)


def _workspace_mounts(jail: Jail) -> Iterator[Mount]:
    inside = jail.workspace
    kind: MountKind = "ro-bind" if jail.profile == "read-only" else "bind"
    yield Mount(kind, str(inside), str(jail.host_root or inside))
    for name in jail.shared:
        shared = str(inside / name)
        yield Mount("ro-bind", shared, shared, optional=True)


def _mask(path: Path, inside: Path) -> Iterator[Mount]:
    if path.is_dir():
        yield Mount("tmpfs", str(inside))
        yield Mount("remount-ro", str(inside))
    elif path.exists():
        yield Mount("ro-bind", str(inside), "/dev/null")
