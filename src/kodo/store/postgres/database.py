# pyright: basic, reportMissingImports=false
"""A PostgreSQL database as the store uses it: a pool, the tables, and errors in our own words.

Does not know entries or blobs. Guards that a write that has begun is finished or rolled back whole,
also where its caller is cancelled, and that no password stands in an error.
"""

import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import anyio
import asyncpg

from kodo.base.errors import StoreError

VERSION = 1
_SCHEMA_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_TABLES = """
CREATE TABLE IF NOT EXISTS meta (version INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS threads (
    number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id TEXT COLLATE "C" NOT NULL UNIQUE,
    cwd TEXT NOT NULL,
    title TEXT NOT NULL,
    at_us BIGINT NOT NULL,
    header BYTEA NOT NULL
);
CREATE TABLE IF NOT EXISTS entries (
    thread BIGINT NOT NULL REFERENCES threads (number) ON DELETE CASCADE,
    seq INTEGER NOT NULL,
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    at_us BIGINT NOT NULL,
    chain BYTEA NOT NULL,
    digest BYTEA NOT NULL,
    packing SMALLINT NOT NULL,
    body BYTEA NOT NULL,
    PRIMARY KEY (thread, seq),
    UNIQUE (thread, id)
);
CREATE TABLE IF NOT EXISTS pieces (
    blob BYTEA NOT NULL,
    piece INTEGER NOT NULL,
    packing SMALLINT NOT NULL,
    data BYTEA NOT NULL,
    PRIMARY KEY (blob, piece)
);
ALTER TABLE entries ALTER COLUMN body SET STORAGE EXTERNAL;
ALTER TABLE pieces ALTER COLUMN data SET STORAGE EXTERNAL;
"""

Connection = Any  # asyncpg tells too little of its types
_DRIVER: Any = asyncpg
T = TypeVar("T")
Work = Callable[[Connection], Awaitable[T]]


class PostgresDatabase:
    """An open pool whose connections see one schema."""

    __slots__ = ("_pool",)

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    async def read(self, work: Work[T]) -> T:
        """Return what `work` returns of one unchanging state. Raises StoreError."""
        return await self._do(work, readonly=True)

    async def write(self, work: Work[T]) -> T:
        """Do `work` in one transaction: all of it or, with StoreError, nothing.

        Cancellation waits until that is decided.
        """
        with anyio.CancelScope(shield=True):
            return await self._do(work, readonly=False)
        raise AssertionError("nothing cancels a shielded scope")

    async def _do(self, work: Work[T], *, readonly: bool) -> T:
        isolation = "repeatable_read" if readonly else "read_committed"
        try:
            async with (
                self._pool.acquire() as connection,
                connection.transaction(isolation=isolation, readonly=readonly),
            ):
                return await work(connection)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            raise StoreError(f"PostgreSQL: {error}") from error


@asynccontextmanager
async def open_database(
    url: str, *, schema: str = "kodo", most_connections: int = 4, timeout_s: float = 30
) -> AsyncGenerator[PostgresDatabase]:
    """Give the database at `url` (postgresql://...); tables are made in `schema` when missing.

    Each project has a schema of its own. A commit is answered when it is on the server's disk.
    Raises StoreError where it cannot be reached, or holds tables of another version.
    """
    if not _SCHEMA_NAME.fullmatch(schema):
        raise StoreError(f"{schema!r} is no name for a schema: use a-z, 0-9 and _, at most 63")

    async def prepare(connection: Connection) -> None:
        await connection.execute(f'SET search_path TO "{schema}"')

    try:
        connection: Connection = await _DRIVER.connect(
            url, timeout=timeout_s, command_timeout=timeout_s
        )
        try:
            await _make_tables(connection, schema)
        finally:
            await connection.close()
        pool = await _DRIVER.create_pool(
            url,
            min_size=1,
            max_size=most_connections,
            timeout=timeout_s,
            command_timeout=timeout_s,
            setup=prepare,
        )
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, ValueError) as error:
        raise StoreError(f"cannot open the PostgreSQL store: {error}") from error
    try:
        yield PostgresDatabase(pool)
    finally:
        with anyio.CancelScope(shield=True):
            await pool.close()


async def _make_tables(connection: Connection, schema: str) -> None:
    async with connection.transaction():
        # Two processes that begin at once must not make the tables at once.
        await connection.execute("SELECT pg_advisory_xact_lock(hashtext($1))", f"kodo {schema}")
        await connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
        await connection.execute(f'SET LOCAL search_path TO "{schema}"')
        await connection.execute(_TABLES)
        version = await connection.fetchval("SELECT max(version) FROM meta")
        if version is None:
            await connection.execute("INSERT INTO meta VALUES ($1)", VERSION)
        elif version != VERSION:
            raise StoreError(
                f"the schema {schema!r} is of version {version}, this kodo knows {VERSION}:"
                " use the kodo that made it, or another schema"
            )
