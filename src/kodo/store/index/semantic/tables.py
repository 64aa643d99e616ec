"""The tables of functions: which files were read, their functions, and the words of those.

All of it can be made again from the contents of the index. Guards that tables of another format, or
of an index that was dropped, are never read.
"""

import sqlite3

from kodo.store.index.tables import format_of, set_state, state

FORMAT = 1

_STATEMENTS = (
    # One row a content of the index that was read; `last` is the number behind its functions.
    """CREATE TABLE semantic_files (
        content INTEGER PRIMARY KEY,
        first   INTEGER NOT NULL,
        last    INTEGER NOT NULL
    )""",
    # What the paths hold now, of what was read. Functions of other contents are out of date.
    "CREATE TABLE semantic_paths (path TEXT PRIMARY KEY, content INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE INDEX semantic_paths_by_content ON semantic_paths (content)",
    # `shown` are the lines that are shown of it, as they stand in the content.
    """CREATE TABLE semantic_functions (
        number      INTEGER PRIMARY KEY,
        content     INTEGER NOT NULL,
        name        TEXT NOT NULL,
        first_line  INTEGER NOT NULL,
        last_line   INTEGER NOT NULL,
        shown       TEXT NOT NULL,
        description TEXT NOT NULL,
        digest      BLOB NOT NULL
    )""",
    "CREATE INDEX semantic_functions_by_digest ON semantic_functions (digest)",
    # For each stem the functions it is in, by number, with one byte of weight each. What is new
    # stands on level 0, which is small and often written; now and then it goes to level 1.
    """CREATE TABLE semantic_words (
        number    INTEGER PRIMARY KEY,
        stem      TEXT NOT NULL,
        level     INTEGER NOT NULL,
        functions BLOB NOT NULL,
        weights   BLOB NOT NULL,
        UNIQUE (stem, level)
    )""",
    # The vector of a description, by the description's digest.
    "CREATE TABLE semantic_vectors (digest BLOB PRIMARY KEY, vector BLOB NOT NULL) WITHOUT ROWID",
)
_TABLES = (
    *("semantic_vectors", "semantic_words", "semantic_functions", "semantic_paths"),
    "semantic_files",
)


def is_made(connection: sqlite3.Connection) -> bool:
    """Whether the tables are there and of this format."""
    return format_of(connection) is not None and state(connection, "semantic") == FORMAT


def make(connection: sqlite3.Connection) -> None:
    """Make the tables where they are missing or of another format, within the caller's write.

    The index's own tables must be there.
    """
    if not is_made(connection):
        drop(connection)
        for statement in _STATEMENTS:
            connection.execute(statement)
        set_state(connection, "semantic", FORMAT)
        set_state(connection, "semantic_versions", 0)
        set_state(connection, "semantic_new", 0)


def drop(connection: sqlite3.Connection) -> None:
    """Drop the tables, of whatever format, within the caller's write."""
    for table in _TABLES:
        connection.execute(f"DROP TABLE IF EXISTS {table}")
