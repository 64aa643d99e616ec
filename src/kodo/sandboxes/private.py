"""Private folders in the system's temporary one, named after the process that owns them.

Knows nothing of what they are for. Guards that what a killed process left behind is removed by the
next one, and that nothing of a living process is: the owner must be gone, and have counted its
processes as we do.
"""

import os
import re
import stat
import tempfile
from pathlib import Path

from kodo.sandboxes.removal import remove_tree

_OWNED = re.compile(r"kodo-(?:jail|scratch)-(\d+)-(\d+)-")


def make_private(kind: str, parent: Path | None = None) -> Path:
    """Return a new folder for `kind` (`jail`, `scratch`) below `parent`, which it sweeps first."""
    where = parent or Path(tempfile.gettempdir())
    sweep(where)
    prefix = f"kodo-{kind}-{os.getpid()}-{_count_of_processes()}-"
    return Path(tempfile.mkdtemp(prefix=prefix, dir=where))


def sweep(parent: Path) -> list[Path]:
    """Remove the folders below `parent` whose owner no longer lives. Returns them."""
    swept: list[Path] = []
    try:
        with os.scandir(parent) as entries:
            found = [(entry.name, _OWNED.match(entry.name)) for entry in entries]
    except OSError:
        return swept
    for name, owned in found:
        if owned is None or int(owned[2]) != _count_of_processes() or _lives(int(owned[1])):
            continue
        folder = parent / name
        try:
            status = folder.lstat()
        except OSError:
            continue
        if stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid():
            remove_tree(folder)
            swept.append(folder)
    return swept


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _count_of_processes() -> int:
    """Return which count of processes ours is in: a container has its own, and may share /tmp."""
    try:
        return Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        return 0
