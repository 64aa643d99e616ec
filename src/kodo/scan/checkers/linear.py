"""Numbers that nobody knows but that stay the same: a parameter, the length of a text, and so on.

Knows no memory. Guards that two of them are compared only where everything unknown cancels out.
"""

from __future__ import annotations

from typing import NamedTuple

MAX_TERMS = 4

Terms = tuple[tuple[int, int], ...]
"""Unknown numbers by identity, sorted, each with how often it is taken."""


class Linear(NamedTuple):
    """A sum of unknown numbers, each a fixed number of times, and a known number."""

    terms: Terms
    plus: int = 0


def add_terms(one: Terms, other: Terms, times: int = 1) -> Terms:
    """Return the sum of `one` and `times` the other."""
    counts = dict(one)
    for unknown, often in other:
        counts[unknown] = counts.get(unknown, 0) + often * times
    return tuple(sorted((unknown, often) for unknown, often in counts.items() if often))


def add_linear(one: Linear, other: Linear, times: int = 1) -> Linear | None:
    """Return `one` plus `times` the other, None where it grows too long to be of use."""
    terms = add_terms(one.terms, other.terms, times)
    return Linear(terms, one.plus + other.plus * times) if len(terms) <= MAX_TERMS else None


def scale_linear(one: Linear, times: int) -> Linear:
    """Return `times` the sum."""
    return Linear(tuple((unknown, often * times) for unknown, often in one.terms), one.plus * times)
