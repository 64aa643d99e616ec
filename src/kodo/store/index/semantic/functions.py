"""Finding functions by what they do: ranked by concepts, and by vectors where there are any.

Does not read the truth or the files' texts. Guards that the same question gives the same order, and
that each further page looks with other words for what the pages before it did not show.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Collection, Sequence
from math import log
from typing import NamedTuple, Protocol

from kodo.store.index.semantic import postings
from kodo.store.index.semantic.concepts import Concept, best, concepts, score
from kodo.store.index.semantic.stems import question_stems, stems
from kodo.store.index.semantic.tables import is_made

RANKED = 1000

_FEEDBACK_FUNCTIONS = 8
_FEEDBACK_WORDS = 10
_FEEDBACK_SHARE = 0.3
_LATER_SYNONYM_SHARE = 0.6
_FUSION_OFFSET = 60.0  # of Cormack, Clarke and Büttcher's reciprocal rank fusion (2009)


class Nearest(Protocol):
    """What ranks functions by the meaning of a question: vectors.py and minilm.py together."""

    def nearest(self, connection: sqlite3.Connection, text: str, most: int) -> list[int]:
        """Return the functions whose descriptions are nearest, best first; none without vectors."""
        ...


class Function(NamedTuple):
    """A function of an indexed content. `shown` are its first lines, from `first_line` on."""

    number: int
    content: int
    name: str
    first_line: int
    last_line: int
    shown: str


def find_functions(
    connection: sqlite3.Connection, text: str, page: int = 1, near: Nearest | None = None
) -> list[int]:
    """Return the functions that answer a question best, best first, at most RANKED.

    From page 2 on the words of what page 1 found first join the question (relevance feedback after
    Lavrenko and Croft 2001): leave out what was shown. Empty where nothing is known yet.
    """
    asked = question_stems(text)
    if not asked or not is_made(connection):
        return []
    gone = outdated(connection)
    scores = score(connection, concepts(asked))
    ranked = best(scores, RANKED, gone)
    if page > 1:
        more = _feedback(connection, asked, scores, ranked[:_FEEDBACK_FUNCTIONS])
        again = score(connection, [*concepts(asked, _LATER_SYNONYM_SHARE), *more])
        ranked = best(again, RANKED, gone)
    if near is None:
        return ranked
    meant = near.nearest(connection, text, RANKED + len(gone))
    return fused((ranked, [one for one in meant if one not in gone]))[:RANKED]


def outdated(connection: sqlite3.Connection) -> set[int]:
    """Return the functions that no path holds any more."""
    rows = connection.execute(
        "SELECT first, last FROM semantic_files "
        "WHERE content NOT IN (SELECT content FROM semantic_paths)"
    )
    return {number for first, last in rows for number in range(first, last)}


def fused(rankings: Collection[Sequence[int]]) -> list[int]:
    """Return several rankings as one, by the sum of reciprocal ranks."""
    scores: defaultdict[int, float] = defaultdict(float)
    for ranking in rankings:
        for place, number in enumerate(ranking, 1):
            scores[number] += 1 / (_FUSION_OFFSET + place)
    return sorted(scores, key=lambda number: (-scores[number], number))


def read_function(connection: sqlite3.Connection, number: int) -> Function | None:
    """Return a function by its number."""
    row = connection.execute(
        "SELECT number, content, name, first_line, last_line, shown FROM semantic_functions "
        "WHERE number = ?",
        (number,),
    ).fetchone()
    return None if row is None else Function(*row)


def _feedback(
    connection: sqlite3.Connection,
    asked: Sequence[str],
    scores: dict[int, float],
    found: Sequence[int],
) -> list[Concept]:
    """Return the words that the descriptions of these functions share, the most telling ones."""
    shares: dict[str, float] = {}
    for number in found:
        row = connection.execute(
            "SELECT description FROM semantic_functions WHERE number = ?", (number,)
        ).fetchone()
        for stem in set(stems(row[0])) - set(asked):
            shares[stem] = shares.get(stem, 0.0) + scores[number]
    total = postings.size(connection)
    counts = {stem: len(row.functions) for stem, row in postings.read(connection, shares).items()}
    telling = {
        stem: shares[stem] * log(total / count) for stem, count in counts.items() if count > 1
    }
    chosen = sorted(telling, key=lambda stem: (-telling[stem], stem))[:_FEEDBACK_WORDS]
    return [
        Concept(stem, {}, _FEEDBACK_SHARE * telling[stem] / telling[chosen[0]]) for stem in chosen
    ]
