"""The blobs in PostgreSQL: bytes by their SHA-256, compressed, in pieces of at most 4 MiB.

Does not know who refers to them. Guards that what comes back is what went in, or an error.
"""

import hashlib

from anyio import to_thread

from kodo.base.errors import StoreError
from kodo.store.packing import pack, unpack
from kodo.store.pieces import PIECE_BYTES, key_of, unproved
from kodo.store.postgres.database import Connection, PostgresDatabase


class PostgresBlobs:
    """The blobs of a project in a PostgreSQL schema."""

    __slots__ = ("_database",)

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    async def put(self, data: bytes) -> str:
        """Keep the bytes durably and return their name (64 hex digits). Raises StoreError."""
        key, pieces = await to_thread.run_sync(_cut, data)

        async def act(connection: Connection) -> None:
            if not await connection.fetchval("SELECT 1 FROM pieces WHERE blob = $1 LIMIT 1", key):
                await connection.executemany(
                    "INSERT INTO pieces (blob, piece, packing, data) VALUES ($1, $2, $3, $4)"
                    " ON CONFLICT DO NOTHING",  # two that put the same bytes at once
                    [(key, number, *packed) for number, packed in enumerate(pieces)],
                )

        await self._database.write(act)
        return key.hex()

    async def get(self, name: str) -> bytes:
        """Return the bytes of that name. Raises StoreError where they are unknown or damaged."""
        key = key_of(name)

        async def act(connection: Connection) -> list[tuple[int, bytes]]:
            rows = await connection.fetch(
                "SELECT packing, data FROM pieces WHERE blob = $1 ORDER BY piece", key
            )
            return [(row["packing"], row["data"]) for row in rows]

        pieces = await self._database.read(act)
        if not pieces:
            raise StoreError(f"no blob {name!r} in this project's store")
        return await to_thread.run_sync(_join, key, pieces)


def _cut(data: bytes) -> tuple[bytes, list[tuple[int, bytes]]]:
    starts = range(0, max(1, len(data)), PIECE_BYTES)
    pieces = [pack(data[start : start + PIECE_BYTES]) for start in starts]
    return hashlib.sha256(data).digest(), pieces


def _join(key: bytes, pieces: list[tuple[int, bytes]]) -> bytes:
    try:
        data = b"".join(unpack(packing, piece) for packing, piece in pieces)
    except StoreError as error:
        raise StoreError(f"blob {key.hex()!r} is damaged: {error}") from error
    if hashlib.sha256(data).digest() != key:
        raise unproved(key)
    return data
