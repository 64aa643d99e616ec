"""The rows of entries: how an entry lies in the file, and reading on in the order of all threads.

Does not know chains. Guards that a long text is kept once: it is a blob, and the row names it by
its hash, so that whatever proves the row proves the text.
"""

import hashlib
import sqlite3
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from kodo.base.errors import StoreError
from kodo.core.events import (
    FilesChanged,
    HookRan,
    MessageAdded,
    Noted,
    RunStarted,
    Stored,
    ToolStarted,
)
from kodo.core.messages import Reasoning, Text, ToolCall, ToolResult
from kodo.core.thread import Entry
from kodo.store.packing import pack, unpack
from kodo.store.pieces import has, insert_whole, purge_of, read_whole

LONG_TEXT_BYTES = 8192
PURGED_TEXT = "[purged]"

_TEXTS = 2  # added to the packing of a row whose long texts are blobs

_JSON = msgspec.json.Encoder()
_ENTRY = msgspec.json.Decoder(Entry)


class _WithTexts(msgspec.Struct, array_like=True):
    """An entry's JSON without its long texts, and where which of them belongs."""

    skeleton: bytes
    texts: list[tuple[int, bytes]]


_OUTER = msgspec.msgpack.Encoder()
_OUTER_DECODER = msgspec.msgpack.Decoder(_WithTexts)


class Row(NamedTuple):
    """What is kept of an entry: the SHA-256 of the body as it lies unpacked, and the body."""

    digest: bytes
    packing: int
    body: bytes


class StoredEntry(NamedTuple):
    """An entry in the order of all threads. `entry` None: it was purged, or is damaged."""

    number: int
    thread_id: str
    cwd: str
    seq: int
    entry: Entry | None


def encode_entry(entry: Entry) -> bytes:
    """Return an entry as JSON. Raises StoreError where it holds text that is not Unicode."""
    try:
        return _JSON.encode(entry)
    except UnicodeEncodeError as error:
        raise StoreError(
            f"{entry.id!r} holds text that is not Unicode ({error.reason}): repair it at the border"
        ) from error


def decode_entry(body: bytes) -> Entry:
    """Return the entry of a JSON body. Raises msgspec.DecodeError."""
    return _ENTRY.decode(body)


def make_row(connection: sqlite3.Connection, entry: Entry, body: bytes) -> Row:
    """Return how an entry is to be kept; its long texts are kept as blobs on the way."""
    added = 0
    if len(body) > LONG_TEXT_BYTES and (found := _take_texts(entry.event.body, body)):
        body = _OUTER.encode(
            _WithTexts(found[0], [(at, insert_whole(connection, text)) for at, text in found[1]])
        )
        added = _TEXTS
    packing, packed = pack(body)
    return Row(hashlib.sha256(body).digest(), packing + added, packed)


def unpack_row(packing: int, packed: bytes) -> bytes:
    """Return what a row's digest is the SHA-256 of. Raises StoreError where it is damaged."""
    return unpack(packing & ~_TEXTS if packing < 4 else packing, packed)


def text_names(packing: int, unpacked: bytes) -> list[bytes]:
    """Return the keys of the blobs that an unpacked row keeps its texts in."""
    if not packing & _TEXTS:
        return []
    return [key for _, key in _outer(unpacked).texts]


def fill(connection: sqlite3.Connection, packing: int, unpacked: bytes) -> bytes:
    """Return the JSON of an entry with its long texts; a purged one is told in its place.

    Raises StoreError where a text is missing or damaged.
    """
    if not packing & _TEXTS:
        return unpacked
    outer = _outer(unpacked)
    pieces: list[bytes] = []
    start = 0
    for at, key in outer.texts:
        pieces += (outer.skeleton[start:at], _JSON.encode(_read_text(connection, key)))
        start = at
    pieces.append(outer.skeleton[start:])
    return b"".join(pieces)


def read_after(connection: sqlite3.Connection, number: int, limit: int) -> list[StoredEntry]:
    """Return up to `limit` entries with a higher number, in order over all threads.

    Entries of removed threads are not there; a number is never given twice.
    """
    rows = connection.execute(
        "SELECT entries.number, threads.id, cwd, seq, entries.digest, entries.purge, packing, body "
        "FROM entries JOIN threads ON threads.number = entries.thread "
        "WHERE entries.number > ? ORDER BY entries.number LIMIT ?",
        (number, limit),
    ).fetchall()
    return [
        StoredEntry(at, thread_id, cwd, seq, _readable(connection, digest, purge, packing, packed))
        for at, thread_id, cwd, seq, digest, purge, packing, packed in rows
    ]


def _readable(
    connection: sqlite3.Connection, digest: bytes, purge: int | None, packing: int, packed: bytes
) -> Entry | None:
    if purge is not None:
        return None
    try:
        unpacked = unpack_row(packing, packed)
        if hashlib.sha256(unpacked).digest() != digest:
            return None
        return decode_entry(fill(connection, packing, unpacked))
    except (StoreError, msgspec.DecodeError):
        return None


def _take_texts(event: Stored, body: bytes) -> tuple[bytes, list[tuple[int, bytes]]] | None:
    """Cut the long texts out of an entry's JSON: the rest, and each text with its place there."""
    kept: list[bytes] = []
    texts: list[tuple[int, bytes]] = []
    start = length = 0
    for text in texts_of(event):
        if len(text) < LONG_TEXT_BYTES:
            continue  # in characters: what is long in bytes only may stay in the row
        quoted = _JSON.encode(text)
        at = body.find(quoted, start)
        if at < 0:
            continue
        kept.append(body[start:at])
        length += at - start
        texts.append((length, text.encode()))
        start = at + len(quoted)
    if not texts:
        return None
    kept.append(body[start:])
    return b"".join(kept), texts


def texts_of(event: Stored) -> Iterator[str]:
    """Yield the texts of an event that may be long, in the order in which they are encoded."""
    match event:
        case MessageAdded(message):
            for part in message.parts:
                match part:
                    case Text(text):
                        yield text
                    case Reasoning(text):
                        yield text
                    case ToolCall():
                        yield part.arguments
                    case _:
                        pass
            if isinstance(message, ToolResult):
                yield message.details
        case ToolStarted():
            yield event.arguments
        case FilesChanged(changes=changes):
            for change in changes:
                yield change.diff
        case RunStarted(task=task):
            yield task
        case Noted(text):
            yield text
        case HookRan(said=said):
            yield said
        case _:
            pass


def _read_text(connection: sqlite3.Connection, key: bytes) -> str:
    try:
        return read_whole(connection, key).decode()
    except StoreError:
        if not has(connection, key) and purge_of(connection, key) is not None:
            return PURGED_TEXT
        raise
    except UnicodeDecodeError as error:
        raise StoreError(f"blob {key.hex()!r} is not text") from error


def _outer(unpacked: bytes) -> _WithTexts:
    try:
        return _OUTER_DECODER.decode(unpacked)
    except msgspec.DecodeError as error:
        raise StoreError(f"a row with long texts is damaged ({error})") from error
