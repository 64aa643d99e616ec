"""JavaScript's names, constants, arrays, objects and patterns.

Does not know operators or calls. Guards that an object that is taken apart names its fields as one
that is put together does.
"""

from typing import ClassVar

from tree_sitter import Node as SyntaxNode

from kodo.scan.ir import (
    Collection,
    Default,
    Literal,
    Mapping,
    Name,
    Node,
    Pair,
    Spread,
    Text,
    Unknown,
)
from kodo.scan.lower.base import Lowerer, fields
from kodo.scan.lower.javascript.strings import lower_number, lower_pattern, unescape


class ValueLowerer(Lowerer):
    """Simple and composite values by kind."""

    skipped: ClassVar[frozenset[str]] = frozenset({"comment", "html_comment"})
    expressions: ClassVar[dict[str, str]] = {
        "identifier": "name",
        "property_identifier": "name",
        "shorthand_property_identifier": "name",
        "shorthand_property_identifier_pattern": "name",
        "undefined": "nothing",
        "null": "nothing",
        "this": "this",
        "super": "this",
        "true": "true",
        "false": "false",
        "number": "number",
        "string": "string",
        "template_string": "template",
        "regex": "pattern",
        "array": "collection",
        "array_pattern": "collection",
        "object": "mapping",
        "object_pattern": "mapping",
        "assignment_pattern": "default",
        "object_assignment_pattern": "default",
        "spread_element": "spread",
        "rest_pattern": "spread",
    }

    def name(self, node: SyntaxNode) -> Node:
        """An identifier."""
        start, end = node.start_byte, node.end_byte
        return Name(start, end, self.text.slice(start, end))

    def this(self, node: SyntaxNode) -> Node:
        """`this`, and `super`, whose methods are those of this."""
        return Name(node.start_byte, node.end_byte, "this")

    def nothing(self, node: SyntaxNode) -> Node:
        """`null` and `undefined`."""
        return Literal(node.start_byte, node.end_byte, None)

    def true(self, node: SyntaxNode) -> Node:
        """True."""
        return Literal(node.start_byte, node.end_byte, True)  # noqa: FBT003

    def false(self, node: SyntaxNode) -> Node:
        """False."""
        return Literal(node.start_byte, node.end_byte, False)  # noqa: FBT003

    def number(self, node: SyntaxNode) -> Node:
        """A number."""
        return lower_number(node.start_byte, node.end_byte, self.words(node))

    def string(self, node: SyntaxNode) -> Node:
        """A string literal."""
        start, end = node.start_byte, node.end_byte
        return Literal(start, end, unescape(self.text.slice(start + 1, end - 1)))

    def template(self, node: SyntaxNode) -> Node:
        """A template literal."""
        start, end = node.start_byte, node.end_byte
        parts: list[Node] = []
        text = ""
        place = start + 1
        for child in node.children:
            kind = child.type
            if kind == "template_substitution":
                if text:
                    parts.append(Literal(place, child.start_byte, text))
                    text = ""
                parts.append(self.inner(child))
                place = child.end_byte
            elif kind in ("string_fragment", "escape_sequence"):
                text += unescape(self.words(child))
        if not parts:
            return Literal(start, end, text)
        if text:
            parts.append(Literal(place, end, text))
        return Text(start, end, parts)

    def pattern(self, node: SyntaxNode) -> Node:
        """A regular expression."""
        parts = fields(node)
        flags = self.words(parts["flags"]) if "flags" in parts else ""
        pattern = self.words(parts["pattern"]) if "pattern" in parts else ""
        return lower_pattern(node.start_byte, node.end_byte, pattern, flags)

    def inner(self, node: SyntaxNode) -> Node:
        """Parentheses, `await`, `x!`: what is inside."""
        for child in node.named_children:
            if child.type not in self.skipped:
                return self.expression(child)
        return Unknown(node.start_byte, node.end_byte, [])

    def collection(self, node: SyntaxNode) -> Node:
        """An array, also as a target. A hole is nothing."""
        items: list[Node] = []
        hole = True
        for child in node.children[1:]:
            if child.type in self.skipped:
                continue
            if child.type in (",", "]"):
                if hole and child.type == ",":
                    items.append(Literal(child.start_byte, child.start_byte, None))
                hole = True
            else:
                items.append(self.expression(child))
                hole = False
        return Collection(node.start_byte, node.end_byte, "list", items)

    def mapping(self, node: SyntaxNode) -> Node:
        """An object, also as a target."""
        pairs: list[Pair] = []
        for child in node.named_children:
            start, end = child.start_byte, child.end_byte
            kind = child.type
            if kind in ("pair", "pair_pattern"):
                parts = fields(child)
                if "key" in parts and "value" in parts:
                    key = self.key(parts["key"])
                    pairs.append(Pair(start, end, key, self.expression(parts["value"])))
            elif kind.startswith("shorthand_property"):
                pairs.append(
                    Pair(start, end, Literal(start, end, self.words(child)), self.name(child))
                )
            elif kind == "object_assignment_pattern":
                name = self.words(child.children[0])
                pairs.append(Pair(start, end, Literal(start, end, name), self.default(child)))
            elif kind in ("spread_element", "rest_pattern"):
                value = self.inner(child)
                if kind == "rest_pattern":
                    value = Spread(start, end, value)
                pairs.append(Pair(start, end, None, value))
            elif kind == "method_definition":
                name = child.child_by_field_name("name")
                key = self.key(name) if name is not None else None
                pairs.append(Pair(start, end, key, self.expression(child)))
            elif kind not in self.skipped:
                pairs.append(Pair(start, end, None, self.expression(child)))
        return Mapping(node.start_byte, node.end_byte, pairs)

    def key(self, node: SyntaxNode) -> Node:
        """The key of an object's entry."""
        kind = node.type
        if kind == "computed_property_name":
            return self.inner(node)
        if kind in ("string", "number"):
            return self.expression(node)
        return Literal(node.start_byte, node.end_byte, self.words(node).lstrip("#"))

    def default(self, node: SyntaxNode) -> Node:
        """`a = 1` inside a pattern."""
        children = [child for child in node.children if child.type not in self.skipped]
        target, value = self.expression(children[0]), self.expression(children[-1])
        return Default(node.start_byte, node.end_byte, target, value)

    def spread(self, node: SyntaxNode) -> Node:
        """`...items`."""
        return Spread(node.start_byte, node.end_byte, self.inner(node))
