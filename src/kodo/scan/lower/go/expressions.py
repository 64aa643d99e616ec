"""Go's expressions and targets.

Does not know statements. Guards long operator and call chains: they are read in a loop.
"""

from __future__ import annotations

from typing import ClassVar

from tree_sitter import Node as SyntaxNode

from kodo.scan.ir import (
    Array,
    Call,
    Cast,
    Collection,
    Field,
    Index,
    Literal,
    Mapping,
    Name,
    Node,
    Operation,
    Slice,
    Spread,
    Text,
    Unknown,
)
from kodo.scan.lower.base import Lowerer, fields
from kodo.scan.lower.go.values import lower_number, read_template, unescape

_OPERATORS = {"&&": "and", "||": "or", "!": "not", "&^": "&"}
_SAME_DATA = frozenset({"string", "any", "error"})
"""Conversions that change nothing: `string(b)`."""


class ExpressionLowerer(Lowerer):
    """Expressions by kind."""

    expressions: ClassVar[dict[str, str]] = {
        "identifier": "name",
        "field_identifier": "name",
        "type_identifier": "name",
        "package_identifier": "name",
        "qualified_type": "type_as_name",
        "generic_type": "type_as_name",
        "pointer_type": "type_as_name",
        "selector_expression": "field",
        "call_expression": "call",
        "index_expression": "item",
        "slice_expression": "slice",
        "unary_expression": "unary",
        "binary_expression": "chain",
        "parenthesized_expression": "inner",
        "func_literal": "closure",
        "type_assertion_expression": "assertion",
        "type_conversion_expression": "conversion",
        "type_instantiation_expression": "inner",
        "interpreted_string_literal": "string",
        "raw_string_literal": "string",
        "rune_literal": "rune",
        "int_literal": "number",
        "float_literal": "number",
        "imaginary_literal": "number",
        "true": "truth",
        "false": "truth",
        "nil": "null",
        "literal_element": "inner",
        "expression_list": "several",
        "variadic_argument": "spread",
    }

    # --- names and types --------------------------------------------------------------------------

    def name(self, node: SyntaxNode) -> Node:
        """An identifier."""
        start, end = node.start_byte, node.end_byte
        return Name(start, end, self.text.slice(start, end))

    def type_text(self, node: SyntaxNode | None) -> str:
        """Return a type as text, without the star of a pointer; "" for none."""
        if node is None:
            return ""
        return "".join(self.words(node).split()).lstrip("*")

    def type_as_name(self, node: SyntaxNode) -> Node:
        """A type as a value."""
        start, end = node.start_byte, node.end_byte
        first, *rest = self.type_text(node).partition("[")[0].split(".")
        value: Node = Name(start, end, first)
        for part in rest:
            value = Field(start, end, value, part)
        return value

    def several(self, node: SyntaxNode) -> Node:
        """`a, b`: one expression alone is itself."""
        values = self.expression_list(node.named_children)
        if len(values) == 1:
            return values[0]
        return Collection(node.start_byte, node.end_byte, "tuple", values)

    def inner(self, node: SyntaxNode) -> Node:
        """Parentheses and the like: what is inside."""
        for child in node.named_children:
            if child.type != "comment":
                return self.expression(child)
        return Unknown(node.start_byte, node.end_byte, [])

    def field(self, node: SyntaxNode) -> Node:
        """`object.name`."""
        children = node.children
        if len(children) < 3:
            return self.unknown(node)
        holder, given = children[0], children[-1]
        return Field(node.start_byte, node.end_byte, self.expression(holder), self.words(given))

    # --- calls ------------------------------------------------------------------------------------

    def call(self, node: SyntaxNode) -> Node:
        """A call; a long chain of calls is read in a loop."""
        spine: list[tuple[SyntaxNode, SyntaxNode, SyntaxNode | None]] = []
        current = node
        while True:
            children = current.children
            function = children[0]
            arguments = children[-1]
            if function.type != "selector_expression" or function.child_count < 3:
                break
            spine.append((current, function, arguments))
            inner = function.children[0]
            if inner.type != "call_expression":
                break
            current = inner
        if not spine:
            return self._call(node, None)
        function = spine[-1][1]
        holder = function.children[0]
        value = self._call(holder, None) if holder.type == "call_expression" else None
        if value is None:
            value = self.expression(holder)
        for at, function, _ in reversed(spine):
            given = function.children[-1]
            field = Field(function.start_byte, function.end_byte, value, self.words(given))
            value = self._call(at, field)
        return value

    def _call(self, node: SyntaxNode, function: Node | None) -> Node:
        start, end = node.start_byte, node.end_byte
        children = node.children
        listed = children[-1]
        if listed.type != "argument_list":
            return self.unknown(node)
        if function is None and children[0].type == "identifier":
            made = self.builtin(self.words(children[0]), listed, node)
            if made is not None:
                return made
        if function is None:
            function = self.expression(children[0])
        arguments = self.arguments(listed)
        if (
            isinstance(function, Field)
            and function.name == "Sprintf"
            and isinstance(function.object, Name)
            and self.module.imports.get(function.object.name) == "fmt"
        ):
            made = formatted(arguments, start, end)
            if made is not None:
                return made
        if isinstance(function, Field) and _is_rooted(function, arguments, self.module.imports):
            function = Name(function.start, function.end, "rooted path")
        return Call(start, end, function, arguments)

    def arguments(self, node: SyntaxNode) -> list[Node]:
        """Arguments; `x...` is spread."""
        return self.expression_list(node.named_children)

    def spread(self, node: SyntaxNode) -> Node:
        """`x...`."""
        return Spread(node.start_byte, node.end_byte, self.inner(node))

    def builtin(self, name: str, listed: SyntaxNode, node: SyntaxNode) -> Node | None:
        """Calls of the language's own functions that are no calls here; None for others."""
        start, end = node.start_byte, node.end_byte
        given = [child for child in listed.named_children if child.type != "comment"]
        if name in _SAME_DATA and len(given) == 1:
            return self.expression(given[0])
        if name == "append" and given:
            first, *rest = self.expression_list(given)
            return Collection(start, end, "list", [Spread(first.start, first.end, first), *rest])
        if name == "new" and len(given) == 1:
            return Call(start, end, self.expression(given[0]), [], creates=True)
        if name == "make" and given:
            return self.made(given, start, end)
        return None

    def made(self, given: list[SyntaxNode], start: int, end: int) -> Node:
        """`make(T, n)`."""
        kind = given[0].type
        if kind == "map_type":
            return Mapping(start, end, [])
        if kind == "channel_type":
            return Collection(start, end, "list", [])
        length = self.expression(given[1]) if len(given) > 1 else None
        if isinstance(length, Literal) and length.value == 0:
            return Collection(start, end, "list", [])
        if kind == "slice_type":
            return Array(start, end, self.type_text(given[0])[2:], length)
        return Call(start, end, self.expression(given[0]), [], creates=True)

    # --- items, operators -------------------------------------------------------------------------

    def item(self, node: SyntaxNode) -> Node:
        """`object[key]`."""
        parts = fields(node)
        holder, key = parts.get("operand"), parts.get("index")
        if holder is None or key is None:
            return self.unknown(node)
        return Index(node.start_byte, node.end_byte, self.expression(holder), self.expression(key))

    def slice(self, node: SyntaxNode) -> Node:
        """`object[low:high]`."""
        parts = fields(node)
        holder, low, high = parts.get("operand"), parts.get("start"), parts.get("end")
        if holder is None:
            return self.unknown(node)
        return Slice(
            node.start_byte,
            node.end_byte,
            self.expression(holder),
            self.expression(low) if low is not None else None,
            self.expression(high) if high is not None else None,
        )

    def unary(self, node: SyntaxNode) -> Node:
        """`!x`, `-x`, `&x`, `*x`, `<-x`."""
        start, end = node.start_byte, node.end_byte
        children = node.children
        operator = children[0].type
        value = self.expression(children[-1])
        if operator == "&":
            return Operation(start, end, "address", [value])
        if operator == "*":
            return Operation(start, end, "deref", [value])
        if operator == "<-":
            return Call(start, end, Field(start, end, value, "receive"), [])
        if operator == "^":
            return Operation(start, end, "~", [value])
        return Operation(start, end, _OPERATORS.get(operator, operator), [value])

    def chain(self, node: SyntaxNode) -> Node:
        """Binary operators; a long left-hand spine is read in a loop."""
        spine: list[tuple[str, SyntaxNode]] = []
        left = node
        while left.type == "binary_expression":
            children = [child for child in left.children if child.type != "comment"]
            if len(children) != 3:
                break
            operator = children[1].type
            spine.append((_OPERATORS.get(operator, operator), children[2]))
            left = children[0]
        if not spine:
            return self.unknown(node)
        return self.folded(node, left, spine)

    def assertion(self, node: SyntaxNode) -> Node:
        """`x.(T)`."""
        parts = fields(node)
        value = parts.get("operand")
        if value is None:
            return self.unknown(node)
        return Cast(
            node.start_byte,
            node.end_byte,
            self.type_text(parts.get("type")),
            self.expression(value),
        )

    def conversion(self, node: SyntaxNode) -> Node:
        """`[]byte(x)`."""
        value = fields(node).get("operand")
        return self.expression(value) if value is not None else self.unknown(node)

    # --- literals ---------------------------------------------------------------------------------

    def string(self, node: SyntaxNode) -> Node:
        """Text in quotes or in back quotes."""
        start, end = node.start_byte, node.end_byte
        written = self.text.slice(start + 1, end - 1)
        if node.type == "interpreted_string_literal":
            return Literal(start, end, unescape(written))
        return Literal(start, end, written.replace("\r", ""))

    def rune(self, node: SyntaxNode) -> Node:
        """One character, as text."""
        start, end = node.start_byte, node.end_byte
        return Literal(start, end, unescape(self.text.slice(start + 1, end - 1)))

    def number(self, node: SyntaxNode) -> Node:
        """A number."""
        return lower_number(self.words(node), node.start_byte, node.end_byte)

    def truth(self, node: SyntaxNode) -> Node:
        """True or false."""
        return Literal(node.start_byte, node.end_byte, node.type == "true")

    def null(self, node: SyntaxNode) -> Node:
        """Nil."""
        return Literal(node.start_byte, node.end_byte, None)

    def closure(self, node: SyntaxNode) -> Node:
        """A function literal."""
        raise NotImplementedError


