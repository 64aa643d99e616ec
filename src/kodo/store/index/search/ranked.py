"""The ranked search: candidates by anchors and by words, ranked by their texts, shown as hits.

Joins lookup, ranking and occurrences; knows none of their rules. Guards the time of a question:
only so many texts are read.
"""

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from itertools import islice

from kodo.core.recall import Hit, Query
from kodo.store.index.contents import read_chunk
from kodo.store.index.search import lookup
from kodo.store.index.search.occurrences import (
    Occurrence,
    Scope,
    Spot,
    hit_of,
    occurrence,
    scope_of,
)
from kodo.store.index.search.question import Question, take_apart
from kodo.store.index.search.ranking import Candidate, Ranking
from kodo.store.index.search.references import Place

_READ = 32
_READ_ANCHORED = 24
_READ_TOGETHER = 24
_MOST_READ = 40
_SPARE = 6
_RARE = 200
_WIDEST = 3000


def search_ranked(
    connection: sqlite3.Connection,
    query: Query,
    place: Place,
    terms: Sequence[lookup.Term] | None = None,
) -> list[Hit]:
    """Return the best hits for a question. Raises ToolError for an unknown thread or entry.

    `terms` are its words where they were looked up already.
    """
    scope = scope_of(connection, query, place)
    question = take_apart(query.text)
    if terms is None:
        terms = lookup.terms(connection, question)
    ranking = Ranking(question, terms, lookup.size(connection))
    found: Collection[int] = _chunks(connection, question, terms, _READ)
    where: dict[int, tuple[Spot, Occurrence]] = {}
    if not scope.is_everything:
        where = _within(connection, found, scope, place)
        if len(where) < _READ:
            # A narrow scope: what is best of everything is hardly in it.
            found = _chunks(connection, question, terms, _WIDEST)
            where = _within(connection, found, scope, place)
        found = where
    ordered = ranking.rank([_candidate(connection, chunk) for chunk in islice(found, _MOST_READ)])
    shown: list[Candidate] = []
    for one in ordered:
        occurs = where.get(one.chunk) or occurrence(connection, one.chunk, scope, place)
        if occurs is None:
            continue  # it was removed, and the index has yet to hear of it
        where[one.chunk] = occurs
        one.current = occurs[1].current
        one.order = occurs[1].order
        shown.append(one)
        if len(shown) >= query.k + _SPARE:
            break
    hits: list[Hit] = []
    for one in ranking.choose(shown, query.k):
        spot, use = where[one.chunk]
        score = round(one.score, 4)
        hits.append(hit_of(use, spot, one.text, score=score, anchored=bool(one.anchors)))
    return hits


def _within(
    connection: sqlite3.Connection, chunks: Iterable[int], scope: Scope, place: Place
) -> dict[int, tuple[Spot, Occurrence]]:
    """Return where those of the chunks occur that occur in a scope, as many as will be read."""
    found: dict[int, tuple[Spot, Occurrence]] = {}
    for chunk in chunks:
        if (where := occurrence(connection, chunk, scope, place)) is not None:
            found[chunk] = where
            if len(found) >= _MOST_READ:
                break
    return found


def _candidate(connection: sqlite3.Connection, chunk: int) -> Candidate:
    found = read_chunk(connection, chunk)
    if found is None:
        return Candidate(chunk, "", "")
    return Candidate(chunk, found.text, found.name)


def _chunks(
    connection: sqlite3.Connection,
    question: Question,
    terms: Sequence[lookup.Term],
    room: int,
) -> dict[int, None]:
    """Return chunks to look at: those with anchors, then with words together, then by BM25."""
    words = " OR ".join(term.match for term in lookup.affordable(terms))
    found: dict[int, None] = {}
    for anchor in question.anchors:
        counted = lookup.count(connection, anchor.match)
        if counted > _RARE and words:
            both = f"{anchor.match} AND ({words})"
            found.update(dict.fromkeys(lookup.best(connection, both, _READ_ANCHORED // 2)))
        elif counted:
            found.update(dict.fromkeys(lookup.some(connection, anchor.match, _READ_ANCHORED)))
    found.update(dict.fromkeys(lookup.together(connection, terms, _READ_TOGETHER)))
    if words:
        found.update(dict.fromkeys(lookup.best(connection, words, room)))
    return found
