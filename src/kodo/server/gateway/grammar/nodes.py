"""What a grammar says, whichever language it was written in.

Values only. Knows neither Lark nor GBNF.
"""

import msgspec


class GrammarError(ValueError):
    """A grammar that cannot be read or enforced; the message names what and where."""


class Literal(msgspec.Struct, frozen=True):
    """A text as it stands; `fold` ignores case."""

    text: str
    fold: bool = False


class Chars(msgspec.Struct, frozen=True):
    """One character of the `ranges` (first and last code point), or, negated, one of no range."""

    ranges: tuple[tuple[int, int], ...]
    negated: bool = False


class Name(msgspec.Struct, frozen=True):
    """What the rule of that name says."""

    name: str


class Sequence(msgspec.Struct, frozen=True):
    """All parts, one after the other; no parts are the empty text."""

    parts: "tuple[Node, ...]"


class Choice(msgspec.Struct, frozen=True):
    """One of the options."""

    options: "tuple[Node, ...]"


class Repeat(msgspec.Struct, frozen=True):
    """The item `least` to `most` times; None is without end."""

    item: "Node"
    least: int
    most: int | None


Node = Literal | Chars | Name | Sequence | Choice | Repeat


def sequence(parts: list[Node]) -> Node:
    """Return the parts as one node."""
    return parts[0] if len(parts) == 1 else Sequence(tuple(parts))


def choice(options: list[Node]) -> Node:
    """Return the options as one node."""
    return options[0] if len(options) == 1 else Choice(tuple(options))
