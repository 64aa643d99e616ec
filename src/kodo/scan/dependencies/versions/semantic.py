"""Semantic versions as npm, Cargo and Go use them: numbers, then a pre-release that comes before.

Follows semver.org 2.0.0, and forgives missing numbers, a `v` in front, and words after the numbers.
"""

import re
from typing import NamedTuple

_SHAPE = re.compile(
    r"^[vV=\s]*(?P<numbers>\d+(?:\.\d+)*)(?:[\-.]?(?P<pre>[0-9A-Za-z.\-]+))?(?:\+.*)?$"
)


class SemanticKey(NamedTuple):
    """Compares as the versions do: a release (`is_release` 1) is after its pre-releases."""

    numbers: tuple[int, ...]
    is_release: int
    pre: tuple[tuple[int, int, str], ...]


def semantic_key(version: str) -> SemanticKey:
    """Return a key that orders versions. What is no version comes before all that are."""
    match = _SHAPE.match(version.strip())
    if match is None:
        return SemanticKey((), 0, ((1, 0, version),))
    numbers = tuple(int(number) for number in match["numbers"].split("."))
    while len(numbers) > 1 and numbers[-1] == 0:
        numbers = numbers[:-1]
    pre = match["pre"]
    if pre is None:
        return SemanticKey(numbers, 1, ())
    return SemanticKey(numbers, 0, tuple(map(_identifier, pre.split("."))))


def _identifier(piece: str) -> tuple[int, int, str]:
    """Numbers compare as numbers and come before words."""
    return (0, int(piece), "") if piece.isdecimal() else (1, 0, piece)
