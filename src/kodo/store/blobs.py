"""The blobs: bytes named by their SHA-256, compressed, in pieces, each content kept once.

Does not know who refers to them. Guards that what comes back is what went in, or an error, and
that a content of any size passes through in pieces.
"""

import hashlib
import os
import sqlite3
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping

import anyio
from anyio import to_thread

from kodo.base.errors import StoreError
from kodo.base.hashing import sha256_hex
from kodo.store.database import Database
from kodo.store.pieces import (
    PIECE_BYTES,
    has,
    insert_piece,
    key_of,
    read_piece,
    read_pieces,
    read_whole,
    remove,
    unproved,
)

_MOST_BYTES_A_COMMIT = 2 * PIECE_BYTES  # so that no writer holds the file for long
_HASHED_IN_PLACE_BYTES = 64 << 10  # about 0.1 ms of hashing: less than a trip to a worker thread

_Piece = tuple[bytes, int, bytes]


class SqliteBlobs:
    """The blobs of a project in its SQLite file."""

    __slots__ = ("_database",)

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, data: bytes) -> str:
        """Keep the bytes durably and return their name (64 hex digits). Raises StoreError."""
        if len(data) <= _HASHED_IN_PLACE_BYTES:
            name = sha256_hex(data)
        else:
            name = await to_thread.run_sync(sha256_hex, data)
        await self.keep({name: data})
        return name

    async def put_pieces(self, source: AsyncIterable[bytes]) -> str:
        """Keep a content that comes in pieces of any size; at most two of 4 MiB are in memory.

        Returns its name. Where `source` fails nothing is kept. Raises StoreError.
        """
        digest = hashlib.sha256()
        unfinished = os.urandom(32)  # the name is known at the end only
        first: bytes | None = None
        count = 0
        try:
            async for data in _repieced(source):
                await to_thread.run_sync(digest.update, data)
                if first is None:
                    first = data
                else:
                    count += 1
                    await self._database.write(
                        lambda connection, at=count, data=data: insert_piece(
                            connection, unfinished, at, data
                        )
                    )
            key, head = digest.digest(), first or b""
            await self._database.write(
                lambda connection: _finish(connection, unfinished, key, head)
            )
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self._database.write(lambda connection: remove(connection, [unfinished]))
            raise
        return key.hex()

    async def keep(self, contents: Mapping[str, bytes]) -> None:
        """Keep contents under names that are already known to be their SHA-256."""
        for group in _grouped(contents):
            await self._database.write(lambda connection, group=group: _insert(connection, group))

    async def get(self, name: str) -> bytes:
        """Return the bytes of that name. Raises StoreError: unknown, purged or damaged."""
        return await self._database.read(lambda connection: read_whole(connection, key_of(name)))

    async def get_many(self, names: Iterable[str]) -> dict[str, bytes]:
        """Return the bytes of each name. Raises StoreError as `get` does."""
        wanted = list(dict.fromkeys(names))
        found: dict[str, bytes] = {}
        for start in range(0, len(wanted), 100):  # in portions, so that appends get their turn
            part = wanted[start : start + 100]
            found |= await self._database.read(
                lambda connection, part=part: {
                    name: read_whole(connection, key_of(name)) for name in part
                }
            )
        return found

    async def pieces(self, name: str) -> AsyncIterator[bytes]:
        """Yield a content in order, at most 4 MiB at a time.

        Raises StoreError as `get` does; that the whole is what was put is known after the last.
        """
        key = key_of(name)
        digest = hashlib.sha256()
        at = 0
        while True:
            data = await self._database.read(
                lambda connection, at=at: read_piece(connection, key, at)
            )
            if data is None:
                break
            await to_thread.run_sync(digest.update, data)
            yield data
            at += 1
        if digest.digest() != key:
            raise unproved(key)

    async def verify(self) -> list[str]:
        """Read every blob and return the names of those whose bytes are not what was put."""

        def names(connection: sqlite3.Connection) -> list[bytes]:
            rows = connection.execute("SELECT blob FROM pieces WHERE piece = 0 ORDER BY number")
            return [row[0] for row in rows]

        def damaged(connection: sqlite3.Connection, part: list[bytes]) -> list[str]:
            found: list[str] = []
            for key in part:
                try:
                    for _ in read_pieces(connection, key):
                        pass
                except StoreError:
                    found.append(key.hex())
            return found

        everything = await self._database.read(names)
        found: list[str] = []
        for start in range(0, len(everything), 100):
            part = everything[start : start + 100]
            found += await self._database.read(
                lambda connection, part=part: damaged(connection, part)
            )
        return found


async def _repieced(source: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """Yield the same bytes in pieces of the size that is kept; nothing for an empty source."""
    waiting = bytearray()
    async for data in source:
        for start in range(0, len(data), PIECE_BYTES):
            waiting += data[start : start + PIECE_BYTES]
            while len(waiting) >= PIECE_BYTES:
                yield bytes(waiting[:PIECE_BYTES])
                del waiting[:PIECE_BYTES]
    if waiting:
        yield bytes(waiting)


def _grouped(contents: Mapping[str, bytes]) -> Iterator[list[_Piece]]:
    """Yield the pieces in groups of one commit each, every blob's first piece after its others."""
    group: list[_Piece] = []
    size = 0
    for name, data in contents.items():
        key = key_of(name)
        for start in reversed(range(0, max(1, len(data)), PIECE_BYTES)):
            piece = data[start : start + PIECE_BYTES]
            group.append((key, start // PIECE_BYTES, piece))
            size += len(piece)
            if size >= _MOST_BYTES_A_COMMIT:
                yield group
                group, size = [], 0
    if group:
        yield group


def _insert(connection: sqlite3.Connection, group: list[_Piece]) -> None:
    whole: set[bytes] = set()
    for key, number, data in group:
        if key in whole or has(connection, key):
            whole.add(key)
        else:
            insert_piece(connection, key, number, data)


def _finish(connection: sqlite3.Connection, unfinished: bytes, key: bytes, first: bytes) -> None:
    """Give the pieces their name, the first of them last; or drop them where it is known."""
    if has(connection, key):
        remove(connection, [unfinished])
        return
    remove(connection, [key])  # an earlier put of the same bytes may have died half way
    connection.execute("UPDATE pieces SET blob = ? WHERE blob = ?", (key, unfinished))
    insert_piece(connection, key, 0, first)
