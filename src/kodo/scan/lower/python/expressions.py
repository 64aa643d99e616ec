"""Python's expressions and targets.

Does not know statements. Guards long operator chains: they are read in a loop and stay flat.
"""

from typing import ClassVar

from tree_sitter import Node as SyntaxNode

from kodo.scan.ir import (
    Bind,
    Call,
    Choice,
    Clause,
    Collection,
    Comprehension,
    Field,
    Index,
    Keyword,
    Literal,
    Mapping,
    Name,
    Node,
    Operation,
    Pair,
    Slice,
    Spread,
    Unknown,
    Yield,
)
from kodo.scan.lower.base import Lowerer, fields
from kodo.scan.lower.python.strings import lower_concatenation, lower_string

_BRACKETS = frozenset("()[]{},")


class ExpressionLowerer(Lowerer):
    """Expressions by kind."""

    skipped: ClassVar[frozenset[str]] = frozenset({"comment", "line_continuation"})
    expressions: ClassVar[dict[str, str]] = {
        "identifier": "name",
        "attribute": "field",
        "call": "call",
        "string": "string",
        "concatenated_string": "strings",
        "integer": "integer",
        "float": "float_number",
        "true": "true",
        "false": "false",
        "none": "none",
        "subscript": "subscript",
        "binary_operator": "chain",
        "boolean_operator": "chain",
        "not_operator": "negation",
        "unary_operator": "unary",
        "comparison_operator": "comparison",
        "conditional_expression": "choice",
        "parenthesized_expression": "inner",
        "await": "inner",
        "type": "inner",
        "list": "collection",
        "tuple": "collection",
        "set": "collection",
        "expression_list": "collection",
        "pattern_list": "collection",
        "tuple_pattern": "collection",
        "list_pattern": "collection",
        "list_splat": "spread",
        "list_splat_pattern": "spread",
        "dictionary": "mapping",
        "list_comprehension": "comprehension",
        "set_comprehension": "comprehension",
        "dictionary_comprehension": "comprehension",
        "generator_expression": "comprehension",
        "lambda": "closure",
        "named_expression": "binding",
        "yield": "yielded",
        "dotted_name": "dotted",
        "ellipsis": "nothing",
        "assignment": "chained_assignment",
    }

    scope: str = ""

    def name(self, node: SyntaxNode) -> Node:
        """An identifier."""
        start, end = node.start_byte, node.end_byte
        return Name(start, end, self.text.slice(start, end))

    def field(self, node: SyntaxNode) -> Node:
        """`object.name`."""
        children = node.children
        return Field(
            node.start_byte, node.end_byte, self.expression(children[0]), self.words(children[-1])
        )

    def call(self, node: SyntaxNode) -> Node:
        """A call with its arguments."""
        children = node.children
        function = self.expression(children[0])
        arguments: list[Node] = []
        keywords: list[Keyword] = []
        listed = children[-1]
        if listed.type != "argument_list":
            arguments.append(self.expression(listed))
        else:
            for child in listed.children:
                kind = child.type
                if kind in _BRACKETS or kind == "comment":
                    continue
                if kind == "keyword_argument":
                    parts = child.children
                    value = self.expression(parts[-1])
                    keywords.append(
                        Keyword(child.start_byte, child.end_byte, self.words(parts[0]), value)
                    )
                elif kind == "dictionary_splat":
                    value = self.expression(child.children[-1])
                    keywords.append(Keyword(child.start_byte, child.end_byte, "", value))
                else:
                    arguments.append(self.expression(child))
        return Call(node.start_byte, node.end_byte, function, arguments, keywords)

    def string(self, node: SyntaxNode) -> Node:
        """A string literal, maybe interpolated."""
        return lower_string(node, self.text, self.expression)

    def strings(self, node: SyntaxNode) -> Node:
        """Adjacent string literals."""
        parts = self.expression_list(node.named_children)
        return lower_concatenation(node.start_byte, node.end_byte, parts)

    def integer(self, node: SyntaxNode) -> Node:
        """A whole number in any base; an imaginary one is unknown."""
        start, end = node.start_byte, node.end_byte
        text = self.text.slice(start, end)
        if len(text) > 100:
            return Unknown(start, end, [])
        try:
            return Literal(start, end, int(text, 0))
        except ValueError:
            digits = text.rstrip("lL").replace("_", "")
            return (
                Literal(start, end, int(digits)) if digits.isdecimal() else Unknown(start, end, [])
            )

    def float_number(self, node: SyntaxNode) -> Node:
        """A number with a fraction."""
        start, end = node.start_byte, node.end_byte
        try:
            return Literal(start, end, float(self.text.slice(start, end)))
        except ValueError:
            return Unknown(start, end, [])

    def true(self, node: SyntaxNode) -> Node:
        """True."""
        return Literal(node.start_byte, node.end_byte, True)  # noqa: FBT003

    def false(self, node: SyntaxNode) -> Node:
        """False."""
        return Literal(node.start_byte, node.end_byte, False)  # noqa: FBT003

    def none(self, node: SyntaxNode) -> Node:
        """None."""
        return Literal(node.start_byte, node.end_byte, None)

    def nothing(self, node: SyntaxNode) -> Node:
        """`...`."""
        return Unknown(node.start_byte, node.end_byte, [])

    def subscript(self, node: SyntaxNode) -> Node:
        """`object[key]`, `object[a:b]`, `object[a, b]`."""
        start, end = node.start_byte, node.end_byte
        children = [child for child in node.named_children if child.type != "comment"]
        value = self.expression(children[0])
        if len(children) == 2:
            if children[1].type == "slice":
                return self._slice(start, end, value, children[1])
            return Index(start, end, value, self.expression(children[1]))
        keys = [self.expression(child) for child in children[1:] if child.type != "slice"]
        return Index(start, end, value, Collection(start, end, "tuple", keys))

    def _slice(self, start: int, end: int, value: Node, node: SyntaxNode) -> Node:
        bounds: list[Node | None] = [None]
        for child in node.children:
            if child.type == ":":
                bounds.append(None)
            elif child.is_named and child.type != "comment":
                bounds[-1] = self.expression(child)
        bounds += [None, None]
        return Slice(start, end, value, bounds[0], bounds[1], bounds[2])

    def chain(self, node: SyntaxNode) -> Node:
        """Binary and boolean operators; a long left-hand spine is read in a loop."""
        spine: list[tuple[str, SyntaxNode]] = []
        kind, left = node.type, node
        while left.type == kind:
            children = [child for child in left.children if child.type != "comment"]
            if len(children) != 3:
                break
            spine.append((children[1].type, children[2]))
            left = children[0]
        if not spine:
            return self.unknown(node)
        value = self.expression(left)
        start = node.start_byte
        for operator, right in reversed(spine):
            operand = self.expression(right)
            if isinstance(value, Operation) and value.operator == operator and value.start == start:
                value.operands.append(operand)
                value.end = right.end_byte
            else:
                value = Operation(start, right.end_byte, operator, [value, operand])
        return value

    def negation(self, node: SyntaxNode) -> Node:
        """`not x`."""
        value = self.expression(node.children[-1])
        return Operation(node.start_byte, node.end_byte, "not", [value])

    def unary(self, node: SyntaxNode) -> Node:
        """`-x`, `+x`, `~x`."""
        children = node.children
        value = self.expression(children[-1])
        return Operation(node.start_byte, node.end_byte, children[0].type, [value])

    def comparison(self, node: SyntaxNode) -> Node:
        """`a < b`, and `a < b < c` as the conjunction of its parts."""
        start, end = node.start_byte, node.end_byte
        operands: list[Node] = []
        operators: list[str] = []
        for child in node.children:
            kind = child.type
            if child.is_named and kind not in ("not in", "is not"):
                if kind != "comment":
                    operands.append(self.expression(child))
            else:
                operators.append("!=" if kind == "<>" else kind)
        pairs: list[Node] = [
            Operation(start, end, operator, [operands[place], operands[place + 1]])
            for place, operator in enumerate(operators)
            if place + 1 < len(operands)
        ]
        return pairs[0] if len(pairs) == 1 else Operation(start, end, "and", pairs)

    def choice(self, node: SyntaxNode) -> Node:
        """`then if test else otherwise`."""
        parts = [child for child in node.named_children if child.type != "comment"]
        if len(parts) != 3:
            return self.unknown(node)
        then, test, otherwise = self.expression_list(parts)
        return Choice(node.start_byte, node.end_byte, test, then, otherwise)

    def inner(self, node: SyntaxNode) -> Node:
        """Parentheses and `await`: what is inside."""
        for child in reversed(node.named_children):
            if child.type != "comment":
                return self.expression(child)
        return Unknown(node.start_byte, node.end_byte, [])

    def collection(self, node: SyntaxNode) -> Node:
        """A list, tuple or set; also as a target."""
        kind = node.type
        shape = "tuple" if kind in ("expression_list", "pattern_list", "tuple_pattern") else kind
        shape = "list" if shape == "list_pattern" else shape
        items = [
            self.expression(child)
            for child in node.children
            if child.type not in _BRACKETS and child.type != "comment"
        ]
        return Collection(node.start_byte, node.end_byte, shape, items)

    def spread(self, node: SyntaxNode) -> Node:
        """`*items`."""
        return Spread(node.start_byte, node.end_byte, self.expression(node.children[-1]))

    def mapping(self, node: SyntaxNode) -> Node:
        """A dictionary display."""
        return Mapping(
            node.start_byte,
            node.end_byte,
            [self._pair(child) for child in node.named_children if child.type != "comment"],
        )

    def _pair(self, node: SyntaxNode) -> Pair:
        children = [child for child in node.children if child.type != "comment"]
        value = self.expression(children[-1])
        key = self.expression(children[0]) if node.type == "pair" else None
        return Pair(node.start_byte, node.end_byte, key, value)

    def comprehension(self, node: SyntaxNode) -> Node:
        """Comprehensions and generator expressions."""
        elements: list[Node] = []
        clauses: list[Clause] = []
        for child in node.named_children:
            kind = child.type
            if kind == "for_in_clause":
                parts = fields(child)
                target, iterable = parts.get("left"), parts.get("right")
                if target is not None and iterable is not None:
                    clauses.append(
                        Clause(
                            child.start_byte,
                            child.end_byte,
                            self.expression(target),
                            self.expression(iterable),
                            [],
                        )
                    )
            elif kind == "if_clause":
                if clauses:
                    clauses[-1].tests.append(self.expression(child.children[-1]))
            elif kind == "pair":
                pair = self._pair(child)
                elements += [pair.value] if pair.key is None else [pair.key, pair.value]
            elif kind != "comment":
                elements.append(self.expression(child))
        shape = {"list_comprehension": "list", "set_comprehension": "set"}.get(
            node.type, "generator"
        )
        if node.type == "dictionary_comprehension":
            shape = "map"
        return Comprehension(node.start_byte, node.end_byte, shape, elements, clauses)

    def binding(self, node: SyntaxNode) -> Node:
        """`name := value`."""
        children = node.children
        target, value = self.expression(children[0]), self.expression(children[-1])
        return Bind(node.start_byte, node.end_byte, target, value)

    def chained_assignment(self, node: SyntaxNode) -> Node:
        """The inner `b = c` of `a = b = c`."""
        parts = fields(node)
        left, right = parts.get("left"), parts.get("right")
        if left is None or right is None:
            return self.unknown(node)
        return Bind(node.start_byte, node.end_byte, self.expression(left), self.expression(right))

    def yielded(self, node: SyntaxNode) -> Node:
        """`yield` and `yield from`."""
        named = [child for child in node.named_children if child.type != "comment"]
        value = self.expression(named[0]) if named else None
        return Yield(node.start_byte, node.end_byte, value)

    def dotted(self, node: SyntaxNode) -> Node:
        """A dotted name of a decorator or pattern, as fields."""
        names = node.named_children
        value: Node = self.name(names[0])
        for part in names[1:]:
            value = Field(node.start_byte, part.end_byte, value, self.words(part))
        return value
