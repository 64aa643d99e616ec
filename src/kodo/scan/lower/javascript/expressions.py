"""JavaScript's operators, calls and assignments.

Does not know statements, functions or JSX. Guards long operator chains and call chains: they are
read in a loop.
"""

from typing import ClassVar

from tree_sitter import Node as SyntaxNode

from kodo.scan.ir import (
    Assign,
    Bind,
    Call,
    Cast,
    Choice,
    Collection,
    Do,
    Field,
    Index,
    Literal,
    Mapping,
    Name,
    Node,
    Operation,
    Spread,
    Unknown,
    Yield,
)
from kodo.scan.lower.base import fields
from kodo.scan.lower.javascript.names import dotted_source
from kodo.scan.lower.javascript.values import ValueLowerer

_BRACKETS = frozenset("()[]{},;")
_LOGIC = {"&&": "and", "||": "or"}
_LENGTH = "%length"
_ARITHMETIC = frozenset(("*", "/", "%", "**"))
"""Their results are numbers, whatever the operands are."""
_SHIFTS = {">>>": ">>"}
_EQUALITIES = frozenset(("===", "==", "!==", "!="))


class ExpressionLowerer(ValueLowerer):
    """Expressions by kind."""

    expressions: ClassVar[dict[str, str]] = ValueLowerer.expressions | {
        "member_expression": "field",
        "subscript_expression": "subscript",
        "call_expression": "call",
        "new_expression": "creation",
        "binary_expression": "chain",
        "unary_expression": "unary",
        "update_expression": "update",
        "ternary_expression": "choice",
        "assignment_expression": "assigned",
        "augmented_assignment_expression": "assigned",
        "parenthesized_expression": "inner",
        "await_expression": "inner",
        "non_null_expression": "inner",
        "satisfies_expression": "first",
        "instantiation_expression": "first",
        "as_expression": "cast",
        "type_assertion": "asserted",
        "sequence_expression": "sequence",
        "yield_expression": "yielded",
    }

    resolvers: tuple[tuple[str, str], ...] = ()
    """Names that settle the promise around this code, and the variable that holds its result."""

    def field(self, node: SyntaxNode) -> Node:
        """`object.name`; a length is a call, so that it is a number and no data."""
        children = node.children
        name = self.words(children[-1])
        value = self.expression(children[0])
        start, end = node.start_byte, node.end_byte
        if name == "length":
            return Call(start, end, Name(start, end, _LENGTH), [value])
        return Field(start, end, value, name.lstrip("#"))

    def subscript(self, node: SyntaxNode) -> Node:
        """`object[key]`; a constant text is a field."""
        parts = fields(node)
        start, end = node.start_byte, node.end_byte
        if "object" not in parts or "index" not in parts:
            return self.unknown(node)
        value, key = self.expression(parts["object"]), self.expression(parts["index"])
        if isinstance(key, Literal) and isinstance(key.value, str) and key.value.isidentifier():
            return Field(start, end, value, key.value)
        return Index(start, end, value, key)

    def call(self, node: SyntaxNode) -> Node:
        """A call, a tagged template, `require` and `import()`, `f.call(...)`, `f.bind(...)`."""
        children = [child for child in node.children if child.type != "optional_chain"]
        callee, listed = children[0], children[-1]
        start, end = node.start_byte, node.end_byte
        if listed.type == "template_string":
            return Call(start, end, self.expression(callee), [self.template(listed)])
        if callee.type in ("identifier", "import"):
            name = self.words(callee)
            if name in ("require", "import"):
                source = self.required(node)
                if source:
                    return Name(start, end, source)
            for resolver, variable in self.resolvers:
                if resolver == name:
                    settled = self.arguments(listed)
                    value = settled[0] if settled else Literal(start, end, None)
                    return Bind(start, end, Name(start, end, variable), value)
        arguments = self.arguments(listed)
        if callee.type == "super":
            return Call(start, end, Field(start, end, Name(start, end, "this"), "super"), arguments)
        function = self.expression(callee)
        if isinstance(function, Field) and function.name in ("call", "apply", "bind"):
            return self._applied(start, end, function, arguments)
        return Call(start, end, function, arguments)

    def _applied(self, start: int, end: int, function: Field, arguments: list[Node]) -> Node:
        """`f.call(that, a)`, `f.apply(that, list)`, `f.bind(that)` as what they run."""
        if not isinstance(function.object, (Name, Field)) or not arguments:
            return Call(start, end, function, arguments)
        if function.name == "bind":
            return function.object if len(arguments) == 1 else Call(start, end, function, arguments)
        given = arguments[1:]
        if isinstance(function.object, Field) and written_prototype(function.object.object):
            method = Field(start, end, arguments[0], function.object.name)
            return Call(start, end, method, given)
        if function.name == "apply":
            spread: list[Node] = [Spread(one.start, one.end, one) for one in given[:1]]
            given = spread
        return Call(start, end, function.object, given)

    def required(self, node: SyntaxNode) -> str:
        """Return the dotted name of `require("x")` or `import("x")`, "" for any other."""
        listed = node.children[-1]
        named = listed.named_children
        if node.type != "call_expression" or listed.type != "arguments" or len(named) != 1:
            return ""
        if self.words(node.children[0]) not in ("require", "import"):
            return ""
        literal = (
            self.expression(named[0]) if named[0].type in ("string", "template_string") else None
        )
        if isinstance(literal, Literal) and isinstance(literal.value, str) and literal.value:
            return dotted_source(literal.value, self.text.path)
        return ""

    def arguments(self, node: SyntaxNode) -> list[Node]:
        """The arguments of a call."""
        return [
            self.expression(child)
            for child in node.children
            if child.type not in _BRACKETS and child.type not in self.skipped
        ]

    def creation(self, node: SyntaxNode) -> Node:
        """`new T(...)`."""
        parts = fields(node)
        start, end = node.start_byte, node.end_byte
        if "constructor" not in parts:
            return self.unknown(node)
        arguments = self.arguments(parts["arguments"]) if "arguments" in parts else []
        return Call(start, end, self.expression(parts["constructor"]), arguments, creates=True)

    # --- operators ----------------------------------------------------------------------------

    def chain(self, node: SyntaxNode) -> Node:
        """Binary operators; a long left-hand spine is read in a loop."""
        spine: list[tuple[str, SyntaxNode]] = []
        left = node
        while left.type == "binary_expression":
            children = [child for child in left.children if child.type not in self.skipped]
            if len(children) != 3:
                break
            spine.append((children[1].type, children[2]))
            left = children[0]
        if not spine:
            return self.unknown(node)
        value = self.expression(left)
        start = node.start_byte
        for written, right in reversed(spine):
            operator = _LOGIC.get(written, written)
            operand = self.expression(right)
            if isinstance(value, Operation) and value.operator == operator and value.start == start:
                value.operands.append(operand)
                value.end = right.end_byte
            else:
                value = _binary(start, right.end_byte, operator, value, operand)
        return value

    def unary(self, node: SyntaxNode) -> Node:
        """`!x`, `-x`, `typeof x`, `void x`, `delete x`."""
        children = [child for child in node.children if child.type not in self.skipped]
        start, end = node.start_byte, node.end_byte
        operator, value = children[0].type, self.expression(children[-1])
        if operator == "!":
            return Operation(start, end, "not", [value])
        if operator == "typeof":
            return Call(start, end, Name(start, end, "typeof"), [value])
        if operator == "void":
            return Do(start, end, [value], Literal(start, end, None))
        if operator == "delete":
            return Call(start, end, Name(start, end, "delete"), [value])
        if operator == "+":
            return Call(start, end, Name(start, end, "Number"), [value])
        return Operation(start, end, operator, [value])

    def update(self, node: SyntaxNode) -> Node:
        """`x++`, `--x`."""
        parts = fields(node)
        start, end = node.start_byte, node.end_byte
        target = self.expression(parts["argument"])
        operator = parts["operator"].type[0]
        value = Operation(start, end, operator, [target, Literal(start, end, 1)])
        return Bind(
            start, end, target, value, gives_old=parts["operator"].start_byte > node.start_byte
        )

    def choice(self, node: SyntaxNode) -> Node:
        """`test ? then : otherwise`."""
        parts = self.expression_list(node.named_children)
        if len(parts) != 3:
            return self.unknown(node)
        test, then, otherwise = parts
        return Choice(node.start_byte, node.end_byte, test, then, otherwise)

    def assigned(self, node: SyntaxNode) -> Node:
        """An assignment inside an expression."""
        made = self.assignment(node)
        if not isinstance(made, Assign):
            return made
        if not made.operator:
            return Bind(made.start, made.end, made.target, made.value)
        return Do(made.start, made.end, [made], made.target)

    def assignment(self, node: SyntaxNode) -> Node:
        """`left = right`, `left += right`."""
        parts = fields(node)
        left, right = parts.get("left"), parts.get("right")
        start, end = node.start_byte, node.end_byte
        if left is None or right is None:
            return self.unknown(node)
        operator = self.words(parts["operator"])[:-1] if "operator" in parts else ""
        return Assign(start, end, self.target(left), self.expression(right), operator)

    def target(self, node: SyntaxNode) -> Node:
        """Lower the left-hand side of an assignment."""
        made = self.expression(node)
        if (
            isinstance(made, Call)
            and isinstance(made.function, Name)
            and made.function.name == _LENGTH
        ):
            return Field(made.start, made.end, made.arguments[0], "length")
        return made

    def first(self, node: SyntaxNode) -> Node:
        """`x satisfies T`, `f<T>`: what stands first."""
        return self.inner(node)

    def cast(self, node: SyntaxNode) -> Node:
        """`x as T`; `as const` is what is inside."""
        named = node.named_children
        if len(named) < 2:
            return self.inner(node)
        made = self.expression(named[0])
        return Cast(node.start_byte, node.end_byte, "".join(self.words(named[-1]).split()), made)

    def asserted(self, node: SyntaxNode) -> Node:
        """`<T>x`."""
        return self.expression(node.named_children[-1])

    def sequence(self, node: SyntaxNode) -> Node:
        """`a, b`: the value is the last one's."""
        made = self.expression_list(node.named_children)
        if not made:
            return Unknown(node.start_byte, node.end_byte, [])
        return Do(node.start_byte, node.end_byte, made[:-1], made[-1])

    def yielded(self, node: SyntaxNode) -> Node:
        """`yield` and `yield*`."""
        named = [child for child in node.named_children if child.type not in self.skipped]
        value = self.expression(named[0]) if named else None
        return Yield(node.start_byte, node.end_byte, value)


def written_prototype(node: Node) -> bool:
    """Whether an expression is `T.prototype`, `{}` or `[]`: its methods are borrowed."""
    if isinstance(node, Field):
        return node.name == "prototype"
    return isinstance(node, (Mapping, Collection))


def _binary(start: int, end: int, operator: str, left: Node, right: Node) -> Node:
    """Return an operation; `typeof x === "string"` is the call of a test of its own."""
    if operator in _EQUALITIES:
        for one, other in ((left, right), (right, left)):
            if (
                isinstance(one, Call)
                and isinstance(one.function, Name)
                and one.function.name == "typeof"
                and isinstance(other, Literal)
            ):
                test = Call(start, end, Name(start, end, f"typeof.{other.value}"), one.arguments)
                return Operation(start, end, "not", [test]) if operator[0] == "!" else test
    if operator == "instanceof":
        return Call(start, end, Name(start, end, operator), [left, right])
    made = Operation(start, end, _SHIFTS.get(operator, operator), [left, right])
    if operator in _ARITHMETIC:
        return Call(start, end, Name(start, end, "Number"), [made])
    return made
