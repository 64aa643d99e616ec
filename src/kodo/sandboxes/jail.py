"""What a jail is to be: the folders, the network, the limits. One value that every rung reads.

Does not know how a rung builds it; reads no environment: everything comes in from runtime.
Guards that a jail around the whole file system is refused before anything runs.
"""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from kodo.base.errors import SandboxError
from kodo.core.messages import Value
from kodo.core.sandbox import Profile


class JailLimits(Value, frozen=True):
    """Limits of what runs in the jail. None means no limit of that kind.

    `memory_bytes` bounds the private writable memory of one process, so that runtimes which only
    reserve addresses (JVM, V8, Go) are not hurt; `file_bytes` bounds one file. The sum of memory
    over the processes of a command and its share of the `processors` (1.5: one and a half) hold
    only where a control group can be made; so does `processes` for root. `cpu_seconds` is for each
    process. `written_bytes` is the sum that a command may write to disks, and `free_bytes` what it
    leaves free of the workspace's.
    """

    memory_bytes: int | None = 4 << 30
    processes: int | None = 1024
    file_bytes: int | None = 4 << 30
    memory_sum_bytes: int | None = 8 << 30
    processors: float | None = None
    cpu_seconds: int | None = None
    written_bytes: int | None = 64 << 30
    free_bytes: int | None = 256 << 20


class Jail(Value, frozen=True):
    """A jail around `workspace`, which must be an absolute folder that exists.

    `home` is the user's real home; in the jail it is replaced by `cache_home` (a folder kept
    between runs) or, where that is None, by one that lives as long as the sandbox. `environment`
    is the user's, of which only harmless variables pass. `secrets` are more files and folders to
    hide (kodo's own home). `host_root` is shown at the path of the workspace in its place, and
    `shared` names folders below it that are shown read-only from the real workspace.
    """

    workspace: Path
    home: Path
    environment: Mapping[str, str] = msgspec.field(default_factory=dict[str, str])
    profile: Profile = "workspace-write"
    allow_net: bool = False
    secrets: tuple[Path, ...] = ()
    cache_home: Path | None = None
    limits: JailLimits = JailLimits()
    host_root: Path | None = None
    shared: tuple[str, ...] = ()


def checked(jail: Jail) -> Jail:
    """Return the jail with its folders resolved. Raises SandboxError where it makes no sense."""
    workspace = jail.workspace.resolve()
    if not workspace.is_dir():
        raise SandboxError(f"workspace {str(jail.workspace)!r} is not a folder; give one with -C")
    if workspace == Path(workspace.anchor):
        raise SandboxError("workspace '/' is the whole file system; choose a folder below it")
    host_root = jail.host_root.resolve() if jail.host_root is not None else None
    return msgspec.structs.replace(
        jail, workspace=workspace, home=jail.home.resolve(), host_root=host_root
    )
