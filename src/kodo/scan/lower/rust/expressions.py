"""Rust's expressions, patterns and types.

Does not know statements and macros. Guards long chains of calls: they are read in a loop.
"""

from __future__ import annotations

import re
from typing import ClassVar

from tree_sitter import Node as SyntaxNode

from kodo.scan.ir import (
    Array,
    Bind,
    Call,
    Cast,
    Collection,
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
    Unknown,
)
from kodo.scan.lower.base import Lowerer, fields

RUST_INTEGERS = frozenset(
    f"{sign}{size}" for sign in "iu" for size in ("8", "16", "32", "64", "128", "size")
)
RUST_NUMBERS = RUST_INTEGERS | {
    "f32",
    "f64",
    "bool",
    "uuid.Uuid",
    "Uuid",
    "std.net.IpAddr",
    "IpAddr",
    "std.net.SocketAddr",
    "chrono.NaiveDate",
    "std.time.Duration",
}
"""Declared types whose values hold no text."""
_LARGE = frozenset({"i64", "u64", "i128", "u128", "isize", "usize"})
_OPERATORS = {"&&": "and", "||": "or", "!": "not"}
_WRAPPERS = ("Option", "Result", "Box", "Arc", "Rc", "Mutex", "RwLock", "RefCell", "Cow", "State",
             "Data", "Extension", "Pin")  # fmt: skip
_WRAPPED = re.compile(rf"^(?:\w+\.)*(?:{'|'.join(_WRAPPERS)})<(.+)>$")
_NOISE = re.compile(r"&|'\w+\b,?|\b(?:mut|dyn|impl|ref|const)\b")
_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|u\{([0-9A-Fa-f_]{1,8})\}|\n\s*|(.))", re.DOTALL)
_SIMPLE = {"n": "\n", "t": "\t", "r": "\r", "0": "\0"}
_RAW = re.compile(r"^b?c?r(#*)\"")
_SUFFIX = re.compile(r"(?:[iu](?:8|16|32|64|128|size)|f32|f64)$")
COMMENTS = frozenset({"line_comment", "block_comment"})


def unescape(written: str) -> str:
    """Return the text between the quotes of a literal."""
    if "\\" not in written:
        return written

    def plain(match: re.Match[str]) -> str:
        short, long, simple = match.groups()
        if simple is not None:
            return _SIMPLE.get(simple, simple)
        if short is None and long is None:
            return ""
        code = int((short or long).replace("_", ""), 16)
        return chr(code) if code < 0x110000 else "\N{REPLACEMENT CHARACTER}"

    return _ESCAPE.sub(plain, written)


