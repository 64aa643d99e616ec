"""Messages by the company they keep: an answer stands beside the question that has the words.

Ranks chunks by the words of a window of messages around each, by BM25 (Robertson and Zaragoza
2009), and by the dates that a question names. Knows numbers of chunks, not texts: chunks that were
said one after the other have numbers that follow one another. Guards that a word counts once a
window, however many of its messages hold it.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from math import log

from kodo.core.recall import Hit, Query
from kodo.store.index.contents import read_chunk
from kodo.store.index.search.dates import dates_in, said_on
from kodo.store.index.search.lookup import Term, affordable, size
from kodo.store.index.search.occurrences import hit_of, occurrence, scope_of
from kodo.store.index.search.references import Place

# What a word weighs in messages so far away from the one that holds it, before or behind.
_SHARES = (0.5, 0.3, 0.2)
_SATURATION = 1.2
_BESIDE_SHOWN = 0.6
_POOL = 150


def messages(
    connection: sqlite3.Connection, query: Query, place: Place, asked: Sequence[Term]
) -> Iterator[Hit]:
    """Yield the messages in the scope of a query that answer it best, best first.

    `asked` are the words of its question, looked up. Raises ToolError for an unknown thread.
    """
    scope = scope_of(connection, query, place)
    # Who asks for one kind of message asks for its own words, not for those beside it.
    scores = _scores(connection, query.text, asked, () if query.kinds else _SHARES)
    best = max(scores.values(), default=0.0)
    for chunk in _apart(scores):
        found = occurrence(connection, chunk, scope, place)
        if found is None or found[1].kind not in {"user", "assistant"}:
            continue
        text = read_chunk(connection, chunk)
        if text is not None:
            score = round(scores[chunk] / best, 4)
            yield hit_of(found[1], found[0], text.text, score=score, anchored=False)


def _scores(
    connection: sqlite3.Connection, text: str, asked: Sequence[Term], shares: Sequence[float]
) -> dict[int, float]:
    """Return the scores of chunks that have a word of the question, or one beside them."""
    total = size(connection)
    scores: defaultdict[int, float] = defaultdict(float)
    for term in affordable(asked):
        rows = connection.execute(
            "SELECT rowid FROM index_words WHERE index_words MATCH ?", (term.match,)
        )
        counts: defaultdict[int, float] = defaultdict(float)
        holders = [row[0] for row in rows]
        for chunk in holders:
            counts[chunk] += 1.0
            for away, share in enumerate(shares, 1):
                counts[chunk - away] += share
                counts[chunk + away] += share
        weight = _rarity(len(holders), total) * (_SATURATION + 1)
        for chunk, count in counts.items():
            scores[chunk] += weight * count / (count + _SATURATION)
    for date in dates_in(text):
        said = said_on(connection, date)
        weight = _rarity(len(said), total)
        for chunk in said:
            scores[chunk] += weight
    return scores


def _rarity(count: int, total: int) -> float:
    return log(1 + max(0.0, total - count + 0.5) / (count + 0.5))


def _apart(scores: Mapping[int, float]) -> Iterator[int]:
    """Yield the best chunks; what stands beside one that was shown tells less and comes later."""
    pool = sorted(scores, key=lambda chunk: (-scores[chunk], chunk))[:_POOL]
    left = {chunk: scores[chunk] for chunk in pool}
    while left:
        best = max(left, key=lambda chunk: (left[chunk], -chunk))
        del left[best]
        for beside in (best - 1, best + 1):
            if beside in left:
                left[beside] *= _BESIDE_SHOWN
        yield best
