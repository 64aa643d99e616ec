"""Which paths a Landlock jail opens: everything that is not hidden, as an allow list.

Decides only; the kernel's rules count for whole trees, so what holds something hidden is opened
child by child, and its own listing stays closed. Guards that no symlink opens its target.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from kodo.sandboxes.home import hidden, shown, system_secrets
from kodo.sandboxes.jail import Jail

DEVICES = tuple(f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom", "tty"))
_CLOSED = ("/dev", "/run", "/tmp", "/var/tmp", "/lost+found")


def readable(jail: Jail, temporary: Path) -> Iterator[Path]:
    """Yield the outermost paths to open for reading and running.

    Left out are credentials, the hidden part of the home, the jail's secrets, devices, and the
    folders that programs of the host share (`temporary`, /run): keys and sockets lie there.
    """
    secret = secrets(jail)
    closed = [*secret, *map(Path, _CLOSED), temporary]
    if not _is_around(jail.workspace, jail.home) and jail.home.parent != jail.home:
        closed.append(jail.home)
        yield from _named(shown(jail.home, jail.environment, allow_net=jail.allow_net), secret)
    yield from open_around(Path("/"), closed)
    if jail.allow_net:
        yield from _named([Path("/etc/resolv.conf")], secret)
    yield from _named([Path("/run/current-system")], secret)
    yield from open_around(jail.workspace, secret)
    if jail.host_root is not None:
        yield from open_around(jail.host_root, secret)


def listable(jail: Jail) -> Iterator[Path]:
    """Yield folders whose names may be listed though a file in them is secret: /etc.

    A listing is opened for the whole tree, so not where a folder below is secret.
    """
    folder = Path("/etc")
    if not any(_is_around(folder, secret) and secret.is_dir() for secret in secrets(jail)):
        yield folder


def secrets(jail: Jail) -> list[Path]:
    """Return what must never be readable, with symlinks resolved."""
    return hidden(jail.home, (*jail.secrets, *system_secrets()))


def open_around(folder: Path, closed: Iterable[Path]) -> Iterator[Path]:
    """Yield the largest trees below `folder` that hold nothing of `closed`; symlinks are none."""
    if folder in (near := [path for path in closed if _is_around(folder, path)]):
        return
    if not near:
        yield folder
        return
    try:
        with os.scandir(folder) as found:
            entries = [Path(entry.path) for entry in found if not entry.is_symlink()]
    except OSError:
        return
    for entry in entries:
        yield from open_around(entry, near)


def _named(paths: Iterable[Path], closed: list[Path]) -> Iterator[Path]:
    """Yield paths that are meant by name, so their target counts, unless it is a secret."""
    for path in paths:
        real = path.resolve()
        if real.exists() and not any(_is_around(secret, real) for secret in closed):
            yield from open_around(real, closed)


def _is_around(folder: Path, path: Path) -> bool:
    return path == folder or folder in path.parents
