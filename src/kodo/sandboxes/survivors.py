"""Finds and ends processes that left their group, by a mark in the environment they inherited.

Linux only (it reads /proc); elsewhere it finds nothing. A process that wipes its own environment
is not found: this is tidiness for a rung that isolates nothing, not a border.
"""

import os
import signal
from contextlib import suppress

MARK = "KODO_CALL"


def end_marked(mark: str) -> int:
    """Kill every process whose environment holds MARK=mark. Returns how many there were."""
    wanted = f"{MARK}={mark}".encode()
    ended = 0
    for _ in range(5):  # a process may fork while it is looked for
        found = [pid for pid in _processes() if wanted in _environment(pid)]
        if not found:
            break
        for pid in found:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
                ended += 1
    return ended


def _processes() -> list[int]:
    try:
        return [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208
    except OSError:
        return []


def _environment(pid: int) -> list[bytes]:
    try:
        with open(f"/proc/{pid}/environ", "rb") as stream:  # noqa: PTH123
            return stream.read().split(b"\0")
    except OSError:
        return []
