"""What the memory checker knows: numbers as intervals, pointers into blocks, blocks with a size.

Does not know syntax. Guards certainty: only what is `reached` (a value that really occurs on the
path, or that outsiders may choose) counts as wrong; bounds that are merely possible never do.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

INFINITY = 1 << 200


class Number(NamedTuple):
    """All of `low` to `high`. `reached`: both ends occur; `outside`: outsiders choose it."""

    low: int
    high: int
    reached: bool = True
    outside: bool = False

    @property
    def exact(self) -> int | None:
        """The one value it has, None where there are several."""
        return self.low if self.low == self.high else None


class Pointer(NamedTuple):
    """An address inside a block: from `low` to `high` bytes behind its start."""

    block: int
    low: int = 0
    high: int = 0
    reached: bool = True
    outside: bool = False


Known = Number | Pointer | None
"""A value; None is one that is not known."""

ANY_INT = Number(-(1 << 31), (1 << 31) - 1, reached=True, outside=True)


@dataclass(slots=True, frozen=True)
class Block:
    """Storage. `size` in bytes, None where unknown; `end` is where its text ends (bytes).

    `made_by` is malloc, new, new[] or "" for what is not on the heap. `filled` bytes from the start
    are known not to be zero. `endless`: outsiders choose how long its text is.
    """

    size: int | None
    made_by: str = ""
    freed: bool = False
    end: int | None = None
    filled: int = 0
    endless: bool = False


@dataclass(slots=True)
class State:
    """Variables of one activation, variables of the file, and all blocks."""

    variables: dict[str, Known] = field(default_factory=dict[str, Known])
    shared: dict[str, Known] = field(default_factory=dict[str, Known])
    blocks: dict[int, Block] = field(default_factory=dict[int, Block])

    def copy(self) -> State:
        """Return a state that changes apart from this one."""
        return State(dict(self.variables), dict(self.shared), dict(self.blocks))

    def join(self, other: State) -> None:
        """Keep only what both states agree on."""
        for mine, theirs in ((self.variables, other.variables), (self.shared, other.shared)):
            for name in mine.keys() | theirs.keys():
                if mine.get(name) != theirs.get(name):
                    mine[name] = None
        for number, block in other.blocks.items():
            known = self.blocks.get(number)
            if known is None:
                self.blocks[number] = block
            elif known != block:
                self.blocks[number] = replace(
                    known,
                    freed=known.freed and block.freed,
                    end=known.end if known.end == block.end else None,
                    filled=min(known.filled, block.filled),
                )


def add(one: Number, other: Number) -> Number:
    """Return the sum."""
    return Number(
        one.low + other.low,
        one.high + other.high,
        one.reached and other.reached,
        one.outside or other.outside,
    )


def subtract(one: Number, other: Number) -> Number:
    """Return the difference."""
    return Number(
        one.low - other.high,
        one.high - other.low,
        one.reached and other.reached,
        one.outside or other.outside,
    )


def multiply(one: Number, other: Number) -> Number:
    """Return the product."""
    ends = [left * right for left in one[:2] for right in other[:2]]
    return Number(min(ends), max(ends), one.reached and other.reached, one.outside or other.outside)


def divide(one: Number, other: Number) -> Known:
    """Return the quotient where both are exact and not negative."""
    left, right = one.exact, other.exact
    if left is None or right is None or left < 0 or right <= 0:
        return None
    return Number(left // right, left // right)
