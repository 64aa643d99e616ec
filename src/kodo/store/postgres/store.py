"""The door to a store in PostgreSQL: the log and the blobs of one project, one pool for both.

Does not know where the address comes from. Guards that the pool is closed, whatever happens.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import msgspec

from kodo.store.postgres.blobs import PostgresBlobs
from kodo.store.postgres.database import open_database
from kodo.store.postgres.log import PostgresLog


class PostgresStore(msgspec.Struct, frozen=True):
    """An open store. Indexes and snapshots' caches are no part of it: they stay local."""

    log: PostgresLog
    blobs: PostgresBlobs


@asynccontextmanager
async def open_postgres(
    url: str, *, schema: str = "kodo", most_connections: int = 4
) -> AsyncGenerator[PostgresStore]:
    """Give the store at `url`, its tables made when missing. Raises StoreError."""
    async with open_database(url, schema=schema, most_connections=most_connections) as database:
        yield PostgresStore(PostgresLog(database), PostgresBlobs(database))
