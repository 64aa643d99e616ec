"""Looking up chunks by their words: how common a word is, and the best chunks for several.

Knows match expressions and numbers of chunks, not texts. Guards the time of a question: however
common its words are, it reads only so many rows.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

from kodo.store.index.search.question import Question

COUNTED = 1000
MOST_TERMS = 8
MOST_ROWS = 3000

_MOST_TOGETHER = 5
_MOST_ROWS_NEAR = 7500
# How many other words may stand between so many: two of them are near each other by chance.
_NEAR = {2: 2, 3: 5, 4: 10, 5: 12}
_SAME_CHARS = 4

# Weights of the columns path, symbol, text, inner.
_WEIGHTS = "2.0, 3.0, 1.0, 0.8"


class Term(NamedTuple):
    """A word with about how many chunks hold it."""

    word: str
    match: str
    chunks: int


def count(connection: sqlite3.Connection, match: str) -> int:
    """Return about how many chunks match: exact up to COUNTED, estimated from there on."""
    counted, reached = connection.execute(
        "SELECT count(*), max(rowid) FROM "
        "(SELECT rowid FROM index_words WHERE index_words MATCH ? LIMIT ?)",
        (match, COUNTED),
    ).fetchone()
    if counted < COUNTED:
        return counted
    # Rows come by their numbers: how far COUNTED of them reach tells how dense they are.
    return max(COUNTED, COUNTED * size(connection) // max(1, reached))


def size(connection: sqlite3.Connection) -> int:
    """Return about how many chunks there are."""
    row = connection.execute("SELECT max(number) FROM index_chunks").fetchone()
    return row[0] or 0


def terms(connection: sqlite3.Connection, question: Question) -> list[Term]:
    """Return the words of a question that occur, rarest first."""
    found: list[Term] = []
    for word in question.words:
        match = '"' + word.replace('"', '""') + '"'
        counted = count(connection, match)
        if counted:
            found.append(Term(word, match, counted))
    found.sort(key=lambda term: term.chunks)
    return found


def affordable(found: Sequence[Term]) -> list[Term]:
    """Return the rarest terms that together read no more than MOST_ROWS rows; at least one."""
    chosen: list[Term] = []
    rows = 0
    for term in found[:MOST_TERMS]:
        rows += term.chunks
        if chosen and rows > MOST_ROWS:
            break
        chosen.append(term)
    return chosen


def together(connection: sqlite3.Connection, found: Sequence[Term], wanted: int) -> list[int]:
    """Return chunks in which several of the rarest terms stand near each other, the most first."""
    rare: list[Term] = []
    for term in found:
        # Other forms of a word that is there already are one word to the index.
        if len(rare) < _MOST_TOGETHER and not any(_same(term, other) for other in rare):
            rare.append(term)
    chunks: dict[int, None] = {}
    for size in range(len(rare), 1, -1):
        near = [
            f"NEAR({' '.join(term.match for term in some_terms)}, {_NEAR[size]})"
            for some_terms in _cheapest(combinations(rare, size))
        ]
        if near:
            chunks.update(dict.fromkeys(some(connection, " OR ".join(near), wanted)))
        if len(chunks) >= wanted:
            break
    return list(chunks)[:wanted]


def _same(one: Term, other: Term) -> bool:
    return one.chunks == other.chunks and one.word[:_SAME_CHARS] == other.word[:_SAME_CHARS]


def _cheapest(groups: Iterable[tuple[Term, ...]]) -> Iterator[tuple[Term, ...]]:
    """Yield the groups that read the fewest rows, as many as the time allows; at least one."""
    rows = 0
    for group in sorted(groups, key=lambda group: sum(term.chunks for term in group)):
        reads = sum(term.chunks for term in group)
        if rows and rows + reads > _MOST_ROWS_NEAR:
            return
        rows += reads
        yield group


def best(connection: sqlite3.Connection, match: str, limit: int) -> list[int]:
    """Return the best chunks for an expression by BM25, best first."""
    rows = connection.execute(
        f"SELECT rowid FROM index_words WHERE index_words MATCH ? "
        f"ORDER BY bm25(index_words, {_WEIGHTS}) LIMIT ?",
        (match, limit),
    )
    return [row[0] for row in rows]


def some(connection: sqlite3.Connection, match: str, limit: int) -> list[int]:
    """Return the newest chunks for an expression, without a score."""
    return [
        row[0]
        for row in connection.execute(
            "SELECT rowid FROM index_words WHERE index_words MATCH ? ORDER BY rowid DESC LIMIT ?",
            (match, limit),
        )
    ]
