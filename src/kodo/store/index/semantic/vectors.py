"""Vectors of what functions say they do: which are missing, kept once a description, read back.

Knows bytes, not what they mean. Guards that a description is embedded once, however often its file
is edited.
"""

import sqlite3
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple, Protocol

from kodo.store.database import Database
from kodo.store.index.semantic.tables import is_made
from kodo.store.index.tables import set_state, state

_BATCH = 16
_KEPT = "semantic_vectors"


class Embedder(Protocol):
    """What turns a text into a vector, as bytes of a length of its own."""

    def encode(self, text: str) -> bytes:
        """Return the vector of a text. Takes some ten milliseconds of CPU."""
        ...


class Described(NamedTuple):
    """A description and the name its vector is kept by."""

    digest: bytes
    description: str


async def embed_next(database: Database, embedder: Embedder) -> bool:
    """Embed the next few descriptions; False where none is missing.

    A batch takes a fraction of a second: between two of them it can be given up without loss.
    Raises StoreError.
    """
    missing = await database.read(_missing)
    if not missing:
        return False
    vectors = await database.read(partial(_encoded, embedder=embedder, missing=missing))
    await database.write(partial(_keep, vectors=vectors))
    return True


def vectors_after(connection: sqlite3.Connection, number: int) -> list[tuple[int, bytes]]:
    """Return the numbers and vectors of the functions behind `number`, ascending."""
    return connection.execute(
        "SELECT semantic_functions.number, vector FROM semantic_functions "
        "JOIN semantic_vectors ON semantic_vectors.digest = semantic_functions.digest "
        "WHERE semantic_functions.number > ? ORDER BY semantic_functions.number",
        (number,),
    ).fetchall()


def count_vectors(connection: sqlite3.Connection) -> int:
    """Return how many vectors were kept since the tables were made, to tell whether there are more.

    A number that is kept: to count the rows is to read them all.
    """
    return state(connection, _KEPT)


def _missing(connection: sqlite3.Connection) -> list[Described]:
    if not is_made(connection):
        return []
    rows = connection.execute(
        "SELECT DISTINCT semantic_functions.digest, description FROM semantic_functions "
        "LEFT JOIN semantic_vectors ON semantic_vectors.digest = semantic_functions.digest "
        "WHERE vector IS NULL LIMIT ?",
        (_BATCH,),
    )
    return [Described(*row) for row in rows]


def _encoded(
    connection: sqlite3.Connection, embedder: Embedder, missing: Sequence[Described]
) -> list[tuple[bytes, bytes]]:
    """Run in the file's own thread, which is the one that may be slow."""
    return [(one.digest, embedder.encode(one.description)) for one in missing]


def _keep(connection: sqlite3.Connection, vectors: Sequence[tuple[bytes, bytes]]) -> None:
    if is_made(connection):
        connection.executemany("INSERT OR REPLACE INTO semantic_vectors VALUES (?, ?)", vectors)
        set_state(connection, _KEPT, state(connection, _KEPT) + len(vectors))
