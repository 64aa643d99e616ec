"""Remembers which rungs were tried on this host and held, so that a start does not try again.

A note counts for an hour of one boot, kernel, user, kodo and bwrap. Only what worked is kept: what
did not may have been mended since. Guards that a note that cannot be read changes nothing.
"""

import os
import shutil
import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import msgspec

from kodo import __version__
from kodo.base.hashing import sha256_hex
from kodo.core.messages import Value

_COUNTS_FOR_S = 3600
_BOOT = Path("/proc/sys/kernel/random/boot_id")


class RungNote(Value, frozen=True):
    """What a file says: the host it is about, and the rungs that held there."""

    host: str
    worked: tuple[str, ...] = ()


def host_key(environment: Mapping[str, str]) -> str:
    """Return what stands for this host as it is now; empty where it cannot be known."""
    try:
        boot = _BOOT.read_text().strip()
        program = shutil.which("bwrap", path=environment.get("PATH"))
        status = Path(program).stat() if program else None
        changed = (status.st_mtime_ns, status.st_size) if status else None
    except OSError:
        return ""
    parts = (boot, os.uname().release, os.geteuid(), __version__, sys.version, program, changed)
    return sha256_hex(repr(parts).encode())


def known_to_work(path: Path, host: str, now: datetime) -> frozenset[str]:
    """Return the rungs that held on this host within the last hour."""
    with suppress(OSError, msgspec.DecodeError):
        if not 0 <= now.timestamp() - path.stat().st_mtime < _COUNTS_FOR_S:
            return frozenset()
        note = msgspec.json.decode(path.read_bytes(), type=RungNote)
        if host and note.host == host:
            return frozenset(note.worked)
    return frozenset()


def note_working(path: Path, host: str, rung: str, now: datetime) -> None:
    """Keep that a rung held on this host."""
    worked = known_to_work(path, host, now)
    if not host or rung in worked:
        return
    note = RungNote(host, tuple(sorted({*worked, rung})))
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        temporary.write_bytes(msgspec.json.encode(note))
        temporary.replace(path)


def forget(path: Path) -> None:
    """Forget what was kept: a rung that held holds no longer."""
    with suppress(OSError):
        path.unlink()
