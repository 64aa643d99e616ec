"""What a person said, as far as it decides which stored text has to do with it.

Knows words, no index: a search ranks, this judges. Guards against noise: a task is no question, and
a question is not met by a text that shares a word or two with it, nor by its own echo.
"""

import re

from kodo.core.recall import Hit

_WORD = re.compile(r"[^\W_]+")
_ASKS = re.compile(
    r"\?|^\s*(who|what|when|where|which|why|how|does|do|did|is|are|was|were|can|explain|tell|find)\b",
    re.IGNORECASE | re.MULTILINE,
)
_ASKS_FOR_OLD = re.compile(
    r"\b(before|previous|old|older|earlier|original|first|used to|history|versions?|was)\b",
    re.IGNORECASE,
)
_COMMON = frozenset(
    _WORD.findall(
        """a about again all also an and any are as at be been before but by can class code could
    did do does done each every file find for from function get give go had has have he her here
    him his
    how if in into is it its just kodo let like made make makes many may me method more most much
    must my need new no not now of off on once one only or other our out over own please project
    run say see she should show so some such tell than that the their them then there these they
    thing this those through to too under until up us use used uses using very want was way we were
    what when where which while who why will with without would you your"""
    )
)
_FEWEST_WORDS = 3
_MET = 0.5
_ECHO = 0.8


class Question:
    """The words of a message."""

    __slots__ = ("_stems", "_words", "asks_for_old", "is_real")

    def __init__(self, text: str) -> None:
        words = set(_WORD.findall(text.lower()))
        self._words = words
        self._stems = {_stem(word) for word in words - _COMMON if len(word) > 2}
        self.asks_for_old = _ASKS_FOR_OLD.search(text) is not None
        self.is_real = len(self._stems) >= _FEWEST_WORDS and _ASKS.search(text) is not None

    def is_met_by(self, hit: Hit) -> bool:
        """Tell whether a text holds at least half of the words that tell something."""
        text = f"{hit.path}\n{hit.text}".lower()
        met = sum(stem in text for stem in self._stems)
        return met >= 2 and met >= _MET * len(self._stems)

    def is_echoed_by(self, hit: Hit) -> bool:
        """Tell whether a hit is the question itself, asked here or before: no answer to it."""
        if hit.kind != "user":
            return False
        words = set(_WORD.findall(hit.text.lower()))
        return len(words & self._words) >= _ECHO * len(words)


def _stem(word: str) -> str:
    """Return the beginning that a word shares with its other forms."""
    return word if len(word) < 6 else word[: max(4, len(word) - 3)]
