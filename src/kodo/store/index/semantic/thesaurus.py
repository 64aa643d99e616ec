"""The thesaurus: which words of programming stand for one another, from a table beside this file.

Knows single words. The table is general: verbs and nouns of everyday programming, their
abbreviations, and what they are called in other trades. Guards that a relation never weighs as much
as the word itself.
"""

from functools import cache
from pathlib import Path

from kodo.store.index.semantic.stems import stem

_FORWARD = 1.0
_BACKWARD = 0.6


@cache
def thesaurus() -> dict[str, dict[str, float]]:
    """Return for each stem the stems that may stand for it, each with a weight up to 1."""
    related: dict[str, dict[str, float]] = {}
    text = Path(__file__).with_name("thesaurus.txt").read_text(encoding="utf-8")
    for line in text.splitlines():
        head, *others = [stem(word) for word in line.split()]
        for other in others:
            if other != head:
                _relate(related, head, other, _FORWARD)
                _relate(related, other, head, _BACKWARD)
    return related


def _relate(related: dict[str, dict[str, float]], one: str, other: str, weight: float) -> None:
    row = related.setdefault(one, {})
    row[other] = max(weight, row.get(other, 0.0))
