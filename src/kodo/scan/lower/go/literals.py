"""Go's composite literals: lists, maps, structs with fields by name.

Does not know other expressions. Guards elided types: the type of an element comes from the whole.
"""

from __future__ import annotations

from typing import ClassVar

from tree_sitter import Node as SyntaxNode

from kodo.scan.ir import Call, Collection, Keyword, Literal, Mapping, Node, Pair
from kodo.scan.lower.base import fields
from kodo.scan.lower.go.expressions import ExpressionLowerer

_LISTS = frozenset({"slice_type", "array_type", "implicit_length_array_type"})


class LiteralLowerer(ExpressionLowerer):
    """Composite literals, on top of the expressions."""

    expressions: ClassVar[dict[str, str]] = ExpressionLowerer.expressions | {
        "composite_literal": "composite",
    }

    def composite(self, node: SyntaxNode) -> Node:
        """`T{...}`: a list, a map, or a new instance with fields by name."""
        parts = fields(node)
        made, body = parts.get("type"), parts.get("body")
        if made is None or body is None:
            return self.unknown(node)
        return self.filled(made, body, node.start_byte, node.end_byte)

    def filled(self, made: SyntaxNode | None, body: SyntaxNode, start: int, end: int) -> Node:
        """A literal's braces as a value of a type; None where nothing says which."""
        kind = made.type if made is not None else ""
        inner = made.child_by_field_name("element") if made is not None else None
        elements = [child for child in body.named_children if child.type != "comment"]
        if kind in _LISTS:
            return Collection(start, end, "list", [self._element(one, inner) for one in elements])
        if made is not None and kind == "map_type":
            value = made.child_by_field_name("value")
            return Mapping(start, end, [self._pair(one, value) for one in elements])
        if made is None or kind == "struct_type":
            return self._nameless(elements, start, end)
        function = self.type_as_name(made)
        keywords: list[Keyword] = []
        arguments: list[Node] = []
        pairs: list[Pair] = []
        for one in elements:
            key = _key(one)
            if key is None:
                arguments.append(self._element(one, None))
            elif key.type == "identifier":
                value = self._element(one.named_children[-1], None)
                keywords.append(Keyword(one.start_byte, one.end_byte, self.words(key), value))
            else:
                pairs.append(self._pair(one, None))
        if pairs:
            arguments.append(Mapping(start, end, pairs))
        return Call(start, end, function, arguments, keywords, creates=True)

    def _nameless(self, elements: list[SyntaxNode], start: int, end: int) -> Node:
        """`{a, b}` without a type of its own, or of a nameless struct."""
        pairs: list[Pair] = []
        items: list[Node] = []
        for one in elements:
            key = _key(one)
            if key is not None and key.type == "identifier":
                place = key.start_byte, key.end_byte
                value = self._element(one.named_children[-1], None)
                pairs.append(Pair(*place, Literal(*place, self.words(key)), value))
            elif key is not None:
                pairs.append(self._pair(one, None))
            else:
                items.append(self._element(one, None))
        return Mapping(start, end, pairs) if pairs else Collection(start, end, "list", items)

    def _element(self, node: SyntaxNode, made: SyntaxNode | None) -> Node:
        """One element, which may leave out its type; of `3: x` the value."""
        if node.type == "keyed_element" and node.named_children:
            node = node.named_children[-1]
        inner = node
        if node.type == "literal_element" and node.named_children:
            inner = node.named_children[0]
        if inner.type == "literal_value":
            while made is not None and made.type == "pointer_type":
                made = made.named_children[0]
            return self.filled(made, inner, inner.start_byte, inner.end_byte)
        return self.expression(inner)

    def _pair(self, node: SyntaxNode, made: SyntaxNode | None) -> Pair:
        place = node.start_byte, node.end_byte
        if node.type != "keyed_element" or len(node.named_children) < 2:
            return Pair(*place, None, self._element(node, made))
        key, value = node.named_children[0], node.named_children[-1]
        return Pair(*place, self._element(key, None), self._element(value, made))


def _key(node: SyntaxNode) -> SyntaxNode | None:
    """Return the expression that an element has for a key."""
    if node.type != "keyed_element" or not node.named_children:
        return None
    key = node.named_children[0]
    return key.named_children[0] if key.type == "literal_element" and key.named_children else key
