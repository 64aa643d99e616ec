"""The blobs: bytes named by their SHA-256, compressed, in pieces, each content kept once.

Does not know who refers to them. Guards that what comes back is what went in, or an error.
"""

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping

from anyio import to_thread

from kodo.base.errors import StoreError
from kodo.base.hashing import sha256_hex
from kodo.store.database import Database
from kodo.store.packing import pack, unpack

_PIECE_BYTES = 4 << 20
_MOST_BYTES_A_COMMIT = 2 * _PIECE_BYTES  # so that no writer holds the file for long
_HASHED_IN_PLACE_BYTES = 64 << 10  # about 0.1 ms of hashing: less than a trip to a worker thread

_Piece = tuple[str, int, bytes]


class SqliteBlobs:
    """The blobs of a project in its SQLite file.

    Large contents are written over several commits, their first piece in the last one: a blob is
    there if and only if its first piece is.
    """

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

    async def keep(self, contents: Mapping[str, bytes]) -> None:
        """Keep contents under names that are already known to be their SHA-256."""
        for group in _grouped(contents):
            await self._database.write(lambda connection, group=group: _insert(connection, group))

    async def get(self, name: str) -> bytes:
        """Return the bytes of that name. Raises StoreError where they are unknown or damaged."""
        return await self._database.read(lambda connection: _read(connection, name))

    async def get_many(self, names: Iterable[str]) -> dict[str, bytes]:
        """Return the bytes of each name. Raises StoreError where one is unknown or damaged."""
        wanted = list(dict.fromkeys(names))
        found: dict[str, bytes] = {}
        for start in range(0, len(wanted), 100):  # in portions, so that appends get their turn
            part = wanted[start : start + 100]
            found |= await self._database.read(
                lambda connection, part=part: {name: _read(connection, name) for name in part}
            )
        return found

    async def verify(self) -> list[str]:
        """Read every blob and return the names of those whose bytes are not what was put."""

        def names(connection: sqlite3.Connection) -> list[str]:
            rows = connection.execute("SELECT blob FROM pieces WHERE piece = 0 ORDER BY number")
            return [row[0].hex() for row in rows]

        def damaged(connection: sqlite3.Connection, part: list[str]) -> list[str]:
            found: list[str] = []
            for name in part:
                try:
                    _read(connection, name)
                except StoreError:
                    found.append(name)
            return found

        everything = await self._database.read(names)
        found: list[str] = []
        for start in range(0, len(everything), 100):
            part = everything[start : start + 100]
            found += await self._database.read(
                lambda connection, part=part: damaged(connection, part)
            )
        return found


def _grouped(contents: Mapping[str, bytes]) -> Iterator[list[_Piece]]:
    """Yield the pieces in groups of one commit each, every blob's first piece after its others."""
    group: list[_Piece] = []
    size = 0
    for name, data in contents.items():
        for start in reversed(range(0, max(1, len(data)), _PIECE_BYTES)):
            piece = data[start : start + _PIECE_BYTES]
            group.append((name, start // _PIECE_BYTES, piece))
            size += len(piece)
            if size >= _MOST_BYTES_A_COMMIT:
                yield group
                group, size = [], 0
    if group:
        yield group


def _insert(connection: sqlite3.Connection, group: list[_Piece]) -> None:
    whole: set[str] = set()
    for name, number, data in group:
        key = bytes.fromhex(name)
        if (
            name in whole
            or connection.execute(
                "SELECT 1 FROM pieces WHERE blob = ? AND piece = 0", (key,)
            ).fetchone()
        ):
            whole.add(name)
            continue
        # A piece may be there already when an earlier put of the same bytes died half way.
        connection.execute(
            "INSERT OR IGNORE INTO pieces (blob, piece, packing, data) VALUES (?, ?, ?, ?)",
            (key, number, *pack(data)),
        )


def _read(connection: sqlite3.Connection, name: str) -> bytes:
    try:
        key = bytes.fromhex(name)
    except ValueError:
        raise StoreError(f"{name!r} is not the name of a blob (64 hex digits)") from None
    rows = connection.execute(
        "SELECT piece, packing, data FROM pieces WHERE blob = ? ORDER BY piece", (key,)
    ).fetchall()
    if not rows or rows[0][0] != 0:
        raise StoreError(f"no blob {name!r} in this project's store")
    try:
        data = b"".join(unpack(packing, piece) for _, packing, piece in rows)
    except StoreError as error:
        raise StoreError(f"blob {name!r} is damaged: {error}") from error
    if hashlib.sha256(data).digest() != key:
        raise StoreError(f"blob {name!r} is damaged: its bytes do not match its name")
    return data
