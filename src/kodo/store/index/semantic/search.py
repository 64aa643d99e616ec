"""A ranked search that finds functions too: exact words first where the texts have them.

Joins the search by words with functions by what they do; knows neither's rules. Guards that what
holds the question's own words, or a literal of it, is never pushed out.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from math import log

import msgspec

from kodo.core.recall import Hit, Query
from kodo.store.index.search.conversation import messages
from kodo.store.index.search.dates import dates_in
from kodo.store.index.search.lookup import Term, size, terms
from kodo.store.index.search.occurrences import Occurrence, Scope, Spot, best_use, hit_of, scope_of
from kodo.store.index.search.question import take_apart
from kodo.store.index.search.ranking import stem_of
from kodo.store.index.search.references import Place
from kodo.store.index.semantic.functions import Nearest, find_functions, read_function
from kodo.store.index.sources import FILE

Search = Callable[[sqlite3.Connection, Query, Place, Sequence[Term]], list[Hit]]

_COVERED = 0.85
_LOOKED_AT = 3
_WORDS_FIRST = 10
# Who takes many hits looks for one answer among much: there a few by words are enough.
_MANY = 40
_WORDS_FIRST_OF_MANY = 5
_MOSTLY = 0.8
_KEPT = 2
_MESSAGES = frozenset({"user", "assistant"})
# Where no text has the question's words, hits by words have these places, functions the others.
_TURNS = (0, 4, 8)


def search_with_functions(
    connection: sqlite3.Connection,
    query: Query,
    place: Place,
    by_words: Search,
    near: Nearest | None = None,
) -> list[Hit]:
    """Return the best hits by words and by what functions do, `query.k` of them.

    Where a text holds the question's words, or a literal of it, the search by words leads; else
    functions do: each as its signature and first lines, so that many fit in little room. Raises
    ToolError for an unknown thread or entry.
    """
    scope = scope_of(connection, query, place)
    wanted = query.page * query.k
    asked = terms(connection, take_apart(query.text))
    worded = by_words(connection, msgspec.structs.replace(query, k=wanted, page=1), place, asked)
    lead = _lead(connection, asked, worded[: query.k], query.k)
    if _is_conversation(worded) and not any(hit.anchored for hit in worded):
        # All of the words may stand in what was said on another day.
        kept = [] if dates_in(query.text) else worded[: min(lead, _KEPT)]
        rest = worded[len(kept) :]
        said = messages(connection, query, place, asked)
        worded = [*kept, *_with_messages(rest, said, kept, wanted - len(kept))]
    if FILE not in scope.sources or scope.thread or scope.as_of is not None:
        return worded[wanted - query.k : wanted]
    shown: set[int] = set()
    hits: list[Hit] = []
    for page in range(1, query.page + 1):
        words = worded[(page - 1) * query.k : page * query.k]
        ranked = find_functions(connection, query.text, page, near)
        functions = _functions(
            connection, [one for one in ranked if one not in shown], scope, place
        )
        hits, used = _joined(words, functions, query.k, page, lead)
        shown |= used
    return hits


def _with_messages(
    rest: Sequence[Hit], said: Iterator[Hit], shown: Sequence[Hit], wanted: int
) -> list[Hit]:
    """Return hits by words with messages in the places of messages, and behind them."""
    seen = {(hit.ref, hit.first_line) for hit in shown}
    hits: list[Hit] = []
    others = [at for at, hit in enumerate(rest) if hit.kind not in _MESSAGES]
    for one in chain(said, [hit for hit in rest if hit.kind in _MESSAGES]):
        while others and others[0] == len(hits):
            hits.append(rest[others.pop(0)])
        if len(hits) >= wanted:
            return hits
        if (one.ref, one.first_line) not in seen:
            seen.add((one.ref, one.first_line))
            hits.append(one)
    return [*hits, *(rest[at] for at in others)][:wanted]


def _functions(
    connection: sqlite3.Connection, ranked: list[int], scope: Scope, place: Place
) -> Iterator[tuple[int, Hit]]:
    """Yield the functions that are in the scope, as hits."""
    uses: dict[int, Occurrence | None] = {}
    for at, number in enumerate(ranked):
        function = read_function(connection, number)
        if function is None:
            continue
        if function.content not in uses:
            uses[function.content] = best_use(connection, function.content, scope, place)
        use = uses[function.content]
        if use is None or not use.current:
            continue
        last = function.first_line + max(0, function.shown.rstrip("\n").count("\n"))
        spot = Spot(function.content, 0, 0, function.first_line, last)
        yield number, hit_of(use, spot, function.shown, score=1 / (1 + at), anchored=False)


def _joined(
    words: list[Hit], functions: Iterator[tuple[int, Hit]], k: int, page: int, lead: int
) -> tuple[list[Hit], set[int]]:
    """Return the hits of a page, and which functions are among them."""
    lead, turns = (lead, _TURNS) if page == 1 else (0, ())
    hits, rest = words[:lead], words[lead:]
    used: set[int] = set()
    for number, hit in functions:
        if rest and len(hits) - lead in turns and len(hits) < k:
            hits.append(rest.pop(0))
        if len(hits) >= k:
            break
        used.add(number)
        if not any(_covers(other, hit) for other in hits):
            hits.append(hit)
    return [*hits, *rest[: k - len(hits)]], used


def _lead(connection: sqlite3.Connection, asked: Sequence[Term], words: list[Hit], k: int) -> int:
    """Return how many hits by words come before any function."""
    if not words:
        return 0
    first = words[:_WORDS_FIRST]
    anchored = 1 + max((at for at, hit in enumerate(first) if hit.anchored), default=-1)
    if _covered(connection, asked, words) < _COVERED:
        return anchored
    return max(anchored, _WORDS_FIRST if k < _MANY else _WORDS_FIRST_OF_MANY)


def _covered(connection: sqlite3.Connection, asked: Sequence[Term], words: list[Hit]) -> float:
    """Return the share of the question's words, by rarity, that one of the first hits holds."""
    total = size(connection)
    weights = {
        stem_of(term.word): log(1 + (total - term.chunks + 0.5) / (term.chunks + 0.5))
        for term in asked
    }
    whole = sum(weights.values())
    best = 0.0
    for hit in words[:_LOOKED_AT]:
        held = f"{hit.path}\n{hit.text}".lower()
        best = max(best, sum(weight for stem, weight in weights.items() if stem in held))
    return best / whole if whole else 0.0


def _is_conversation(hits: list[Hit]) -> bool:
    """Whether nearly all that was found first was said by somebody."""
    first = hits[:_WORDS_FIRST]
    said = sum(hit.kind in _MESSAGES for hit in first)
    return said >= _MOSTLY * len(first)


def _covers(one: Hit, other: Hit) -> bool:
    return one.ref == other.ref and one.first_line <= other.first_line <= one.last_line