class ExpressionLowerer(Lowerer):
    """Expressions by kind."""

    skipped: ClassVar[frozenset[str]] = COMMENTS
    expressions: ClassVar[dict[str, str]] = {
        "identifier": "name",
        "field_identifier": "name",
        "type_identifier": "name",
        "primitive_type": "name",
        "self": "name",
        "crate": "name",
        "super": "name",
        "metavariable": "name",
        "scoped_identifier": "path",
        "scoped_type_identifier": "path",
        "generic_type": "bare",
        "generic_function": "bare",
        "generic_type_with_turbofish": "bare",
        "field_expression": "field",
        "call_expression": "call",
        "index_expression": "item",
        "reference_expression": "last",
        "try_expression": "first",
        "await_expression": "first",
        "parenthesized_expression": "first",
        "unary_expression": "unary",
        "binary_expression": "chain",
        "assignment_expression": "binding",
        "compound_assignment_expr": "binding",
        "type_cast_expression": "cast",
        "struct_expression": "struct",
        "tuple_expression": "tuple",
        "array_expression": "array",
        "unit_expression": "unit",
        "string_literal": "string",
        "raw_string_literal": "string",
        "char_literal": "string",
        "integer_literal": "number",
        "float_literal": "number",
        "boolean_literal": "truth",
    }

    owner_name: str = ""

    # --- names and types --------------------------------------------------------------------------

    def name(self, node: SyntaxNode) -> Node:
        """An identifier; `Self` is the type at hand, `None` nothing."""
        start, end = node.start_byte, node.end_byte
        name = self.text.slice(start, end).removeprefix("r#")
        if name == "None":
            return Literal(start, end, None)
        if name == "Self" and self.owner_name:
            name = self.owner_name
        return Name(start, end, name)

    def path(self, node: SyntaxNode) -> Node:
        """`a::b::c`."""
        start, end = node.start_byte, node.end_byte
        dotted = self.type_text(node).lstrip(".").partition("<")[0].strip(".")
        first, *rest = (dotted or "?").split(".")  # `<T as Trait>::f` is nobody's for sure
        if first == "Self" and self.owner_name:
            first = self.owner_name
        value: Node = Name(start, end, first)
        for part in rest:
            value = Field(start, end, value, part)
        return value

    def bare(self, node: SyntaxNode) -> Node:
        """`f::<T>`, `T<U>`: without the arguments."""
        children = node.children
        return self.expression(children[0]) if children else self.unknown(node)

    def type_text(self, node: SyntaxNode | None) -> str:
        """Return a type as text: dotted, without references, lifetimes and wrappers."""
        if node is None:
            return ""
        bare = _NOISE.sub("", self.words(node)).replace("::", ".").replace(".<", "<")
        bare = "".join(bare.split())
        for _ in range(3):
            wrapped = _WRAPPED.match(bare)
            if wrapped is None:
                break
            bare = wrapped[1].partition(",")[0] if "<" not in wrapped[1] else wrapped[1]
        return self.owner_name if bare == "Self" and self.owner_name else bare

    def first(self, node: SyntaxNode) -> Node:
        """`x?`, `x.await`, `(x)`: what is inside."""
        for child in node.named_children:
            if child.type not in COMMENTS:
                return self.expression(child)
        return Unknown(node.start_byte, node.end_byte, [])

    def last(self, node: SyntaxNode) -> Node:
        """`&x`, `&mut x`: what it refers to."""
        return self.expression(node.children[-1])

    # --- fields and calls -------------------------------------------------------------------------

    def field(self, node: SyntaxNode) -> Node:
        """`object.name`, `object.0`."""
        children = node.children
        if len(children) < 3:
            return self.unknown(node)
        return self._field(node, self.expression(children[0]))

    def _field(self, node: SyntaxNode, holder: Node) -> Node:
        start, end = node.start_byte, node.end_byte
        given = node.children[-1]
        name = self.words(given)
        if given.type == "integer_literal":
            return Index(start, end, holder, Literal(given.start_byte, end, int(name)))
        return Field(start, end, holder, name)

    def call(self, node: SyntaxNode) -> Node:
        """A call; a long chain of methods is read in a loop."""
        spine: list[tuple[SyntaxNode, str]] = []
        current = node
        while current.type in ("call_expression", "field_expression", "try_expression",
                               "await_expression") and current.child_count:  # fmt: skip
            spine.append((current, current.type))
            current = current.children[0]
            if current.type == "generic_function" and current.child_count:
                spine.append((current, "generic_function"))
                current = current.children[0]
        value = self.expression(current)
        for at, kind in reversed(spine):
            if kind == "field_expression":
                value = self._field(at, value) if at.child_count > 2 else value
            elif kind == "generic_function":
                value = self._typed(at, value)
            elif kind == "call_expression":
                listed = at.children[-1]
                arguments = self.expression_list(listed.named_children)
                value = self.called(at, value, arguments)
        return value

    def _typed(self, node: SyntaxNode, function: Node) -> Node:
        """`parse::<u32>`: what is read is a number."""
        types = self.type_text(node.children[-1]).strip("<>.")
        if isinstance(function, Field) and function.name == "parse" and types in RUST_NUMBERS:
            is_small = types in RUST_NUMBERS - _LARGE
            name = "parse small" if is_small else "parse number"
            return Field(function.start, function.end, function.object, name)
        return function

    def called(self, node: SyntaxNode, function: Node, arguments: list[Node]) -> Node:
        """One call. `Ok(x)` and `Some(x)` are what is inside."""
        start, end = node.start_byte, node.end_byte
        if isinstance(function, Name) and function.name in ("Ok", "Some") and len(arguments) == 1:
            return arguments[0]
        return Call(start, end, function, arguments)

    def item(self, node: SyntaxNode) -> Node:
        """`object[key]`, `object[low..high]`."""
        start, end = node.start_byte, node.end_byte
        children = node.named_children
        if len(children) < 2:
            return self.unknown(node)
        holder = self.expression(children[0])
        key = children[1]
        if key.type != "range_expression":
            return Index(start, end, holder, self.expression(key))
        low = high = None
        after = False
        for child in key.children:
            if child.type in ("..", "..="):
                after = True
            elif child.is_named and after:
                high = self.expression(child)
            elif child.is_named:
                low = self.expression(child)
        return Slice(start, end, holder, low, high)

    # --- operators --------------------------------------------------------------------------------

    def unary(self, node: SyntaxNode) -> Node:
        """`!x`, `-x`, `*x`."""
        children = node.children
        operator = children[0].type
        name = "deref" if operator == "*" else _OPERATORS.get(operator, operator)
        return Operation(node.start_byte, node.end_byte, name, [self.expression(children[-1])])

    def chain(self, node: SyntaxNode) -> Node:
        """Binary operators; a long left-hand spine is read in a loop."""
        spine: list[tuple[str, SyntaxNode]] = []
        left = node
        while left.type == "binary_expression":
            children = [child for child in left.children if child.type not in COMMENTS]
            if len(children) != 3:
                break
            operator = children[1].type
            spine.append((_OPERATORS.get(operator, operator), children[2]))
            left = children[0]
        if not spine:
            return self.unknown(node)
        return self.folded(node, left, spine)

    def binding(self, node: SyntaxNode) -> Node:
        """An assignment inside an expression."""
        start, end = node.start_byte, node.end_byte
        children = [child for child in node.children if child.type not in COMMENTS]
        if len(children) != 3:
            return self.unknown(node)
        target, value = self.expression(children[0]), self.expression(children[2])
        operator = children[1].type[:-1]
        if operator:
            value = Operation(start, end, operator, [target, value])
        return Bind(start, end, target, value)

    def cast(self, node: SyntaxNode) -> Node:
        """`x as T`; between numbers a call of `as T`."""
        start, end = node.start_byte, node.end_byte
        parts = fields(node)
        value, given = parts.get("value"), parts.get("type")
        if value is None or given is None:
            return self.unknown(node)
        kind = self.type_text(given)
        inner = self.expression(value)
        if kind in RUST_NUMBERS:
            return Call(start, end, Name(start, end, f"as {kind}"), [inner])
        return Cast(start, end, kind, inner)

    # --- literals ---------------------------------------------------------------------------------

    def struct(self, node: SyntaxNode) -> Node:
        """`T { a: x, b, ..rest }`."""
        start, end = node.start_byte, node.end_byte
        parts = fields(node)
        given, body = parts.get("name"), parts.get("body")
        if given is None or body is None:
            return self.unknown(node)
        keywords: list[Keyword] = []
        rest: list[Node] = []
        for child in body.named_children:
            place = child.start_byte, child.end_byte
            children = child.named_children
            if child.type == "shorthand_field_initializer" and children:
                value = self.expression(children[-1])
                keywords.append(Keyword(*place, self.words(children[-1]), value))
            elif child.type == "field_initializer" and len(children) >= 2:
                value = self.expression(children[-1])
                keywords.append(Keyword(*place, self.words(children[-2]), value))
            elif child.type == "base_field_initializer" and children:
                rest.append(self.expression(children[-1]))
        return Call(start, end, self.expression(given), rest, keywords, creates=True)

    def tuple(self, node: SyntaxNode) -> Node:
        """`(a, b)`."""
        items = self.expression_list(node.named_children)
        return Collection(node.start_byte, node.end_byte, "tuple", items)

    def array(self, node: SyntaxNode) -> Node:
        """`[a, b]`, `[x; n]`."""
        start, end = node.start_byte, node.end_byte
        length = node.child_by_field_name("length")
        if length is not None:
            return Array(start, end, "", self.expression(length))
        return Collection(start, end, "list", self.expression_list(node.named_children))

    def unit(self, node: SyntaxNode) -> Node:
        """`()`."""
        return Literal(node.start_byte, node.end_byte, None)

    def string(self, node: SyntaxNode) -> Node:
        """Text, bytes, characters: all as text."""
        start, end = node.start_byte, node.end_byte
        written = self.words(node)
        raw = _RAW.match(written)
        if raw is not None:
            return Literal(start, end, written[raw.end() : len(written) - len(raw[1]) - 1])
        return Literal(start, end, unescape(written.lstrip("bc")[1:-1]))

    def number(self, node: SyntaxNode) -> Node:
        """A number."""
        start, end = node.start_byte, node.end_byte
        written = self.words(node).replace("_", "").lower()
        is_based = written.startswith(("0x", "0b", "0o"))
        if not (is_based and node.type == "float_literal"):
            written = _SUFFIX.sub("", written)
        try:
            if is_based:
                return Literal(start, end, int(written, 0))
            return Literal(start, end, int(written) if written.isdigit() else float(written))
        except ValueError:
            return Unknown(start, end, [])

    def truth(self, node: SyntaxNode) -> Node:
        """True or false."""
        return Literal(node.start_byte, node.end_byte, self.words(node) == "true")

    # --- patterns ---------------------------------------------------------------------------------

    def pattern(self, node: SyntaxNode) -> Node:
        """A pattern as the target of an assignment."""
        start, end = node.start_byte, node.end_byte
        kind = node.type
        children = [child for child in node.named_children if child.type not in COMMENTS]
        if kind in ("identifier", "shorthand_field_identifier"):
            return Name(start, end, self.words(node))
        if kind == "tuple_struct_pattern":
            inner = [self.pattern(child) for child in children[1:]]
            return inner[0] if len(inner) == 1 else Collection(start, end, "tuple", inner)
        if kind in ("tuple_pattern", "slice_pattern"):
            return Collection(start, end, "tuple", [self.pattern(child) for child in children])
        if kind == "struct_pattern":
            return Mapping(start, end, [self._field_pattern(child) for child in children[1:]])
        if kind == "captured_pattern" and children:
            return self.pattern(children[0])
        if (
            kind in ("reference_pattern", "ref_pattern", "mut_pattern", "match_pattern")
            and children
        ):
            return self.pattern(children[-1] if kind != "match_pattern" else children[0])
        return Name(start, end, "_")

    def _field_pattern(self, node: SyntaxNode) -> Pair:
        place = node.start_byte, node.end_byte
        children = [child for child in node.named_children if child.type != "mutable_specifier"]
        if node.type != "field_pattern" or not children:
            return Pair(*place, None, Name(*place, "_"))
        key = Literal(*place, self.words(children[0]))
        return Pair(*place, key, self.pattern(children[-1]))
