"""Postings: for each stem the functions that it describes, packed, and read back for a question.

Knows numbers and weights, not texts. Guards that adding a file rewrites little: new postings stand
on a small level of their own until there are many.
"""

import sqlite3
import sys
from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from kodo.store.index.tables import set_state, state

WEIGHT_STEPS = 12.0
"""A weight is kept in one byte, as twelfths of BM25F's term frequency."""

_NEW_MOST = 1000
_MOST_WEIGHT = 255


class Postings(NamedTuple):
    """Numbers of functions in ascending order, and the weight of a stem in each."""

    functions: "array[int]"
    weights: bytes


def size(connection: sqlite3.Connection) -> int:
    """Return the number behind the last function."""
    row = connection.execute("SELECT max(last) FROM semantic_files").fetchone()
    return row[0] or 1


def add(
    connection: sqlite3.Connection, functions: Sequence[tuple[int, Mapping[str, float]]]
) -> None:
    """Add functions with their words, numbers ascending, within the caller's write."""
    gathered: dict[str, tuple[array[int], bytearray]] = {}
    for number, weights in functions:
        for stem, weight in weights.items():
            row = gathered.get(stem)
            if row is None:
                row = gathered[stem] = (array("I"), bytearray())
            row[0].append(number)
            row[1].append(min(_MOST_WEIGHT, max(1, round(weight * WEIGHT_STEPS))))
    _append(
        connection, 0, ((stem, _packed(row[0]), bytes(row[1])) for stem, row in gathered.items())
    )
    new = state(connection, "semantic_new") + len(functions)
    if new > _NEW_MOST:
        _merge(connection)
        new = 0
    set_state(connection, "semantic_new", new)


def read(connection: sqlite3.Connection, stems: Iterable[str]) -> dict[str, Postings]:
    """Return the postings of those stems that occur."""
    found: dict[str, Postings] = {}
    for stem in stems:
        rows = connection.execute(
            "SELECT functions, weights FROM semantic_words WHERE stem = ? ORDER BY level DESC",
            (stem,),
        ).fetchall()
        if rows:
            packed = b"".join(row[0] for row in rows)
            found[stem] = Postings(_unpacked(packed), b"".join(row[1] for row in rows))
    return found


def _merge(connection: sqlite3.Connection) -> None:
    rows = connection.execute(
        "SELECT stem, functions, weights FROM semantic_words WHERE level = 0"
    ).fetchall()
    connection.execute("DELETE FROM semantic_words WHERE level = 0")
    _append(connection, 1, rows)


def _append(
    connection: sqlite3.Connection, level: int, rows: Iterable[tuple[str, bytes, bytes]]
) -> None:
    connection.executemany(
        "INSERT INTO semantic_words (stem, level, functions, weights) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (stem, level) DO UPDATE SET "
        # `||` makes text of two blobs
        "functions = CAST(functions || excluded.functions AS BLOB), "
        "weights = CAST(weights || excluded.weights AS BLOB)",
        [(stem, level, functions, weights) for stem, functions, weights in rows],
    )


def _packed(numbers: "array[int]") -> bytes:
    return _little(numbers).tobytes()


def _unpacked(packed: bytes) -> "array[int]":
    numbers: array[int] = array("I")
    numbers.frombytes(packed)
    return _little(numbers)


def _little(numbers: "array[int]") -> "array[int]":
    """Return the numbers as they are on disk: the same file may be read on another host."""
    if sys.byteorder == "big":
        numbers = numbers[:]
        numbers.byteswap()
    return numbers
