"""What this machine has: memory, processors, programs. Linux, with honest zeros elsewhere."""

import os
import shutil
from pathlib import Path


def memory_bytes() -> int:
    """Return the memory this process may use: the host's, or less where a cgroup says so."""
    try:
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        total = 0
    for file in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            limit = Path(file).read_text("ascii").strip()
        except (OSError, UnicodeDecodeError):
            continue
        if limit.isdecimal() and 0 < int(limit) < total:
            total = int(limit)
    return total


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def existing_folder(folder: Path) -> Path:
    """Return the nearest folder from `folder` up that exists, on whose disk it would lie."""
    for at in (folder, *folder.parents):
        if at.exists():
            return at
    return Path("/")


def find_program(name: str, path: str | None) -> str | None:
    """Return where a program lies on the user's PATH, or None."""
    return shutil.which(name, path=path)
