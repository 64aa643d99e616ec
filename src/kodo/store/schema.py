"""The format of the store's file: its tables, its version, and the steps from older versions.

Does not know what the rows mean. Guards that a newer or foreign file is refused, never changed.
"""

import sqlite3
from pathlib import Path

from kodo.base.errors import StoreError

APPLICATION_ID = 0x6B6F646F  # "kodo" in ASCII; SQLite keeps it in the file's header

# Step N brings a file from version N to N + 1. A released step is never edited: the golden file
# of each version in tests/store/golden must go on opening.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
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
)


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Bring an open file to the newest version, in one transaction; a current one is only read.

    Raises StoreError for a file of another program or of a newer kodo, sqlite3.Error from below.
    """
    if _checked_version(connection, path) == len(MIGRATIONS):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have migrated it while this one waited for the lock.
        for step in MIGRATIONS[_checked_version(connection, path) :]:
            for statement in step:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


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
