"""Reading what a reference names: the exact bytes of an entry's text or of a file's version.

Does not know the index: it reads the truth. Guards that lines are those that hits count, and that
what was purged is told as such.
"""

import sqlite3
from collections.abc import Iterator

from kodo.base.errors import StoreError, ToolError
from kodo.store.entries import read_after
from kodo.store.files import FileVersion
from kodo.store.index.search.references import EntryPlace, Place, find
from kodo.store.index.sources import said, whole_key
from kodo.store.pieces import read_pieces


def read_lines(
    connection: sqlite3.Connection, ref: str, place: Place, first_line: int, last_line: int | None
) -> bytes:
    """Return the bytes of the lines, their ends with them; a line ends with `\\n` alone.

    Raises ToolError for a reference or line that is not there, StoreError where it is damaged.
    """
    if first_line < 1 or (last_line is not None and last_line < first_line):
        raise ToolError(f"lines {first_line} to {last_line} are no range; they count from 1")
    found: list[bytes] = []
    line = 1
    for piece in _pieces(connection, ref, place):
        newlines = piece.count(b"\n")
        if line + newlines >= first_line:
            start = _offset(piece, first_line - line)
            end = len(piece) if last_line is None else _offset(piece, last_line - line + 1)
            found.append(piece[start:end])
        line += newlines
        if last_line is not None and line > last_line:
            break
    data = b"".join(found)
    if not data and (first_line > line or first_line > 1):
        raise ToolError(f"{ref!r} has {line} lines, and no line {first_line}")
    return data


def _pieces(connection: sqlite3.Connection, ref: str, place: Place) -> Iterator[bytes]:
    found = find(connection, ref, place)
    if isinstance(found, FileVersion):
        assert found.blob is not None
        key = bytes.fromhex(found.blob)
    else:
        text = _entry_text(connection, found, ref)
        if isinstance(text, str):
            yield text.encode("utf-8", "replace")
            return
        key = text
    try:
        yield from read_pieces(connection, key)
    except StoreError as error:
        if "purged" in str(error):
            raise ToolError(f"{ref!r} is gone: {error}") from error
        raise


def _entry_text(connection: sqlite3.Connection, found: EntryPlace, ref: str) -> str | bytes:
    """Return the text of an entry, or the key of the blob that holds it."""
    if found.purged:
        raise ToolError(f"{ref!r} was purged; nothing of it is kept")
    rows = read_after(connection, found.number - 1, 1)
    if not rows or rows[0].number != found.number or rows[0].entry is None:
        raise StoreError(f"{ref!r} is damaged: `kodo store verify` tells more")
    text = said(rows[0].entry.event)
    if text is None:
        kind = rows[0].entry.event.body.__struct_config__.tag
        raise ToolError(f"{ref!r} holds no text: it is an event of kind {kind!r}")
    if not text.blob:
        return text.text
    key = whole_key(connection, text.blob)
    if key is None:
        raise ToolError(f"{ref!r} is gone: its output {text.blob!r} is kept no more")
    return key


def _offset(piece: bytes, lines: int) -> int:
    """Return where the line begins that comes after so many line ends."""
    at = 0
    for _ in range(lines):
        at = piece.find(b"\n", at) + 1
        if at == 0:
            return len(piece)
    return at
