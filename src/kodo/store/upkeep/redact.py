"""Redaction: an entry as it was, but without texts that are to go.

Knows which fields of events hold free text; ids, names, paths and numbers stay, so that a thread
with redacted entries is still a thread. Guards nothing on disk.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, cast

import msgspec

from kodo.core.events import (
    ApprovalAsked,
    ApprovalGiven,
    FilesChanged,
    MessageAdded,
    SnapshotTaken,
    ToolStarted,
)
from kodo.core.messages import Image, ToolResult
from kodo.core.thread import Entry

# Fields whose value, where it is a text, people, models or programs wrote freely.
_TEXT_FIELDS = frozenset(
    (
        *("task", "text", "signature", "arguments", "details", "question", "reason", "diff"),
        *("command", "tail", "message", "error", "summary"),
    )
)
# What cannot take a placeholder: readers decode it.
_EMPTIED = frozenset({"details"})
_DROPPED = frozenset({"signature"})

_KEPT_OUTPUT = re.compile(r"\[the whole output is kept as ([0-9a-f]{16,64})\]\s*$")

Condemned = Callable[[str, str], bool]
"""Tells whether a text goes; the second argument is the id of the call it belongs to, or empty."""


def redact(entry: Entry, condemned: Condemned, placeholder: str) -> tuple[Entry, list[str]]:
    """Return the entry without the condemned texts, and those texts; none: the entry itself."""
    removed: list[str] = []

    def walk(value: Any, call_id: str) -> Any:
        if isinstance(value, list | tuple):
            return [walk(item, call_id) for item in cast("list[Any]", value)]
        if not isinstance(value, dict):
            return value
        fields = cast("dict[str, Any]", value)
        own = fields.get("id") if fields.get("type") == "call" else fields.get("call_id")
        call_id = own if isinstance(own, str) else call_id
        kept: dict[str, Any] = {}
        for name, inner in fields.items():
            if name not in _TEXT_FIELDS or not isinstance(inner, str):
                kept[name] = walk(inner, call_id)
            elif not inner or inner.startswith("[purged") or not condemned(inner, call_id):
                kept[name] = inner
            else:
                removed.append(inner)
                if name not in _DROPPED:
                    kept[name] = "" if name in _EMPTIED else placeholder
        return kept

    made = walk(msgspec.to_builtins(entry), "")
    return (msgspec.convert(made, Entry), removed) if removed else (entry, removed)


def call_of(entry: Entry) -> str:
    """Return the id of the call that an entry is about, or nothing; a reply is about none."""
    match entry.event.body:
        case MessageAdded(ToolResult(call_id=call_id)):
            return call_id
        case (
            ToolStarted(call_id=call_id)
            | ApprovalAsked(call_id=call_id)
            | ApprovalGiven(call_id=call_id)
            | FilesChanged(call_id=call_id)
        ):
            return call_id
        case _:
            return ""


def named_blobs(entry: Entry) -> Iterator[str]:
    """Yield the names of the blobs that an entry refers to, save for those of its long texts.

    The last one may be a beginning of 16 digits: what a tool result calls its whole output.
    """
    match entry.event.body:
        case MessageAdded(message):
            for part in message.parts:
                if isinstance(part, Image):
                    yield part.blob
            if isinstance(message, ToolResult) and (kept := _KEPT_OUTPUT.search(message.text)):
                yield kept[1]
        case FilesChanged(changes=changes):
            for change in changes:
                yield from (name for name in (change.before, change.after) if name)
        case SnapshotTaken(snapshot=snapshot):
            yield snapshot
        case _:
            pass
