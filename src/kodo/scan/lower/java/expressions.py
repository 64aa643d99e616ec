"""Java's expressions and targets.

Does not know statements. Guards long operator chains: they are read in a loop and stay flat.
"""

from typing import ClassVar

from tree_sitter import Node as SyntaxNode

from kodo.scan.ir import (
    Array,
    Bind,
    Call,
    Cast,
    Choice,
    Closure,
    Collection,
    Declare,
    Do,
    Field,
    Function,
    FunctionParts,
    Index,
    Keyword,
    Literal,
    Name,
    Node,
    Operation,
    Parameter,
    Return,
    Unknown,
)
from kodo.scan.lower.base import Lowerer, fields
from kodo.scan.lower.java.literals import lower_number, lower_string, unescape
from kodo.scan.lower.java.names import Names

_OPERATORS = {"&&": "and", "||": "or", ">>>": ">>", "!": "not"}
COMMENTS = frozenset({"line_comment", "block_comment"})


class ExpressionLowerer(Lowerer):
    """Expressions by kind."""

    skipped: ClassVar[frozenset[str]] = COMMENTS
    expressions: ClassVar[dict[str, str]] = {
        "identifier": "name",
        "type_identifier": "type_as_name",
        "scoped_type_identifier": "type_as_name",
        "generic_type": "type_as_name",
        "this": "this",
        "super": "above",
        "field_access": "field",
        "scoped_identifier": "dotted",
        "method_invocation": "call",
        "object_creation_expression": "creation",
        "explicit_constructor_invocation": "constructor_call",
        "string_literal": "string",
        "character_literal": "character",
        "decimal_integer_literal": "number",
        "hex_integer_literal": "number",
        "octal_integer_literal": "number",
        "binary_integer_literal": "number",
        "decimal_floating_point_literal": "number",
        "hex_floating_point_literal": "number",
        "true": "truth",
        "false": "truth",
        "null_literal": "null",
        "array_access": "item",
        "array_creation_expression": "array",
        "array_initializer": "collection",
        "element_value_array_initializer": "collection",
        "binary_expression": "chain",
        "unary_expression": "unary",
        "update_expression": "update",
        "assignment_expression": "binding",
        "ternary_expression": "choice",
        "parenthesized_expression": "inner",
        "cast_expression": "cast",
        "instanceof_expression": "type_test",
        "lambda_expression": "closure",
        "method_reference": "reference",
        "class_literal": "class_of",
        "annotation": "mark",
        "marker_annotation": "mark",
    }

    names: Names = Names(None)
    scope_name: str = ""

    def name(self, node: SyntaxNode) -> Node:
        """An identifier: a local, or a member of a class around it."""
        start, end = node.start_byte, node.end_byte
        return self.names.variable(self.text.slice(start, end), start, end)

    def this(self, node: SyntaxNode) -> Node:
        """The object at hand."""
        return Name(node.start_byte, node.end_byte, "this")

    def above(self, node: SyntaxNode) -> Node:
        """The base class, for its version of a method."""
        scope = self.names.scope
        bases = scope.definition.bases if scope is not None else []
        name = bases[0] if bases else "super"
        return self.spelled(name, node.start_byte, node.end_byte)

    def spelled(self, dotted: str, start: int, end: int) -> Node:
        """Return a dotted name as fields; `java.lang` is left out."""
        first, *rest = dotted.removeprefix("java.lang.").split(".")
        value: Node = Name(start, end, first)
        for part in rest:
            value = Field(start, end, value, part)
        return value

    def type_text(self, node: SyntaxNode | None) -> str:
        """Return a type as text; "" for `var`, for arrays, and for none."""
        if node is None or node.type == "array_type":
            return ""
        written = "".join(self.words(node).split())
        return "" if written == "var" else written.removeprefix("java.lang.")

    def type_as_name(self, node: SyntaxNode) -> Node:
        """A type as a value."""
        bare = self.type_text(node).partition("<")[0]
        return self.spelled(bare, node.start_byte, node.end_byte)

    def dotted(self, node: SyntaxNode) -> Node:
        """A dotted name of an annotation or import."""
        return self.spelled(self.words(node), node.start_byte, node.end_byte)

    def field(self, node: SyntaxNode) -> Node:
        """`object.name`; the length of an array is a call, as that of text is."""
        start, end = node.start_byte, node.end_byte
        parts = fields(node)
        holder, given = parts.get("object"), parts.get("field")
        if holder is None or given is None:
            return self.unknown(node)
        name = self.words(given)
        if holder.type == "field_access" and self.words(holder) == "java.lang":
            return Name(start, end, name)
        if name == "this":
            return Name(start, end, "this")
        value = self.expression(holder)
        made = Field(start, end, value, name)
        return Call(start, end, made, []) if name == "length" else made

    def call(self, node: SyntaxNode) -> Node:
        """A method call; a long chain of calls is read in a loop."""
        spine: list[tuple[SyntaxNode, dict[str, SyntaxNode]]] = []
        inner: SyntaxNode | None = node
        while inner is not None and inner.type == "method_invocation":
            parts = fields(inner)
            if "name" not in parts:
                break
            spine.append((inner, parts))
            inner = parts.get("object")
        if not spine:
            return self.unknown(node)
        value = self.expression(inner) if inner is not None else None
        for at, parts in reversed(spine):
            given = parts["name"]
            name = self.words(given)
            if value is None:
                function = self.names.method(name, given.start_byte, given.end_byte)
            else:
                function = Field(at.start_byte, given.end_byte, value, name)
            value = Call(at.start_byte, at.end_byte, function, self.arguments(parts))
        assert value is not None
        return value

    def arguments(self, parts: dict[str, SyntaxNode]) -> list[Node]:
        """Return the arguments among the parts of a call."""
        listed = parts.get("arguments")
        return self.expression_list(listed.named_children) if listed is not None else []

    def creation(self, node: SyntaxNode) -> Node:
        """`new T(...)`; the methods of an anonymous class are closures among the arguments."""
        parts = fields(node)
        made = parts.get("type")
        if made is None:
            return self.unknown(node)
        arguments = self.arguments(parts)
        last = node.children[-1]
        if last.type == "class_body":
            arguments += self.methods_as_closures(last)
        return Call(
            node.start_byte, node.end_byte, self.type_as_name(made), arguments, creates=True
        )

    def methods_as_closures(self, body: SyntaxNode) -> list[Node]:
        """Return the methods of an anonymous class."""
        return [
            self.closure(child)
            for child in body.named_children
            if child.type == "method_declaration"
        ]

    def constructor_call(self, node: SyntaxNode) -> Node:
        """`this(...)` and `super(...)` at the start of a constructor."""
        start, end = node.start_byte, node.end_byte
        parts = fields(node)
        called = parts.get("constructor")
        if called is not None and called.type == "this":
            function: Node = Field(start, end, Name(start, end, "this"), "<init>")
        else:
            function = Name(start, end, "super")
        return Call(start, end, function, self.arguments(parts))

    def string(self, node: SyntaxNode) -> Node:
        """Text."""
        return lower_string(node, self.text)

    def character(self, node: SyntaxNode) -> Node:
        """One character, as text."""
        return Literal(node.start_byte, node.end_byte, unescape(self.words(node)[1:-1]))

    def number(self, node: SyntaxNode) -> Node:
        """A number."""
        return lower_number(node, self.text)

    def truth(self, node: SyntaxNode) -> Node:
        """True or false."""
        return Literal(node.start_byte, node.end_byte, node.type == "true")

    def null(self, node: SyntaxNode) -> Node:
        """Null."""
        return Literal(node.start_byte, node.end_byte, None)

    def item(self, node: SyntaxNode) -> Node:
        """`array[index]`."""
        parts = fields(node)
        array, index = parts.get("array"), parts.get("index")
        if array is None or index is None:
            return self.unknown(node)
        return Index(node.start_byte, node.end_byte, self.expression(array), self.expression(index))

    def array(self, node: SyntaxNode) -> Node:
        """`new T[n]`, `new T[] {...}`."""
        start, end = node.start_byte, node.end_byte
        parts = fields(node)
        value = parts.get("value")
        if value is not None:
            return self.collection(value)
        element = parts.get("type")
        length: Node | None = None
        for child in node.children:
            if child.type == "dimensions_expr" and child.named_children and length is None:
                length = self.expression(child.named_children[-1])
        return Array(start, end, self.words(element) if element is not None else "", length)

    def collection(self, node: SyntaxNode) -> Node:
        """`{a, b}`."""
        items = self.expression_list(node.named_children)
        return Collection(node.start_byte, node.end_byte, "list", items)

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

    def unary(self, node: SyntaxNode) -> Node:
        """`!x`, `-x`, `~x`."""
        children = node.children
        operator = children[0].type
        value = self.expression(children[-1])
        name = _OPERATORS.get(operator, operator)
        return Operation(node.start_byte, node.end_byte, name, [value])

    def update(self, node: SyntaxNode) -> Node:
        """`x++`, `--x`."""
        start, end = node.start_byte, node.end_byte
        children = node.children
        gives_old = children[0].is_named
        changed = self.expression(children[0] if gives_old else children[-1])
        operator = (children[-1] if gives_old else children[0]).type[0]
        value = Operation(start, end, operator, [changed, Literal(end, end, 1)])
        return Bind(start, end, changed, value, gives_old)

    def binding(self, node: SyntaxNode) -> Node:
        """An assignment inside an expression."""
        start, end = node.start_byte, node.end_byte
        parts = fields(node)
        left, right, operator = parts.get("left"), parts.get("right"), parts.get("operator")
        if left is None or right is None:
            return self.unknown(node)
        target, value = self.expression(left), self.expression(right)
        written = operator.type[:-1] if operator is not None else ""
        if written:
            value = Operation(start, end, _OPERATORS.get(written, written), [target, value])
        return Bind(start, end, target, value)

    def choice(self, node: SyntaxNode) -> Node:
        """`test ? then : otherwise`."""
        parts = fields(node)
        try:
            test, then, otherwise = (
                parts["condition"],
                parts["consequence"],
                parts["alternative"],
            )
        except KeyError:
            return self.unknown(node)
        return Choice(
            node.start_byte,
            node.end_byte,
            self.expression(test),
            self.expression(then),
            self.expression(otherwise),
        )

    def inner(self, node: SyntaxNode) -> Node:
        """Parentheses: what is inside."""
        for child in reversed(node.named_children):
            if child.type not in COMMENTS:
                return self.expression(child)
        return Unknown(node.start_byte, node.end_byte, [])

    def cast(self, node: SyntaxNode) -> Node:
        """`(T) x`."""
        parts = fields(node)
        value = parts.get("value")
        if value is None:
            return self.unknown(node)
        made = self.expression(value)
        kind = self.type_text(parts.get("type"))
        return Cast(node.start_byte, node.end_byte, kind, made) if kind else made

    def type_test(self, node: SyntaxNode) -> Node:
        """`x instanceof T name`: the name is x as a T."""
        start, end = node.start_byte, node.end_byte
        parts = fields(node)
        left, given = parts.get("left"), parts.get("name")
        if left is None:
            return self.unknown(node)
        value = self.expression(left)
        if given is None:
            return Unknown(start, end, [value])
        name = self.words(given)
        self.names.locals.add(name)
        target = Name(given.start_byte, given.end_byte, name)
        bound = Declare(start, end, target, self.type_text(parts.get("right")), value)
        return Do(start, end, [bound], Unknown(start, end, []))

    def reference(self, node: SyntaxNode) -> Node:
        """`T::method`, `T::new`."""
        children = [child for child in node.children if child.is_named or child.type == "new"]
        if len(children) < 2:
            return self.unknown(node)
        holder = self.expression(children[0])
        if children[-1].type == "new":
            return holder
        return Field(node.start_byte, node.end_byte, holder, self.words(children[-1]))

    def class_of(self, node: SyntaxNode) -> Node:
        """`T.class`."""
        children = node.named_children
        if not children:
            return self.unknown(node)
        start, end = node.start_byte, node.end_byte
        return Field(start, end, self.spelled(self.type_text(children[0]), start, end), "class")

    def mark(self, node: SyntaxNode) -> Node:
        """An annotation: a call with its arguments, or a name."""
        start, end = node.start_byte, node.end_byte
        parts = fields(node)
        name = parts.get("name")
        if name is None:
            return self.unknown(node)
        called = self.spelled(self.words(name), start, end)
        listed = parts.get("arguments")
        if listed is None:
            return called
        arguments: list[Node] = []
        keywords: list[Keyword] = []
        for child in listed.named_children:
            if child.type == "element_value_pair":
                pair = fields(child)
                if "key" in pair and "value" in pair:
                    value = self.expression(pair["value"])
                    place = child.start_byte, child.end_byte
                    keywords.append(Keyword(*place, self.words(pair["key"]), value))
            elif child.type not in COMMENTS:
                arguments.append(self.expression(child))
        return Call(start, end, called, arguments, keywords)

    # --- closures -----------------------------------------------------------------------------

    def closure(self, node: SyntaxNode) -> Node:
        """A lambda, or a method of an anonymous class."""
        start, end = node.start_byte, node.end_byte
        parts = fields(node)
        names = self.names.inner()

        def build() -> FunctionParts:
            saved, self.names = self.names, names
            listed, body = parts.get("parameters"), parts.get("body")
            parameters = self.parameters(listed) if listed is not None else []
            if body is None:
                block: list[Node] = []
            elif body.type == "block":
                block = self.statement_list(body.children)
            else:
                block = [Return(body.start_byte, body.end_byte, self.expression(body))]
            self.names = saved
            return FunctionParts(parameters, block)

        name = f"{self.scope_name}.<lambda>"
        return Closure(start, end, Function("", name, start, end, build))

    def parameters(self, node: SyntaxNode) -> list[Parameter]:
        """Lower a list of parameters, with or without types."""
        if node.type == "identifier":
            return [self._parameter(node, "", node)]
        listed: list[Parameter] = []
        for child in node.named_children:
            kind = child.type
            if kind == "identifier":
                listed.append(self._parameter(child, "", child))
            elif kind == "formal_parameter":
                parts = fields(child)
                if "name" in parts:
                    listed.append(
                        self._parameter(child, self.type_text(parts.get("type")), parts["name"])
                    )
            elif kind == "spread_parameter":
                given = child.named_children[-1].child_by_field_name("name")
                if given is not None:
                    made = self._parameter(child, "", given)
                    made.kind = "rest"
                    listed.append(made)
        return listed

    def _parameter(self, node: SyntaxNode, kind: str, given: SyntaxNode) -> Parameter:
        name = self.words(given)
        self.names.locals.add(name)
        made = Parameter(node.start_byte, node.end_byte, name, kind)
        if node.child_count and node.children[0].type == "modifiers":
            made.marks = self.marks(node.children[0])
        return made

    def marks(self, modifiers: SyntaxNode) -> list[Node]:
        """Return the annotations among modifiers."""
        return [
            self.mark(child)
            for child in modifiers.named_children
            if child.type in ("annotation", "marker_annotation")
        ]
