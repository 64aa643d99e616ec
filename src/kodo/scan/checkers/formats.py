"""Formats of printf and scanf: how much text a conversion writes at least, and into what.

Knows format strings only. Guards that a format that is not understood says nothing.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_CONVERSION = re.compile(
    r"%(?P<flags>[-+ #0']*)(?P<width>\*|\d*)(?:\.(?P<precision>\*|\d*))?"
    r"(?P<size>hh|h|ll|l|q|j|z|t|L|w)?(?P<kind>[a-zA-Z%])"
)


class Conversion(NamedTuple):
    """One conversion of a printf format: its letter, least and most characters where it says so."""

    kind: str
    least: int
    most: int | None
    arguments: int


def read_format(text: str) -> tuple[int, list[Conversion]]:
    """Return how many plain characters a printf format writes, and its conversions in order."""
    plain = 0
    end = 0
    found: list[Conversion] = []
    for match in _CONVERSION.finditer(text):
        plain += match.start() - end
        end = match.end()
        kind = match["kind"]
        if kind == "%":
            plain += 1
            continue
        width, precision = match["width"], match["precision"]
        least = int(width) if width.isdigit() else 0
        most = int(precision) if precision and precision.isdigit() else None
        if precision is not None and most is None:
            most = 0 if precision == "" else None
        stars = (width == "*") + (precision == "*")
        cut = precision == "*"
        found.append(Conversion("?" if cut else kind, least, most, 1 + stars))
    return plain + len(text) - end, found
