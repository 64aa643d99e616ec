"""Concepts: each word of a question with all that may stand for it, scored as if it were one word.

Ranks functions by BM25F (Robertson and Zaragoza 2009) over concepts, the way Indri's synonym
operator does: however many ways a function has of saying one thing, it counts once. Knows postings
and the thesaurus, not texts. Guards that the question's own words weigh most.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from math import log
from typing import NamedTuple

from kodo.store.index.semantic import postings
from kodo.store.index.semantic.thesaurus import thesaurus

_SATURATION = 1.2
_SYNONYM_SHARE = 0.45
_UNSEEN_SHARE = 0.7
_MOST_SYNONYMS = 24
_MOST_CONCEPTS = 24


class Concept(NamedTuple):
    """A stem of a question, what may stand for it with weights below 1, and its own weight."""

    stem: str
    others: Mapping[str, float]
    weight: float = 1.0


def concepts(stems: Sequence[str], share: float = _SYNONYM_SHARE) -> list[Concept]:
    """Return the concepts of a question's stems. `share` is the weight of a close synonym."""
    related = thesaurus()
    own = set(stems)
    found: list[Concept] = []
    for stem in stems[:_MOST_CONCEPTS]:
        row = sorted(related.get(stem, {}).items(), key=lambda one: (-one[1], one[0]))
        others = {other: share * weight for other, weight in row[:_MOST_SYNONYMS]}
        found.append(Concept(stem, {one: w for one, w in others.items() if one not in own}))
    return found


def score(connection: sqlite3.Connection, asked: Sequence[Concept]) -> dict[int, float]:
    """Return a score for each function that has any of the words."""
    wanted = {stem for concept in asked for stem in (concept.stem, *concept.others)}
    found = postings.read(connection, sorted(wanted))
    total = postings.size(connection)
    scores: defaultdict[int, float] = defaultdict(float)
    for concept in asked:
        importance = concept.weight * _importance(concept, found, total) * (_SATURATION + 1)
        if importance <= 0:
            continue
        rows = [
            (share, found[stem])
            for stem, share in ((concept.stem, 1.0), *concept.others.items())
            if stem in found
        ]
        if not rows:
            continue
        # A function once a row: the first and longest work needs no look-up of what was before.
        share, row = rows[0]
        frequencies = {
            function: share * weight
            for function, weight in zip(row.functions, row.weights, strict=True)
        }
        for share, row in rows[1:]:
            for function, weight in zip(row.functions, row.weights, strict=True):
                frequencies[function] = frequencies.get(function, 0.0) + share * weight
        saturation = _SATURATION * postings.WEIGHT_STEPS
        for function, frequency in frequencies.items():
            scores[function] += importance * frequency / (saturation + frequency)
    return scores


def best(scores: Mapping[int, float], most: int, without: Set[int] = frozenset()) -> list[int]:
    """Return the best functions, best first; of equals the earlier one."""
    kept = sorted(scores.keys() - without)
    kept.sort(key=scores.__getitem__, reverse=True)  # which leaves equals in their order
    return kept[:most]


def _importance(concept: Concept, found: Mapping[str, postings.Postings], total: int) -> float:
    """Return how telling a concept is: by its own word, or where that is unknown by the others'."""
    row = found.get(concept.stem)
    if row is not None:
        return _rarity(len(row.functions), total)
    rarities = [_rarity(len(found[one].functions), total) for one in concept.others if one in found]
    return _UNSEEN_SHARE * max(rarities, default=0.0)


def _rarity(count: int, total: int) -> float:
    return log(1 + (total - count + 0.5) / (count + 0.5))
