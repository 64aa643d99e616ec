"""Contents in the index: prepared without a lock, put into the tables, read back in parts.

Does not know where a content comes from. Guards that each is cut and indexed once, and that its
bytes come back exactly.
"""

import hashlib
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from kodo.store.index.tables import set_state, state
from kodo.store.index.words import inner_words
from kodo.store.packing import pack, unpack
from kodo.syntax.chunks import Chunk, chunks

SEGMENT_BYTES = 8 << 10

_PATH_PARTS = 6
_SHAS_A_QUERY = 16
_FIND_CHUNKS = (
    f"SELECT sha, number FROM index_chunks WHERE sha IN ({', '.join('?' * _SHAS_A_QUERY)})"
)
_READ_CHUNK = f"""
    SELECT path || ' ' || symbol, start, length, segment, packing, data
    FROM index_chunks JOIN index_segments ON index_segments.content = index_chunks.content
        AND segment BETWEEN start / {SEGMENT_BYTES} AND (start + length - 1) / {SEGMENT_BYTES}
    WHERE number = ? ORDER BY segment
"""


class Use(NamedTuple):
    """That a row of the truth holds a content: `source` and `number` name the row."""

    source: int
    number: int
    sha: bytes


class Words(NamedTuple):
    """A chunk as the index of words takes it. `sha` is of its bytes."""

    sha: bytes
    path: str
    symbol: str
    text: str
    inner: str


@dataclass(slots=True)
class Prepared:
    """A content ready to be put in: all that costs CPU has been done."""

    sha: bytes
    size: int
    lines: int
    segments: list[tuple[int, bytes]]
    chunks: list[tuple[Chunk, Words]]


def prepare(sha: bytes, data: bytes, path: str = "") -> Prepared:
    """Cut a content, take its words and pack it. `path` is that of a file, else empty."""
    shown = shown_path(path)
    found = [
        (chunk, words_of(data[chunk.start : chunk.end], shown, chunk.symbol))
        for chunk in chunks(data, path)
    ]
    segments = [
        pack(data[start : start + SEGMENT_BYTES] if len(data) > SEGMENT_BYTES else data)
        for start in range(0, len(data), SEGMENT_BYTES)
    ]
    lines = found[-1][0].last_line if found else 0
    return Prepared(sha, len(data), lines, segments, found)


def words_of(piece: bytes, path: str, symbol: str) -> Words:
    """Return a chunk as the index of words takes it, and must be given to forget it."""
    text = piece.decode("utf-8", "replace")
    inner = inner_words(b"%s %s %s" % (piece, symbol.encode(), path.encode()) if path else piece)
    return Words(hashlib.sha256(piece).digest()[:16], path, symbol, text, inner)


def shown_path(path: str) -> str:
    """Return the end of a path: by its far folders no file is told from another."""
    return "/".join(path.split("/")[-_PATH_PARTS:])


def known(connection: sqlite3.Connection, shas: Iterable[bytes]) -> set[bytes]:
    """Return which of the contents are in the index already."""
    return {
        sha
        for sha in shas
        if connection.execute("SELECT 1 FROM index_contents WHERE sha = ?", (sha,)).fetchone()
    }


def put(connection: sqlite3.Connection, contents: Sequence[Prepared], uses: Sequence[Use]) -> None:
    """Put contents and their uses into the tables, within the caller's write."""
    numbers: dict[bytes, int] = {}
    for content in contents:
        numbers[content.sha] = _put_content(connection, content)
    rows: list[tuple[int, int, int]] = []
    for use in uses:
        number = numbers.get(use.sha) or _content_number(connection, use.sha)
        if number is not None:
            rows.append((use.source, use.number, number))
    connection.executemany("INSERT OR REPLACE INTO index_uses VALUES (?, ?, ?)", rows)


def _content_number(connection: sqlite3.Connection, sha: bytes) -> int | None:
    row = connection.execute("SELECT number FROM index_contents WHERE sha = ?", (sha,)).fetchone()
    return None if row is None else row[0]


