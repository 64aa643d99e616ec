"""Patterns of dotted names, and a table of them by last segment.

Knows only text. Guards speed: a name is looked up by its last segment before anything is compared.

`os.system` is that name; `*.execute` any name that ends so, also `execute` itself; `a.{b,c}` both.
`T()` is an instance of T or what T returns, `x[]` an item of x.
"""

from __future__ import annotations

from itertools import product
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class NamePattern(NamedTuple):
    """One pattern without braces. `tail` is what a name must end with, "" for an exact one."""

    name: str
    tail: str

    def matches(self, name: str) -> bool:
        """Whether a dotted name is meant."""
        return name == self.name or (self.tail != "" and name.endswith(self.tail))


def expand(pattern: str) -> list[NamePattern]:
    """Return the patterns that one with braces stands for."""
    pieces: list[list[str]] = []
    rest = pattern
    while "{" in rest:
        before, _, after = rest.partition("{")
        inner, _, rest = after.partition("}")
        pieces.append([before])
        pieces.append([option.strip() for option in inner.split(",")])
    pieces.append([rest])
    found: list[NamePattern] = []
    for parts in product(*pieces):
        name = "".join(parts)
        anywhere = name.startswith("*.")
        name = name[2:] if anywhere else name
        found.append(NamePattern(name, f".{name}" if anywhere else ""))
    return found


def last_segment(name: str) -> str:
    """Return what follows the last dot."""
    return name.rpartition(".")[2]


def word_of(segment: str) -> str:
    """Return the identifier of a segment: without `()`, `[]`, `!`."""
    return segment.rstrip("()[]!?")


class NameTable(Generic[T]):
    """Values by name pattern."""

    __slots__ = ("by_last",)

    def __init__(self) -> None:
        self.by_last: dict[str, list[tuple[NamePattern, T]]] = {}

    def add(self, pattern: str, value: T) -> None:
        """Add a value under a pattern, braces expanded."""
        for name in expand(pattern):
            self.by_last.setdefault(last_segment(name.name), []).append((name, value))

    def find(self, name: str, last: str) -> list[T]:
        """Return the values whose pattern means `name`, whose last segment is `last`."""
        entries = self.by_last.get(last)
        if entries is None:
            return []
        return [value for pattern, value in entries if pattern.matches(name)]

    def first(self, name: str, last: str) -> T | None:
        """Return the first value whose pattern means `name`."""
        entries = self.by_last.get(last)
        if entries is not None:
            for pattern, value in entries:
                if pattern.matches(name):
                    return value
        return None

    def words(self) -> set[str]:
        """Return the identifiers that must be in a file for any pattern to match."""
        return {word_of(last) for last in self.by_last}


def matches_any(name: str, patterns: tuple[NamePattern, ...]) -> bool:
    """Whether any pattern means `name`."""
    return any(pattern.matches(name) for pattern in patterns)
