"""Remembers which servers refused a WebSocket for good, so that a start asks them by HTTP at once.

A note counts for a day of one version of kodo: a server may learn it. Knows no wire. Guards that no
address is written down, as one may hold a key, and that a note that cannot be read changes nothing.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import msgspec

from kodo import __version__
from kodo.base.hashing import sha256_hex
from kodo.core.messages import Value

COUNTS_FOR_S = 24 * 3600
MOST_KEPT = 64


class WireNote(Value, frozen=True):
    """What the file says: the digest of each server's address, and when it refused (POSIX)."""

    refused: Mapping[str, float] = {}


def has_refused(path: Path, base_url: str, now: datetime) -> bool:
    """Tell whether the server at `base_url` refused a WebSocket within the last day."""
    return _digest(base_url) in _read(path, now)


def note_refusal(path: Path, base_url: str, now: datetime) -> None:
    """Keep that the server at `base_url` refused a WebSocket. The newest 64 are kept."""
    refused = {**_read(path, now), _digest(base_url): now.timestamp()}
    newest = sorted(refused.items(), key=lambda item: item[1])[-MOST_KEPT:]
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        temporary.write_bytes(msgspec.json.encode(WireNote(dict(newest))))
        temporary.replace(path)


def _read(path: Path, now: datetime) -> dict[str, float]:
    try:
        note = msgspec.json.decode(path.read_bytes(), type=WireNote)
    except (OSError, msgspec.DecodeError):
        return {}
    since = now.timestamp()
    return {key: at for key, at in note.refused.items() if 0 <= since - at < COUNTS_FOR_S}


def _digest(base_url: str) -> str:
    return sha256_hex(f"{__version__} {base_url}".encode())