def _put_content(connection: sqlite3.Connection, content: Prepared) -> int:
    number = _content_number(connection, content.sha)
    if number is not None:
        return number
    cursor = connection.execute(
        "INSERT INTO index_contents (sha, bytes, lines) VALUES (?, ?, ?)",
        (content.sha, content.size, content.lines),
    )
    number = cursor.lastrowid
    assert number is not None
    connection.executemany(
        "INSERT INTO index_segments VALUES (?, ?, ?, ?)",
        [(number, at, *segment) for at, segment in enumerate(content.segments)],
    )
    places: list[tuple[int, int, int, int, int, int]] = []
    new: list[tuple[int, Words, int, int]] = []
    numbers = _chunk_numbers(connection, [words.sha for _, words in content.chunks])
    following = max(state(connection, "chunks"), _last_chunk(connection)) + 1
    for chunk, words in content.chunks:
        size = chunk.end - chunk.start
        at = numbers.get(words.sha)
        if at is None:
            at = numbers[words.sha] = following + len(new)
            new.append((at, words, chunk.start, size))
        places.append((number, chunk.start, size, chunk.first_line, chunk.last_line, at))
    # A number is never given twice: old parts of the index of words may still hold it.
    set_state(connection, "chunks", following + len(new) - 1)
    connection.executemany("INSERT INTO index_places VALUES (?, ?, ?, ?, ?, ?)", places)
    connection.executemany(
        "INSERT INTO index_chunks (number, sha, path, symbol, content, start, length) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(at, *words[:3], number, start, size) for at, words, start, size in new],
    )
    connection.executemany(
        "INSERT INTO index_words (rowid, path, symbol, text, inner) VALUES (?, ?, ?, ?, ?)",
        [(at, *words[1:]) for at, words, _, _ in new],
    )
    return number


def _last_chunk(connection: sqlite3.Connection) -> int:
    return connection.execute("SELECT max(number) FROM index_chunks").fetchone()[0] or 0


def _chunk_numbers(connection: sqlite3.Connection, shas: list[bytes]) -> dict[bytes, int]:
    """Return the numbers of those chunks that are in the index."""
    found: dict[bytes, int] = {}
    for start in range(0, len(shas), _SHAS_A_QUERY):
        part = shas[start : start + _SHAS_A_QUERY]
        # Filled up, so that the statement stays the same and is compiled once.
        part += [b""] * (_SHAS_A_QUERY - len(part))
        found.update(connection.execute(_FIND_CHUNKS, part))
    return found


def read_part(connection: sqlite3.Connection, content: int, start: int, length: int) -> bytes:
    """Return bytes of a content. Raises StoreError where a segment is damaged."""
    first = start // SEGMENT_BYTES
    rows = connection.execute(
        "SELECT packing, data FROM index_segments "
        "WHERE content = ? AND segment BETWEEN ? AND ? ORDER BY segment",
        (content, first, (start + max(1, length) - 1) // SEGMENT_BYTES),
    )
    data = b"".join(unpack(packing, segment) for packing, segment in rows)
    offset = start - first * SEGMENT_BYTES
    return data[offset : offset + length]


class ChunkText(NamedTuple):
    """A chunk's text, and the path and symbols that it was first seen under."""

    name: str
    text: str


def read_chunk(connection: sqlite3.Connection, chunk: int) -> ChunkText | None:
    """Return a chunk; None where it has gone. Raises StoreError where a segment is damaged."""
    name = ""
    first = start = length = 0
    pieces: list[bytes] = []
    for row in connection.execute(_READ_CHUNK, (chunk,)):
        name, start, length, segment, packing, data = row
        if not pieces:
            first = segment
        pieces.append(unpack(packing, data))
    if not pieces:
        return None
    offset = start - first * SEGMENT_BYTES
    data = b"".join(pieces)[offset : offset + length]
    return ChunkText(name, data.decode("utf-8", "replace"))
