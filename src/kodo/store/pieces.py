"""The rows of blobs: pieces of at most 4 MiB, each compressed alone, under the blob's SHA-256.

Does not know who refers to a blob. Guards that a blob is there if and only if its first piece is:
whatever writes one over several commits writes that piece in the last.
"""

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator

from kodo.base.errors import StoreError
from kodo.store.packing import pack, unpack

PIECE_BYTES = 4 << 20


def key_of(name: str) -> bytes:
    """Return the key of a blob's rows. Raises StoreError where `name` is not 64 hex digits."""
    try:
        key = bytes.fromhex(name)
    except ValueError:
        key = b""
    if len(key) != 32:
        raise StoreError(f"{name!r} is not the name of a blob (64 hex digits)")
    return key


def has(connection: sqlite3.Connection, key: bytes) -> bool:
    """Tell whether a blob is there."""
    return (
        connection.execute("SELECT 1 FROM pieces WHERE blob = ? AND piece = 0", (key,)).fetchone()
        is not None
    )


def insert_piece(connection: sqlite3.Connection, key: bytes, piece: int, data: bytes) -> None:
    """Keep one piece; it may be there already when an earlier try died half way."""
    connection.execute(
        "INSERT OR IGNORE INTO pieces (blob, piece, packing, data) VALUES (?, ?, ?, ?)",
        (key, piece, *pack(data)),
    )


def insert_whole(connection: sqlite3.Connection, data: bytes) -> bytes:
    """Keep a blob within the caller's transaction and return its key."""
    key = hashlib.sha256(data).digest()
    if not has(connection, key):
        for start in range(0, max(1, len(data)), PIECE_BYTES):
            piece = data[start : start + PIECE_BYTES] if len(data) > PIECE_BYTES else data
            insert_piece(connection, key, start // PIECE_BYTES, piece)
    return key


def read_piece(connection: sqlite3.Connection, key: bytes, piece: int) -> bytes | None:
    """Return a piece, None behind the last one. Raises StoreError: unknown, purged, damaged."""
    row = connection.execute(
        "SELECT packing, data FROM pieces WHERE blob = ? AND piece = ?", (key, piece)
    ).fetchone()
    if row is None:
        if piece == 0:
            raise absent(connection, key)
        return None
    return _unpacked(key, row[0], row[1])


def read_pieces(connection: sqlite3.Connection, key: bytes) -> Iterator[bytes]:
    """Yield the pieces in order, one in memory at a time; at the end the whole is proved.

    Raises StoreError where the blob is unknown, purged or damaged.
    """
    digest = hashlib.sha256()
    piece = 0
    while (data := read_piece(connection, key, piece)) is not None:
        digest.update(data)
        yield data
        piece += 1
    if digest.digest() != key:
        raise unproved(key)


def read_whole(connection: sqlite3.Connection, key: bytes) -> bytes:
    """Return a blob. Raises StoreError where it is unknown, purged or damaged."""
    rows = connection.execute(
        "SELECT piece, packing, data FROM pieces WHERE blob = ? ORDER BY piece", (key,)
    ).fetchmany(2)
    if len(rows) == 1 and rows[0][0] == 0:  # nearly all are of one piece: one statement reads them
        data = _unpacked(key, rows[0][1], rows[0][2])
        if hashlib.sha256(data).digest() != key:
            raise unproved(key)
        return data
    return b"".join(read_pieces(connection, key))


def remove(connection: sqlite3.Connection, keys: Iterable[bytes]) -> None:
    """Remove blobs with all their pieces."""
    connection.executemany("DELETE FROM pieces WHERE blob = ?", ((key,) for key in keys))


def purge_of(connection: sqlite3.Connection, key: bytes) -> str | None:
    """Return when and why a blob was purged, for people; None where it was not."""
    row = connection.execute(
        "SELECT strftime('%Y-%m-%d', at_us / 1000000, 'unixepoch'), why FROM purges "
        "WHERE kind = 'blob' AND key = ? ORDER BY number DESC LIMIT 1",
        (key,),
    ).fetchone()
    return None if row is None else f"purged on {row[0]} ({row[1]})"


def absent(connection: sqlite3.Connection, key: bytes) -> StoreError:
    """Return the error for a blob that is not there, saying why."""
    purge = purge_of(connection, key)
    if purge is not None:
        return StoreError(f"blob {key.hex()!r} was {purge}")
    return StoreError(f"no blob {key.hex()!r} in this project's store")


def unproved(key: bytes) -> StoreError:
    """Return the error for a blob whose bytes are not those of its name."""
    return StoreError(f"blob {key.hex()!r} is damaged: its bytes do not match its name")


def _unpacked(key: bytes, packing: int, data: bytes) -> bytes:
    try:
        return unpack(packing, data)
    except StoreError as error:
        raise StoreError(f"blob {key.hex()!r} is damaged: {error}") from error
