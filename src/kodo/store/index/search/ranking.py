"""Ranking what words have found, by the texts themselves: anchors first, then how much is together.

Knows texts and questions, no tables. Guards the places of exact hits, whatever else scores high,
and that the same answer is not given twice.
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from kodo.store.index.search.lookup import Term
from kodo.store.index.search.question import Anchor, Question

_ENDINGS = (
    *("ations", "ation", "ities", "ments", "ment", "ings", "ing", "ions", "ion", "edly", "ies"),
    *("ied", "ers", "er", "ed", "es", "ly", "s", "y", "e"),
)
_SHORTEST_STEM = 4
_REPLACED = 0.9
_MOST_WEIGHT = 4.0
_NAME_COUNTS = 3
_OTHER_FORM = 0.85
_COVERED = 1.0
_IN_LINE = 2.0
_TOGETHER = 0.3
_USUAL_CHARS = 1000
_ANCHOR_WEIGHTS = (1.2, 0.7)
_ANCHORED = 5.0  # more than all words together
_SHORTEST_JOINED = 6
_JOINED = str.maketrans("", "", "-_ ")
_NO_SEPARATORS = str.maketrans("", "", ",_")
_NUMBER = re.compile(r"\d+")
_NUMBERED = re.compile(r"^\s*\d+\t")


@dataclass(slots=True)
class Candidate:
    """A chunk that words have found, and where its text was read.

    `name` is what stands above it (path and symbol), `matched` where the lines begin that hold
    words of the question, `best` where the one with most of them does. `order` is that of time.
    """

    chunk: int
    text: str
    name: str
    bm25: float = 0.0
    current: bool = True
    score: float = 0.0
    anchors: frozenset[int] = frozenset()
    matched: list[int] = field(default_factory=list[int])
    best: int = -1
    order: tuple[int, int] = (0, 0)

    def line_at(self, start: int) -> str:
        """Return the line that begins at `start`, without what may differ in a copy of it."""
        end = self.text.find("\n", start)
        line = self.text[start:] if end < 0 else self.text[start:end]
        return _NUMBERED.sub("", line).strip()


class _Word:
    """A word of the question as it is looked for: in any form, but not inside another word."""

    __slots__ = ("_exact", "_spaced", "_stem", "_word", "rarity", "weight")

    def __init__(self, word: str, rarity: float) -> None:
        self.rarity = rarity
        # What is rare only because nobody else would say it so must not drown the rest.
        self.weight = min(rarity, _MOST_WEIGHT)
        self._word = word
        self._exact = len(word) < _SHORTEST_STEM or word.isdigit()
        self._stem = word if self._exact else stem_of(word)
        self._spaced = word.isascii()  # scripts without spaces have no edges of words

    def lines(self, text: str, lower: str) -> Iterator[tuple[int, float]]:
        """Yield where the lines begin that hold the word, and what it weighs in each.

        `lower` is the text in lower case. Another form of the word weighs a little less.
        """
        at = lower.find(self._stem)
        while at >= 0:
            if not self._spaced or self._begins(text, at):
                after = at + len(self._word)
                same = lower.startswith(self._word, at) and not text[after : after + 1].islower()
                yield lower.rfind("\n", 0, at) + 1, self.weight * (1.0 if same else _OTHER_FORM)
                end = lower.find("\n", at)
                if end < 0:
                    return
                at = lower.find(self._stem, end)
            else:
                at = lower.find(self._stem, at + 1)

    def end_in(self, lower: str) -> int:
        """Return where the last of it ends in a line in lower case; 0 where it is not there."""
        at = lower.rfind(self._stem)
        return at + len(self._stem) if at >= 0 else 0

    def _begins(self, text: str, at: int) -> bool:
        """Tell whether what stands there is a word, or a part of one in camelCase."""
        before = text[at - 1] if at else " "
        if self._exact:
            end = at + len(self._stem)
            after = text[end] if end < len(text) else " "
            if after.isdigit() if self._stem.isdigit() else after.islower():
                return False
        if self._stem[0].isdigit():
            return not before.isdigit()
        return not before.isalpha() or (text[at].isupper() and before.islower())


class Ranking:
    """Scores candidates for one question; `chunks` is how many chunks the index has."""

    def __init__(self, question: Question, terms: Sequence[Term], chunks: int) -> None:
        self._anchors = [_Literal(anchor) for anchor in question.anchors]
        self._words = [
            _Word(term.word, math.log(1 + (chunks - term.chunks + 0.5) / (term.chunks + 0.5)))
            for term in terms
        ]
        self._anchored = sum(literal.weight for literal in self._anchors)
        self._total = sum(word.weight for word in self._words) or 1.0
        self._asks_order = question.asks_order

    def rank(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Return the candidates by their scores, best first."""
        for one in candidates:
            self._look(one)
        most = max((one.bm25 for one in candidates), default=0.0) or 1.0
        for one in candidates:
            one.score += one.bm25 / most
        return sorted(candidates, key=lambda one: (-one.score, -one.chunk))

    def choose(self, ordered: Sequence[Candidate], wanted: int) -> list[Candidate]:
        """Return what to show of the ordered candidates, whose `current` is known by now."""
        if self._asks_order:
            return self._with_places(list(ordered), wanted)[:wanted]
        for one in ordered:
            if not one.current:
                one.score *= _REPLACED
        again = sorted(ordered, key=lambda one: (-one.score, -one.chunk))
        return self._with_places(_folded(self._newest_first(again)), wanted)[:wanted]

    def _newest_first(self, ordered: list[Candidate]) -> list[Candidate]:
        """Put those that say the same of the same, but with another value, in order of time."""
        places: dict[tuple[str, frozenset[int]], list[int]] = {}
        for at, one in enumerate(ordered):
            if one.anchors and (claim := self._claim(one)):
                places.setdefault((claim, one.anchors), []).append(at)
        again = list(ordered)
        for claimed in places.values():
            newest = sorted((ordered[at] for at in claimed), key=lambda one: one.order)
            for at in claimed:
                again[at] = newest.pop()
        return again

    def _claim(self, one: Candidate) -> str:
        """Return what the best line says up to the last word of the question in it."""
        line = one.line_at(one.best) if one.best >= 0 else ""
        lower = line.lower()
        end = max((word.end_in(lower) for word in self._words), default=0)
        return _NUMBER.sub("0", lower[:end])

    def _look(self, one: Candidate) -> None:
        """Find in a text what the question has, and give it all of its score but the BM25."""
        text = f"{one.name}\n{one.text}"
        lower = text.lower()
        if len(lower) != len(text):
            text = lower  # a few letters change their length: then case is lost
        length = 1.2 * (0.25 + 0.75 * len(text) / _USUAL_CHARS)
        together: dict[int, float] = {}
        counts: dict[int, int] = {}
        covered = bm25 = 0.0
        for word in self._words:
            count = 0
            most = 0.0
            for start, weight in word.lines(text, lower):
                count += 1 if start else _NAME_COUNTS
                together[start] = together.get(start, 0.0) + weight
                counts[start] = counts.get(start, 0) + 1
                most = max(most, weight)
            if count:
                covered += most
                bm25 += word.rarity * count * 2.2 / (count + length)
        held = 0.0
        anchors: list[int] = []
        for number, literal in enumerate(self._anchors):
            found_weight = literal.found_in(text, lower)
            if found_weight:
                anchors.append(number)
                held += found_weight
        best = max(together.values(), default=0.0)
        one.bm25 = bm25
        one.anchors = frozenset(anchors)
        one.matched = [start - len(one.name) - 1 for start in together if start]
        one.best = max(together, key=together.__getitem__, default=0) - len(one.name) - 1
        # Squared: all words in one line is worth more than twice half of them in two.
        one.score = _COVERED * (covered / self._total) ** 2 + _IN_LINE * (best / self._total) ** 2
        # Three words and more in one line are no chance, whatever else the question says.
        one.score += _TOGETHER * max(0, max(counts.values(), default=0) - 2)
        if self._anchors:
            one.score += _ANCHORED * held / self._anchored

    def _with_places(self, ordered: list[Candidate], wanted: int) -> list[Candidate]:
        """Move the best holder of each anchor that would not be shown into the last places."""
        shown, rest = ordered[:wanted], ordered[wanted:]
        held = {number for one in shown for number in one.anchors}
        for number in range(len(self._anchors)):
            if number in held:
                continue
            holder = next((one for one in rest if number in one.anchors), None)
            if holder is None:
                continue
            rest.remove(holder)
            for at in range(len(shown) - 1, -1, -1):
                if not shown[at].anchors:
                    rest.insert(0, shown.pop(at))
                    break
            shown.append(holder)
            held |= holder.anchors
        return [*shown, *rest]


