"""Ends a command that writes too much, or that would fill the disk: a watch, not a wall.

Looks every `_LOOK_S` at what the processes of a command have written (the kernel's count, with that
of children that have ended) and at what is free. Not covered: what is written between two looks;
folders in memory, which have limits of their own; for the sum, children that nobody waited for.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import anyio

from kodo.base.process import kill_group
from kodo.sandboxes.jail import JailLimits

_LOOK_S = 0.25


class DiskWatch:
    """Watches one command. `why` says why it was ended, or is empty."""

    __slots__ = ("_folder", "_limits", "why")

    def __init__(self, limits: JailLimits, folder: Path) -> None:
        self._limits = limits
        self._folder = folder
        self.why = ""

    async def run(self, pid: int) -> None:
        """Look until cancelled; kill the group of `pid` where it has gone too far."""
        kept = self._limits.free_bytes
        if kept is not None:
            # A disk that is nearly full already is not the command's fault.
            kept = min(kept, free_bytes(self._folder) // 2)
        while True:
            await anyio.sleep(_LOOK_S)
            self.why = self._too_much(pid, kept)
            if self.why:
                kill_group(pid)
                return

    def _too_much(self, pid: int, kept: int | None) -> str:
        most = self._limits.written_bytes
        if kept is not None and (left := free_bytes(self._folder)) < kept:
            return (
                f"only {left >> 20} MiB of the disk are left; a command keeps {kept >> 20} MiB free"
                " (jail.free_mib)"
            )
        if most is not None and (written := written_bytes(pid)) > most:
            return (
                f"it has written {written >> 20} MiB of the {most >> 20} MiB that a command may"
                " write (jail.written_mib)"
            )
        return ""


def free_bytes(folder: Path) -> int:
    """Return what an ordinary user may still fill of the disk that a folder lies on."""
    try:
        status = os.statvfs(folder)
    except OSError:
        return 1 << 62  # the folder has gone; there is nothing to protect by this look
    return status.f_bavail * status.f_frsize


def written_bytes(pid: int) -> int:
    """Return how much a process and its descendants have had written, as far as can be seen."""
    return sum(_written(each) for each in _tree(pid))


def counts_writes() -> bool:
    """Whether this kernel counts what a process writes."""
    return Path("/proc/self/io").exists()


def _written(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/io", "rb") as stream:  # noqa: PTH123
            counts = dict(line.split(b": ") for line in stream.read().splitlines())
    except (OSError, ValueError):
        return 0
    written = int(counts.get(b"write_bytes", 0)) - int(counts.get(b"cancelled_write_bytes", 0))
    return max(0, written)


def _tree(pid: int) -> Iterator[int]:
    waiting = [pid]
    while waiting:
        one = waiting.pop()
        yield one
        try:
            threads = os.listdir(f"/proc/{one}/task")  # noqa: PTH208
        except OSError:
            continue
        for thread in threads:
            try:
                with open(f"/proc/{one}/task/{thread}/children", "rb") as stream:  # noqa: PTH123
                    waiting += map(int, stream.read().split())
            except OSError:
                continue