def _is_rooted(function: Field, arguments: list[Node], imports: dict[str, str]) -> bool:
    """`filepath.Clean("/" + x)`, `path.Join("/", x)`: what is normal below the root stays there."""
    if function.name not in ("Clean", "Join") or not isinstance(function.object, Name):
        return False
    if imports.get(function.object.name) not in ("path", "path.filepath") or not arguments:
        return False
    first = arguments[0]
    if function.name == "Join":
        return isinstance(first, Literal) and first.value == "/"
    if not isinstance(first, Operation) or first.operator != "+":
        return False
    first = first.operands[0]
    return isinstance(first, Literal) and isinstance(first.value, str) and first.value[:1] == "/"


def formatted(arguments: list[Node], start: int, end: int) -> Node | None:
    """`fmt.Sprintf` with a template that is known: text with its values; None where it is not."""
    template = arguments[0] if arguments else None
    if not isinstance(template, Literal) or not isinstance(template.value, str):
        return None
    read = read_template(template.value)
    if read is None or any(isinstance(one, Spread) for one in arguments):
        return None
    verbs, rest = read
    if len(verbs) != len(arguments) - 1:
        return None
    parts: list[Node] = []
    for verb, value in zip(verbs, arguments[1:], strict=True):
        if verb.before:
            parts.append(Literal(template.start, template.end, verb.before))
        if verb.kind == "number":
            value = Cast(value.start, value.end, "int", value)
        elif verb.kind == "quoted":
            value = Call(value.start, value.end, Name(value.start, value.end, "%q"), [value])
        parts.append(value)
    if rest:
        parts.append(Literal(template.start, template.end, rest))
    return Text(start, end, parts)