def _folded(ordered: Sequence[Candidate]) -> list[Candidate]:
    """Drop what tells no more than a better one: the same lines with words of the question."""
    kept: list[Candidate] = []
    seen: set[frozenset[str]] = set()
    for one in ordered:
        lines = frozenset(map(one.line_at, one.matched))
        if lines and lines in seen:
            continue
        seen.add(lines)
        kept.append(one)
    return kept


class _Literal:
    """An anchor as it is looked for in a text: as written counts whole, in other case half."""

    __slots__ = ("_joined", "_lower", "_text", "_whole", "weight")

    def __init__(self, anchor: Anchor) -> None:
        self._text = anchor.text
        self._lower = anchor.text.lower()
        self.weight = _ANCHOR_WEIGHTS[anchor.rank]
        self._joined = self._lower.translate(_JOINED) if anchor.rank else ""
        self._whole = (
            re.compile(rf"(?<![0-9.]){re.escape(anchor.text)}(?!\.?[0-9])")
            if anchor.text.isdigit()
            else None
        )

    def found_in(self, text: str, lower: str) -> float:
        """Return the weight that the anchor has in this text; 0 where it is not there."""
        if self._whole is not None:
            if self._whole.search(text):
                return self.weight
            # In a hash, or with separators.
            return 0.9 * self.weight if self._text in text.translate(_NO_SEPARATORS) else 0
        if self._text in text:
            return self.weight
        if self._lower in lower:
            return 0.95 * self.weight
        if len(self._joined) < _SHORTEST_JOINED or self._joined not in lower.translate(_JOINED):
            return 0
        return 0.8 * self.weight  # written in another style: retry-budget, retryBudget


def stem_of(word: str) -> str:
    """Return the beginning that a lower-cased word shares with its other forms."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_STEM:
            return word[: -len(ending)]
    return word
