"""The format of the store's file: its tables, its version, and the steps from older versions.

Does not know what the rows mean. Guards that a newer or foreign file is refused, never changed.
"""

import hashlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

from kodo.base.errors import StoreError
from kodo.store.backfill import record_earlier_changes
from kodo.store.packing import unpack

APPLICATION_ID = 0x6B6F646F  # "kodo" in ASCII; SQLite keeps it in the file's header

# Step N brings a file from version N to N + 1. A released step is never edited: the golden file
# of each version in tests/store/golden must go on opening.
# All other tables can be made again from these.
TRUTH = frozenset(
    ("threads", "entries", "pieces", "workspaces", "floors", "file_versions", "purges")
)

Statement = str | Callable[[sqlite3.Connection], None]

MIGRATIONS: tuple[tuple[Statement, ...], ...] = (
    (
        # AUTOINCREMENT: the number of a removed thread is never given to another one, so a process
        # that still remembers it cannot write into a stranger's thread.
        """CREATE TABLE threads (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            id     TEXT NOT NULL UNIQUE,
            cwd    TEXT NOT NULL,
            title  TEXT NOT NULL,
            at_us  INTEGER NOT NULL,
            header BLOB NOT NULL
        )""",
        """CREATE TABLE entries (
            number  INTEGER PRIMARY KEY,
            thread  INTEGER NOT NULL REFERENCES threads (number) ON DELETE CASCADE,
            seq     INTEGER NOT NULL,
            id      TEXT NOT NULL,
            kind    TEXT NOT NULL,
            at_us   INTEGER NOT NULL,
            chain   BLOB NOT NULL,
            packing INTEGER NOT NULL,
            body    BLOB NOT NULL
        )""",
        "CREATE UNIQUE INDEX entries_by_seq ON entries (thread, seq)",
        "CREATE UNIQUE INDEX entries_by_id ON entries (thread, id)",
        """CREATE TABLE pieces (
            number  INTEGER PRIMARY KEY,
            blob    BLOB NOT NULL,
            piece   INTEGER NOT NULL,
            packing INTEGER NOT NULL,
            data    BLOB NOT NULL
        )""",
        "CREATE UNIQUE INDEX pieces_by_blob ON pieces (blob, piece)",
        """CREATE TABLE workspaces (
            path    BLOB PRIMARY KEY,
            packing INTEGER NOT NULL,
            stats   BLOB NOT NULL
        )""",
    ),
    (
        # The digest of each body stands beside it, so that a body can be purged and the chain
        # still be proved. What is short comes first: a column behind a long body is slow to read.
        "ALTER TABLE entries RENAME TO entries_1",
        """CREATE TABLE entries (
            number  INTEGER PRIMARY KEY,
            thread  INTEGER NOT NULL REFERENCES threads (number) ON DELETE CASCADE,
            seq     INTEGER NOT NULL,
            id      TEXT NOT NULL,
            kind    TEXT NOT NULL,
            at_us   INTEGER NOT NULL,
            chain   BLOB NOT NULL,
            digest  BLOB NOT NULL,
            purge   INTEGER,
            packing INTEGER NOT NULL,
            body    BLOB NOT NULL
        )""",
        """INSERT INTO entries SELECT number, thread, seq, id, kind, at_us, chain,
            body_digest(packing, body), NULL, packing, body FROM entries_1 ORDER BY number""",
        "DROP TABLE entries_1",
        "CREATE UNIQUE INDEX entries_by_seq ON entries (thread, seq)",
        "CREATE UNIQUE INDEX entries_by_id ON entries (thread, id)",
        # Empty means that the header is what its digest is made of: it was never purged.
        "ALTER TABLE threads ADD COLUMN digest BLOB",
        "ALTER TABLE threads ADD COLUMN purge INTEGER",
        # What a counter may never fall below, since the rows that it counted may be removed.
        "CREATE TABLE floors (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
        # The newest version of a path is never removed, so no number is given twice.
        """CREATE TABLE file_versions (
            number INTEGER PRIMARY KEY,
            path   TEXT NOT NULL,
            blob   BLOB,
            entry  INTEGER NOT NULL,
            how    TEXT NOT NULL CHECK (how IN ('changed', 'seen'))
        )""",
        "CREATE INDEX file_versions_by_path ON file_versions (path, number)",
        """CREATE TABLE purges (
            number      INTEGER PRIMARY KEY,
            at_us       INTEGER NOT NULL,
            who         TEXT NOT NULL,
            why         TEXT NOT NULL,
            kind        TEXT NOT NULL CHECK (kind IN ('entry', 'blob', 'header')),
            key         BLOB NOT NULL,
            place       TEXT NOT NULL,
            replacement BLOB,
            chain       BLOB NOT NULL
        )""",
        "CREATE INDEX purges_by_key ON purges (key)",
        record_earlier_changes,
    ),
)


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Bring an open file to the newest version, in one transaction; a current one is only read.

    Raises StoreError for a file of another program or of a newer kodo, sqlite3.Error from below.
    """
    if _checked_version(connection, path) == len(MIGRATIONS):
        return
    connection.create_function("body_digest", 2, _body_digest, deterministic=True)
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have migrated it while this one waited for the lock.
        for step in MIGRATIONS[_checked_version(connection, path) :]:
            for statement in step:
                if isinstance(statement, str):
                    connection.execute(statement)
                else:
                    statement(connection)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _body_digest(packing: int, body: bytes) -> bytes:
    """Return the SHA-256 of a body; of a damaged one 32 zeros, which no chain agrees with."""
    try:
        return hashlib.sha256(unpack(packing, body)).digest()
    except StoreError:
        return bytes(32)


def _checked_version(connection: sqlite3.Connection, path: Path) -> int:
    application_id: int = connection.execute("PRAGMA application_id").fetchone()[0]
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if application_id == APPLICATION_ID:
        if version > len(MIGRATIONS):
            raise StoreError(
                f"{str(path)!r} was written by a newer kodo (format {version}, this one knows up "
                f"to {len(MIGRATIONS)}): update kodo, or set KODO_HOME to another folder"
            )
        return version
    tables: int = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if application_id or version or tables:
        raise StoreError(
            f"{str(path)!r} is an SQLite file, but not a store of kodo: "
            "move it aside, or set KODO_HOME to another folder"
        )
    return 0
