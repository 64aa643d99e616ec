"""Counting a store: how much of what it holds, and what that takes in the file."""

import sqlite3

from kodo.core.messages import Value
from kodo.store.database import Database
from kodo.store.schema import TRUTH


class KindStats(Value, frozen=True):
    """The entries of one kind: how many, and their bytes in the file without their long texts."""

    kind: str
    entries: int
    packed_bytes: int


class StoreStats(Value, frozen=True):
    """What a store holds. Bytes are as they lie in the file, compressed.

    `waiting_bytes` is the -wal file: written, and not yet moved into the file. `free_bytes` are
    given back by gc. `index_bytes` is what can be made again, None where this SQLite cannot tell.
    """

    path: str
    format: int
    file_bytes: int
    waiting_bytes: int
    free_bytes: int
    threads: int
    entries: int
    kinds: tuple[KindStats, ...]
    blobs: int
    blob_pieces: int
    blob_packed_bytes: int
    files: int
    file_versions: int
    purges: int
    index_bytes: int | None


async def count(database: Database) -> StoreStats:
    """Count everything. Raises StoreError."""
    return await database.read(lambda connection: _count(connection, database))


def _count(connection: sqlite3.Connection, database: Database) -> StoreStats:
    def one(query: str) -> int:
        value: int | None = connection.execute(query).fetchone()[0]
        return value or 0

    kinds = connection.execute(
        "SELECT kind, count(*), sum(length(body)) FROM entries GROUP BY kind ORDER BY 3 DESC"
    ).fetchall()
    blobs, pieces, packed = connection.execute(
        "SELECT coalesce(sum(piece = 0), 0), count(*), coalesce(sum(length(data)), 0) FROM pieces"
    ).fetchone()
    waiting = database.path.with_name(f"{database.path.name}-wal")
    return StoreStats(
        path=str(database.path),
        format=one("PRAGMA user_version"),
        file_bytes=database.path.stat().st_size,
        waiting_bytes=waiting.stat().st_size if waiting.exists() else 0,
        free_bytes=one("PRAGMA freelist_count") * one("PRAGMA page_size"),
        threads=one("SELECT count(*) FROM threads"),
        entries=sum(row[1] for row in kinds),
        kinds=tuple(KindStats(*row) for row in kinds),
        blobs=blobs,
        blob_pieces=pieces,
        blob_packed_bytes=packed,
        files=one("SELECT count(DISTINCT path) FROM file_versions"),
        file_versions=one("SELECT count(*) FROM file_versions"),
        purges=one("SELECT count(*) FROM purges"),
        index_bytes=_index_bytes(connection),
    )


def _index_bytes(connection: sqlite3.Connection) -> int | None:
    trees = connection.execute(
        "SELECT name, tbl_name FROM sqlite_master "
        "WHERE rootpage > 0 AND tbl_name NOT LIKE 'sqlite_%'"
    ).fetchall()
    total = 0
    try:
        for name, table in trees:  # one by one: dbstat then reads the pages of that tree only
            if table in TRUTH:
                continue
            row = connection.execute(
                "SELECT pgsize FROM dbstat WHERE name = ? AND aggregate = 1", (name,)
            ).fetchone()
            total += row[0] if row is not None else 0
    except sqlite3.OperationalError:  # SQLite was built without dbstat
        return None
    return total
