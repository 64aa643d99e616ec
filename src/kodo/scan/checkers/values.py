"""What the memory checker knows: numbers as intervals, pointers into blocks, blocks with a size.

Does not know syntax. Guards certainty: only what is `reached` (a value that really occurs on the
path, or that outsiders may choose) counts as wrong; bounds that are merely possible never do.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

from kodo.scan.checkers.linear import Linear, Terms

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
    """An address inside a block: from `low` to `high` bytes, and `terms`, behind its start."""

    block: int
    low: int = 0
    high: int = 0
    reached: bool = True
    outside: bool = False
    terms: Terms = ()


Known = Number | Pointer | Linear | None
"""A value; None is one that is not known."""

ANY_INT = Number(-(1 << 31), (1 << 31) - 1, reached=True, outside=True)


@dataclass(slots=True, frozen=True)
class Block:
    """Storage. `size` in bytes, None where unknown; `end` is where its text ends (bytes).

    `made_by` is malloc, new, new[], file (an open one), given (a parameter points at it), local, or
    "" for what is none of them. `filled` bytes from the start are known not to be zero. `endless`:
    outsiders choose how long its text is. `room` and `text` are size and length of the text where
    they are unknown but comparable. `nullable`: nobody has asked yet whether there is any such
    storage. `kept`: somebody else may hold or have freed it.
    """

    size: int | None
    made_by: str = ""
    freed: bool = False
    end: int | None = None
    filled: int = 0
    endless: bool = False
    room: Linear | None = None
    text: Linear | None = None
    nullable: bool = False
    kept: bool = False


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
        lost: set[int] = set()
        for mine, theirs in ((self.variables, other.variables), (self.shared, other.shared)):
            for name in mine.keys() | theirs.keys():
                one, another = mine.get(name), theirs.get(name)
                if one != another:
                    mine[name] = None
                    lost.update(held.block for held in (one, another) if isinstance(held, Pointer))
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
                    text=known.text if known.text == block.text else None,
                    nullable=known.nullable and block.nullable,
                    kept=known.kept or block.kept or known.freed != block.freed,
                )
        for number in lost:
            self.keep(number)

    def keep(self, number: int) -> None:
        """Say that a block may be held or freed by what is not followed."""
        block = self.blocks.get(number)
        if block is not None and not block.kept:
            self.blocks[number] = replace(block, kept=True)


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
