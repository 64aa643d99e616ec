"""Expressions of C and C++.

Does not know statements. Guards long operator chains: they are read in a loop and stay flat.
"""

from typing import ClassVar

from tree_sitter import Node as SyntaxNode

from kodo.scan.ir import (
    Array,
    Bind,
    Block,
    Call,
    Cast,
    Choice,
    Closure,
    Collection,
    Do,
    Field,
    Function,
    FunctionParts,
    Index,
    Literal,
    Mapping,
    Name,
    Node,
    Operation,
    Pair,
    Parameter,
    Unknown,
)
from kodo.scan.lower.base import Lowerer, fields
from kodo.scan.lower.c.declarators import plain_type, read_declarator
from kodo.scan.lower.c.literals import join_strings, lower_character, lower_number, string_value

_OPERATORS = {"&&": "and", "||": "or", "!": "not", "and": "and", "or": "or", "not": "not"}
_CASTS = frozenset({"static_cast", "reinterpret_cast", "const_cast", "dynamic_cast"})


class ExpressionLowerer(Lowerer):
    """Expressions by kind."""

    expressions: ClassVar[dict[str, str]] = {
        "identifier": "name",
        "field_identifier": "name",
        "type_identifier": "name",
        "primitive_type": "name",
        "namespace_identifier": "name",
        "qualified_identifier": "qualified",
        "template_function": "template",
        "this": "this",
        "call_expression": "call",
        "field_expression": "field",
        "subscript_expression": "item",
        "string_literal": "string",
        "raw_string_literal": "string",
        "concatenated_string": "strings",
        "char_literal": "character",
        "number_literal": "number",
        "true": "truth",
        "false": "truth",
        "null": "null",
        "nullptr": "null",
        "binary_expression": "chain",
        "unary_expression": "unary",
        "pointer_expression": "pointer",
        "update_expression": "update",
        "assignment_expression": "binding",
        "conditional_expression": "choice",
        "parenthesized_expression": "inner",
        "condition_clause": "inner",
        "cast_expression": "cast",
        "compound_literal_expression": "compound",
        "sizeof_expression": "size",
        "alignof_expression": "size",
        "comma_expression": "comma",
        "initializer_list": "collection",
        "new_expression": "creation",
        "delete_expression": "deletion",
        "lambda_expression": "closure",
        "co_await_expression": "inner",
    }

    scope_name: str = ""
    locals: set[str] = set()  # noqa: RUF012
    members: frozenset[str] = frozenset()

    def name(self, node: SyntaxNode) -> Node:
        """An identifier: a local, or a member of the class around it."""
        start, end = node.start_byte, node.end_byte
        name = self.text.slice(start, end)
        meant = self.module.imports.get(name)  # a macro that stands for a variable
        if meant is not None and meant in self.locals and name not in self.locals:
            return Name(start, end, meant)
        if name in self.members and name not in self.locals:
            return Field(start, end, Name(start, end, "this"), name)
        return Name(start, end, name)

    def this(self, node: SyntaxNode) -> Node:
        """The object at hand."""
        return Name(node.start_byte, node.end_byte, "this")

    def dotted(self, written: str, start: int, end: int) -> Node:
        """Return a name of namespaces as fields; `std` is left out."""
        parts = [part.strip().partition("<")[0] for part in written.split("::")]
        parts = [part for part in parts if part and part != "std"] or ["std"]
        value: Node = Name(start, end, parts[0])
        for part in parts[1:]:
            value = Field(start, end, value, part)
        return value

    def qualified(self, node: SyntaxNode) -> Node:
        """`a::b`."""
        return self.dotted(self.words(node), node.start_byte, node.end_byte)

    def template(self, node: SyntaxNode) -> Node:
        """`f<T>`: the name alone."""
        given = node.child_by_field_name("name")
        return self.expression(given) if given is not None else self.unknown(node)

    def type_text(self, node: SyntaxNode | None) -> str:
        """Return a type descriptor or specifier as text, pointers at its end."""
        if node is None:
            return ""
        if node.type == "type_descriptor":
            declared = read_declarator(node.child_by_field_name("declarator"))
            base = self.type_text(node.child_by_field_name("type"))
            return base + "*" * (declared.pointers + len(declared.lengths))
        if node.type in (
            "struct_specifier",
            "class_specifier",
            "union_specifier",
            "enum_specifier",
        ):
            given = node.child_by_field_name("name")
            return plain_type(self.words(given)) if given is not None else ""
        written = plain_type(self.words(node))
        return "" if written in ("auto", "decltype(auto)") else written

    def call(self, node: SyntaxNode) -> Node:
        """A call; casts of C++ are calls of templates."""
        start, end = node.start_byte, node.end_byte
        parts = fields(node)
        called = parts.get("function")
        if called is None:
            return self.unknown(node)
        arguments = self.arguments(parts.get("arguments"))
        if called.type == "template_function":
            inner = fields(called)
            given = inner.get("name")
            if given is not None and self.words(given) in _CASTS and len(arguments) == 1:
                types = inner["arguments"].named_children if "arguments" in inner else []
                return Cast(start, end, self.type_text(types[0]) if types else "", arguments[0])
        return Call(start, end, self.expression(called), arguments)

    def arguments(self, node: SyntaxNode | None) -> list[Node]:
        """Lower the arguments of a call; types among them (of macros) are names."""
        return self.expression_list(node.named_children) if node is not None else []

    def field(self, node: SyntaxNode) -> Node:
        """`object.name`, `object->name`."""
        parts = fields(node)
        holder, given = parts.get("argument"), parts.get("field")
        if holder is None or given is None:
            return self.unknown(node)
        return Field(node.start_byte, node.end_byte, self.expression(holder), self.words(given))

    def item(self, node: SyntaxNode) -> Node:
        """`array[index]`."""
        parts = fields(node)
        array = parts.get("argument")
        index = parts.get("index") or parts.get("indices")
        if array is None or index is None:
            return self.unknown(node)
        key = (
            index.named_children[0]
            if index.type == "subscript_argument_list" and index.named_children
            else index
        )
        return Index(node.start_byte, node.end_byte, self.expression(array), self.expression(key))

    def string(self, node: SyntaxNode) -> Node:
        """Text."""
        return Literal(node.start_byte, node.end_byte, string_value(self.words(node)))

    def strings(self, node: SyntaxNode) -> Node:
        """Adjacent strings, maybe with macros between."""
        parts = self.expression_list(node.named_children)
        return join_strings(node.start_byte, node.end_byte, parts)

    def character(self, node: SyntaxNode) -> Node:
        """One character."""
        return lower_character(node, self.text)

    def number(self, node: SyntaxNode) -> Node:
        """A number."""
        return lower_number(node, self.text)

    def truth(self, node: SyntaxNode) -> Node:
        """True or false."""
        return Literal(node.start_byte, node.end_byte, node.type == "true")

    def null(self, node: SyntaxNode) -> Node:
        """The null pointer."""
        return Literal(node.start_byte, node.end_byte, None)

    def chain(self, node: SyntaxNode) -> Node:
        """Binary operators; a long left-hand spine is read in a loop."""
        spine: list[tuple[str, SyntaxNode]] = []
        left = node
        while left.type == "binary_expression":
            parts = fields(left)
            first, operator, right = parts.get("left"), parts.get("operator"), parts.get("right")
            if first is None or operator is None or right is None:
                break
            spine.append((_OPERATORS.get(operator.type, operator.type), right))
            left = first
        if not spine:
            return self.unknown(node)
        return self.folded(node, left, spine)

    def unary(self, node: SyntaxNode) -> Node:
        """`!x`, `-x`, `~x`."""
        children = node.children
        operator = children[0].type
        value = self.expression(children[-1])
        if operator == "-" and isinstance(value, Literal) and isinstance(value.value, (int, float)):
            return Literal(node.start_byte, node.end_byte, -value.value)
        name = _OPERATORS.get(operator, operator)
        return Operation(node.start_byte, node.end_byte, name, [value])

    def pointer(self, node: SyntaxNode) -> Node:
        """`&x`, `*p`."""
        children = node.children
        operator = "address" if children[0].type == "&" else "deref"
        return Operation(node.start_byte, node.end_byte, operator, [self.expression(children[-1])])

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
            value = Operation(start, end, written, [target, value])
        return Bind(start, end, target, value)

    def choice(self, node: SyntaxNode) -> Node:
        """`test ? then : otherwise`; `a ?: b` gives a."""
        parts = fields(node)
        test, otherwise = parts.get("condition"), parts.get("alternative")
        if test is None or otherwise is None:
            return self.unknown(node)
        then = parts.get("consequence", test)
        return Choice(
            node.start_byte,
            node.end_byte,
            self.expression(test),
            self.expression(then),
            self.expression(otherwise),
        )

    def inner(self, node: SyntaxNode) -> Node:
        """Parentheses and conditions: what is inside."""
        value = node.child_by_field_name("value")
        if value is not None:
            return self.expression(value)
        for child in reversed(node.named_children):
            if child.type != "comment":
                return self.expression(child)
        return Unknown(node.start_byte, node.end_byte, [])

    def cast(self, node: SyntaxNode) -> Node:
        """`(T) x`."""
        parts = fields(node)
        value = parts.get("value")
        if value is None:
            return self.unknown(node)
        made = self.expression(value)
        return Cast(node.start_byte, node.end_byte, self.type_text(parts.get("type")), made)

    def compound(self, node: SyntaxNode) -> Node:
        """`(T) {...}`."""
        value = node.child_by_field_name("value")
        return self.expression(value) if value is not None else self.unknown(node)

    def size(self, node: SyntaxNode) -> Node:
        """`sizeof(T)`, `sizeof x`: a call; a type is a cast of nothing."""
        start, end = node.start_byte, node.end_byte
        parts = fields(node)
        function = Name(start, end, "sizeof" if node.type == "sizeof_expression" else "alignof")
        given, value = parts.get("type"), parts.get("value")
        if given is not None:
            inner: Node = Cast(start, end, self.type_text(given), Unknown(start, end, []))
        elif value is not None:
            inner = self.expression(value)
        else:
            inner = Unknown(start, end, [])
        return Call(start, end, function, [inner])

    def comma(self, node: SyntaxNode) -> Node:
        """`a, b`."""
        parts = self.expression_list(node.named_children)
        if not parts:
            return self.unknown(node)
        return Do(node.start_byte, node.end_byte, parts[:-1], parts[-1])

    def collection(self, node: SyntaxNode) -> Node:
        """`{a, b}`, `{.x = a}`."""
        start, end = node.start_byte, node.end_byte
        children = [child for child in node.named_children if child.type != "comment"]
        if any(child.type == "initializer_pair" for child in children):
            pairs: list[Pair] = []
            for child in children:
                parts = fields(child)
                value = parts.get("value", child)
                designator = parts.get("designator")
                key = (
                    Literal(child.start_byte, child.end_byte, self.words(designator).strip(".[]"))
                    if designator is not None
                    else None
                )
                pairs.append(Pair(child.start_byte, child.end_byte, key, self.expression(value)))
            return Mapping(start, end, pairs)
        return Collection(start, end, "list", self.expression_list(children))

    def creation(self, node: SyntaxNode) -> Node:
        """`new T(...)`, `new T[n]`."""
        start, end = node.start_byte, node.end_byte
        parts = fields(node)
        made = parts.get("type")
        declared = parts.get("declarator")
        name = self.type_text(made)
        if declared is not None and declared.type == "new_declarator":
            length = declared.child_by_field_name("length")
            return Array(start, end, name, self.expression(length) if length is not None else None)
        arguments = self.arguments(parts.get("arguments"))
        called = self.dotted(name.replace(".", "::") or "new", start, end)
        return Call(start, end, called, arguments, creates=True)

    def deletion(self, node: SyntaxNode) -> Node:
        """`delete p`, `delete[] p`."""
        start, end = node.start_byte, node.end_byte
        many = any(child.type == "[" for child in node.children)
        values = self.expression_list(node.named_children)
        return Call(start, end, Name(start, end, "delete[]" if many else "delete"), values[-1:])

    # --- closures -----------------------------------------------------------------------------

    def closure(self, node: SyntaxNode) -> Node:
        """A lambda."""
        start, end = node.start_byte, node.end_byte
        parts = fields(node)
        known, members = frozenset(self.locals), self.members

        def build() -> FunctionParts:
            saved = self.locals, self.members
            self.locals, self.members = set(known), members
            declared = read_declarator(parts.get("declarator"))
            parameters = self.parameters(declared.parameters)
            body = parts.get("body")
            block = self.body(body)
            self.locals, self.members = saved
            return FunctionParts(parameters, block, outer=None)

        name = f"{self.scope_name}.<lambda>"
        return Closure(start, end, Function("", name, start, end, build))

    def body(self, node: SyntaxNode | None) -> Block:
        """Lower a block, or one statement, to a block."""
        raise NotImplementedError

    def parameters(self, node: SyntaxNode | None) -> list[Parameter]:
        """Lower a list of parameters."""
        listed: list[Parameter] = []
        for child in node.named_children if node is not None else ():
            if child.type not in (
                "parameter_declaration",
                "optional_parameter_declaration",
                "variadic_parameter_declaration",
            ):
                continue
            parts = fields(child)
            declared = read_declarator(parts.get("declarator"))
            kind = self.type_text(parts.get("type"))
            if kind == "void" and not declared.pointers:
                continue
            kind += "*" * (declared.pointers + len(declared.lengths))
            name = self.words(declared.name) if declared.name is not None else ""
            self.locals.add(name)
            listed.append(Parameter(child.start_byte, child.end_byte, name, kind))
        return listed
