"""The tables of the index: made, dropped, and their format told apart from the truth's.

Everything here can be made again from entries and blobs. Guards that an index of another format is
never read: it is dropped and grows anew.
"""

import sqlite3

from kodo.store.index.words import TOKENIZER

FORMAT = 1

_STATEMENTS = (
    "CREATE TABLE index_state (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
    # A content is a text as it was said, printed or written; equal ones are kept once.
    """CREATE TABLE index_contents (
        number INTEGER PRIMARY KEY,
        sha    BLOB NOT NULL UNIQUE,
        bytes  INTEGER NOT NULL,
        lines  INTEGER NOT NULL
    )""",
    # Its bytes in segments that are quick to unpack: a hit in a log of 16 MB costs what any does.
    """CREATE TABLE index_segments (
        content INTEGER NOT NULL,
        segment INTEGER NOT NULL,
        packing INTEGER NOT NULL,
        data    BLOB NOT NULL,
        PRIMARY KEY (content, segment)
    ) WITHOUT ROWID""",
    # A chunk, and where its bytes are to be had.
    """CREATE TABLE index_chunks (
        number  INTEGER PRIMARY KEY,
        sha     BLOB NOT NULL UNIQUE,
        path    TEXT NOT NULL,
        symbol  TEXT NOT NULL,
        content INTEGER NOT NULL,
        start   INTEGER NOT NULL,
        length  INTEGER NOT NULL
    )""",
    # All the places where chunks stand.
    """CREATE TABLE index_places (
        content    INTEGER NOT NULL,
        start      INTEGER NOT NULL,
        length     INTEGER NOT NULL,
        first_line INTEGER NOT NULL,
        last_line  INTEGER NOT NULL,
        chunk      INTEGER NOT NULL,
        PRIMARY KEY (content, start)
    ) WITHOUT ROWID""",
    "CREATE INDEX index_places_by_chunk ON index_places (chunk)",
    # What a content was: `source` and `number` name a row of the truth (sources.py).
    """CREATE TABLE index_uses (
        source  INTEGER NOT NULL,
        number  INTEGER NOT NULL,
        content INTEGER NOT NULL,
        PRIMARY KEY (source, number)
    ) WITHOUT ROWID""",
    "CREATE INDEX index_uses_by_content ON index_uses (content)",
    # How the files of the workspaces looked when they were last read.
    """CREATE TABLE index_files (
        path     TEXT PRIMARY KEY,
        size     INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,
        ctime_ns INTEGER NOT NULL
    ) WITHOUT ROWID""",
    f"""CREATE VIRTUAL TABLE index_words USING fts5(
        path, symbol, text, inner, content='', tokenize="{TOKENIZER}"
    )""",
)
_TABLES = (
    *("index_words", "index_files", "index_uses", "index_places", "index_chunks"),
    *("index_segments", "index_contents", "index_state"),
)


def format_of(connection: sqlite3.Connection) -> int | None:
    """Return the format of the index in this file; None where there is none."""
    row = connection.execute(
        "SELECT 1 FROM sqlite_master WHERE name = 'index_state' AND type = 'table'"
    ).fetchone()
    if row is None:
        return None
    return state(connection, "format")


def make(connection: sqlite3.Connection) -> None:
    """Make the tables where they are missing or of another format, within the caller's write."""
    if format_of(connection) != FORMAT:
        drop(connection)
        for statement in _STATEMENTS:
            connection.execute(statement)
        set_state(connection, "format", FORMAT)


def drop(connection: sqlite3.Connection) -> None:
    """Drop the index, of whatever format, within the caller's write."""
    for table in _TABLES:
        connection.execute(f"DROP TABLE IF EXISTS {table}")


def state(connection: sqlite3.Connection, name: str) -> int:
    """Return a number that the index remembers; 0 where it does not."""
    row = connection.execute("SELECT value FROM index_state WHERE name = ?", (name,)).fetchone()
    return 0 if row is None else row[0]


def set_state(connection: sqlite3.Connection, name: str, value: int) -> None:
    """Remember a number."""
    connection.execute("INSERT OR REPLACE INTO index_state VALUES (?, ?)", (name, value))
