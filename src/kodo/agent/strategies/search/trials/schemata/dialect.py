"""What a language has to tell, so that many bodies of a function can stand in one file.

Knows no build and no tests. Guards that a body which the language cannot choose when it runs is
left out: such a proposal needs a build of its own.
"""

from collections.abc import Mapping
from typing import Protocol

from tree_sitter import Node

from kodo.syntax.languages import LanguageName
from kodo.syntax.symbols import Symbol
from kodo.syntax.tree import parse

VARIABLE = "KODO_VARIANT"
"""The environment variable whose number chooses the bodies; 0 is what stands there."""

TRAP = 1_000_000_000
"""The variant in which every function fails: that must show, else choosing does not work."""

Pieces = list[tuple[bytes, int]]
"""Text in order, each with the variant it belongs to (ending in a newline), 0 for none's."""


class Dialect(Protocol):
    """How a language holds many bodies of one function."""

    @property
    def endings(self) -> tuple[str, ...]:
        """The endings of its files."""
        ...

    def language_of(self, path: str) -> LanguageName:
        """Return the grammar of a file."""
        ...

    def may_choose(self, text: bytes, function: Symbol, node: Node) -> bool:
        """Tell whether a function's body may become a choice; `node` is its definition."""
        ...

    def pieces(
        self, path: str, text: bytes, function: Symbol, node: Node, bodies: Mapping[int, bytes]
    ) -> Pieces:
        """Return what replaces the function, from its decorators to the end of its body."""
        ...

    def prelude(self, path: str, text: bytes, root: Node, first_byte: int) -> tuple[int, bytes]:
        """Return what a file needs once, and where; not behind `first_byte`, the first function."""
        ...


def definition_of(root: Node, function: Symbol) -> Node | None:
    """Return the node whose body is that of the function."""
    start, end = function.body_start_byte, function.body_end_byte
    node = root.descendant_for_byte_range(start, max(start, end - 1))
    while node is not None:
        body = node.child_by_field_name("body")
        if body is not None and (body.start_byte, body.end_byte) == (start, end):
            return node
        node = node.parent
    return None


def root_of(text: bytes, language: LanguageName) -> Node:
    """Return the root of a file's syntax tree."""
    return parse(text, language).root_node


def top_child_at(root: Node, byte: int) -> Node | None:
    """Return the outermost declaration that holds a byte."""
    return next((c for c in root.children if c.start_byte <= byte < c.end_byte), None)
