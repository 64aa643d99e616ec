"""What an entry or a file version holds as text, and whose text it is.

Knows the truth's rows and how a message reads as text; does not know chunks or words. Guards that
the text an entry is indexed by is, byte for byte, the text that its reference reads.
"""

import re
import sqlite3
from itertools import islice
from typing import NamedTuple

import msgspec

from kodo.core.events import CheckRun, Event, MessageAdded
from kodo.core.messages import Assistant, Reasoning, Text, ToolCall, ToolResult, User
from kodo.core.recall import RecallKind
from kodo.store.entries import StoredEntry
from kodo.store.pieces import PIECE_BYTES, read_pieces

# The codes of `index_uses.source`.
SOURCES: dict[RecallKind, int] = {"user": 1, "assistant": 2, "tool": 3, "file": 4}
KINDS: dict[int, RecallKind] = {code: kind for kind, code in SOURCES.items()}
FILE = SOURCES["file"]

MAX_INDEXED_BYTES = 32 << 20
"""Of a longer text the beginning is indexed; `read` and the exact modes reach all of it."""

_SNIFFED_BYTES = 8192
_KEPT = re.compile(r"\[the whole output is kept as ([0-9a-f]{16,64})\]\s*\Z")


class Said(NamedTuple):
    """The text of an entry: in itself, or as the blob of that name (at least 16 hex digits)."""

    kind: RecallKind
    text: str
    blob: str = ""


def said(event: Event) -> Said | None:
    """Return the text of an event; None where it holds nothing to find.

    A tool's is its whole output, where that was kept, and not the cut that the model saw.
    """
    match event.body:
        case MessageAdded(User(parts)):
            return _some("user", [_shown(part) for part in parts])
        case MessageAdded(Assistant() as message):
            return _some("assistant", [_shown(part) for part in message.parts])
        case MessageAdded(ToolResult() as message):
            texts = [_shown(part) for part in message.parts]
            kept = _KEPT.search(texts[-1]) if texts else None
            if kept is not None:
                return Said("tool", "", kept[1])
            return _some("tool", ["".join(texts)])
        case CheckRun() as check:
            return _some("tool", [f"$ {one.command}\n{one.tail}" for one in check.evidence])
        case _:
            return None


def _some(kind: RecallKind, texts: list[str]) -> Said | None:
    text = "\n".join(text for text in texts if text)
    return Said(kind, text) if text else None


def _shown(part: object) -> str:
    match part:
        case Text(text) | Reasoning(text):
            return text
        case ToolCall():
            return _call_text(part)
        case _:
            return ""


def _call_text(call: ToolCall) -> str:
    """Return a call with its arguments as a person would write them: text as text, not escaped."""
    try:
        arguments = msgspec.json.decode(call.arguments)
    except msgspec.DecodeError:
        return f"{call.name} {call.arguments}"
    if not isinstance(arguments, dict):
        return f"{call.name} {call.arguments}"
    lines = [call.name]
    for key, value in arguments.items():  # pyright: ignore[reportUnknownVariableType]
        shown = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        lines.append(f"{key}: {shown}")
    return "\n".join(lines)


def content_of(
    connection: sqlite3.Connection, stored: StoredEntry
) -> tuple[RecallKind, bytes] | None:
    """Return kind and bytes to index of an entry; None where there are none, or they are gone.

    Raises StoreError where its blob is damaged.
    """
    found = said(stored.entry.event) if stored.entry is not None else None
    if found is None:
        return None
    if not found.blob:
        return found.kind, found.text.encode("utf-8", "replace")[:MAX_INDEXED_BYTES]
    key = whole_key(connection, found.blob)
    return None if key is None else (found.kind, beginning(connection, key))


def whole_key(connection: sqlite3.Connection, prefix: str) -> bytes | None:
    """Return the key of the blob whose name begins so; None where there is none, or several."""
    low = bytes.fromhex(prefix[: len(prefix) & ~1])
    rows = connection.execute(
        "SELECT blob FROM pieces WHERE blob >= ? AND blob < ? AND piece = 0 LIMIT 2",
        (low, low + b"\xff" * 32),
    ).fetchall()
    return rows[0][0] if len(rows) == 1 else None


def beginning(connection: sqlite3.Connection, key: bytes) -> bytes:
    """Return a blob, or the beginning of one that is longer than MAX_INDEXED_BYTES."""
    found = list(islice(read_pieces(connection, key), MAX_INDEXED_BYTES // PIECE_BYTES + 1))
    return b"".join(found)[:MAX_INDEXED_BYTES]


def is_text(data: bytes) -> bool:
    """Tell whether a file's content is text, by its beginning."""
    return b"\0" not in data[:_SNIFFED_BYTES]
