"""Ruby's calls, operators and assignments.

Does not know statements beyond that they have values. Guards that a call without parentheses is a
call, and that a block is an argument named `&`.
"""

from typing import ClassVar

from tree_sitter import Node as SyntaxNode

from kodo.scan.ir import (
    Assign,
    Bind,
    Call,
    Choice,
    Closure,
    Collection,
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
    Slice,
)
from kodo.scan.lower.base import fields
from kodo.scan.lower.ruby.values import ValueLowerer

_OPERATORS = {"&&": "and", "||": "or", "and": "and", "or": "or", "===": "=="}
_BLOCK = "&"
_PATH_HELPERS = ("_path", "_url")
"""Rails makes methods that end so for every route; all build what `url_for` does."""


class ExpressionLowerer(ValueLowerer):
    """Expressions by kind."""

    expressions: ClassVar[dict[str, str]] = ValueLowerer.expressions | {
        "call": "call",
        "element_reference": "element",
        "binary": "chain",
        "unary": "unary",
        "conditional": "choice",
        "assignment": "assigned",
        "operator_assignment": "assigned",
        "parenthesized_statements": "grouped",
        "lambda": "closure",
        "block": "closure",
        "do_block": "closure",
        "yield": "yielded",
        "super": "name",
        "block_argument": "inner",
        "argument_list": "collection",
    }

    scope: str = ""

    def call(self, node: SyntaxNode) -> Node:
        """A call with its arguments and block."""
        parts = fields(node)
        start, end = node.start_byte, node.end_byte
        receiver = self.expression(parts["receiver"]) if "receiver" in parts else None
        name = self.words(parts["method"]) if "method" in parts else "call"
        arguments: list[Node] = []
        keywords: list[Keyword] = []
        if "arguments" in parts:
            self._arguments(parts["arguments"], arguments, keywords)
        if "block" in parts:
            block = parts["block"]
            keywords.append(Keyword(block.start_byte, block.end_byte, _BLOCK, self.closure(block)))
        if receiver is None:
            function = self.own_method(name, start, end)
            if function is None:
                helper = name.endswith(_PATH_HELPERS)
                function = Name(start, end, "url_for" if helper else name)
            return Call(start, end, function, arguments, keywords)
        if name == "new":
            return Call(start, end, receiver, arguments, keywords, creates=True)
        if name == "call" and isinstance(receiver, Name) and receiver.name in self.locals:
            return Call(start, end, receiver, arguments, keywords)
        if name in ("send", "public_send", "__send__") and arguments:
            first = arguments[0]
            if isinstance(first, Literal) and isinstance(first.value, str):
                method = Field(start, end, receiver, first.value)
                return Call(start, end, method, arguments[1:], keywords)
        return Call(start, end, Field(start, end, receiver, name), arguments, keywords)

    def _arguments(self, node: SyntaxNode, arguments: list[Node], keywords: list[Keyword]) -> None:
        for child in node.named_children:
            kind = child.type
            if kind == "pair":
                keywords.append(self.keyword(child))
            elif kind == "hash_splat_argument":
                keywords.append(Keyword(child.start_byte, child.end_byte, "", self.inner(child)))
            elif kind == "block_argument":
                keywords.append(
                    Keyword(child.start_byte, child.end_byte, _BLOCK, self.inner(child))
                )
            elif kind not in self.skipped:
                arguments.append(self.expression(child))

    def element(self, node: SyntaxNode) -> Node:
        """`object[key]`, `object[a..b]`, `object[start, length]`."""
        start, end = node.start_byte, node.end_byte
        named = [child for child in node.named_children if child.type not in self.skipped]
        value = self.expression(named[0])
        if len(named) != 2:
            keys = self.expression_list(named[1:])
            return Call(start, end, Field(start, end, value, "slice"), keys)
        if named[1].type == "range":
            parts = fields(named[1])
            low = self.expression(parts["begin"]) if "begin" in parts else None
            high = self.expression(parts["end"]) if "end" in parts else None
            if isinstance(high, Literal) and isinstance(high.value, int):
                last = high.value + (self.words(named[1]).count(".") == 2)
                high = Literal(high.start, high.end, last) if last else None
            return Slice(start, end, value, low, high)
        return Index(start, end, value, self.expression(named[1]))

    # --- operators ----------------------------------------------------------------------------

    def chain(self, node: SyntaxNode) -> Node:
        """Binary operators; a long left-hand spine is read in a loop."""
        spine: list[tuple[str, SyntaxNode]] = []
        left = node
        while left.type == "binary":
            parts = fields(left)
            if not {"left", "operator", "right"} <= parts.keys():
                break
            spine.append((parts["operator"].type, parts["right"]))
            left = parts["left"]
        if not spine:
            return self.unknown(node)
        value = self.expression(left)
        start = node.start_byte
        for written, right in reversed(spine):
            operator = _OPERATORS.get(written, written)
            operand = self.expression(right)
            end = right.end_byte
            if isinstance(value, Operation) and value.operator == operator and value.start == start:
                value.operands.append(operand)
                value.end = end
            elif operator in ("=~", "!~"):
                value = Call(start, end, Field(start, end, value, "match?"), [operand])
                if operator == "!~":
                    value = Operation(start, end, "not", [value])
            elif operator == "<<":
                value = Call(start, end, Field(start, end, value, "<<"), [operand])
            else:
                value = Operation(start, end, operator, [value, operand])
        return value

    def unary(self, node: SyntaxNode) -> Node:
        """`!x`, `not x`, `-x`, `defined?(x)`."""
        start, end = node.start_byte, node.end_byte
        operator = node.children[0].type
        value = self.inner(node)
        if operator in ("!", "not"):
            return Operation(start, end, "not", [value])
        if operator == "defined?":
            return Call(start, end, Name(start, end, "defined?"), [value])
        return Operation(start, end, operator, [value])

    def choice(self, node: SyntaxNode) -> Node:
        """`test ? then : otherwise`."""
        parts = fields(node)
        if len(parts) < 3:
            return self.unknown(node)
        test, then = self.expression(parts["condition"]), self.expression(parts["consequence"])
        otherwise = self.expression(parts["alternative"])
        return Choice(node.start_byte, node.end_byte, test, then, otherwise)

    def grouped(self, node: SyntaxNode) -> Node:
        """Parentheses."""
        made = self.expression_list(node.named_children)
        if len(made) == 1:
            return made[0]
        last = made[-1] if made else Literal(node.start_byte, node.end_byte, None)
        return Do(node.start_byte, node.end_byte, made[:-1], last)

    # --- assignments ----------------------------------------------------------------------------

    def assigned(self, node: SyntaxNode) -> Node:
        """An assignment inside an expression."""
        made = self.assignment(node)
        if not isinstance(made, Assign):
            return made
        if not made.operator:
            return Bind(made.start, made.end, made.target, made.value)
        return Do(made.start, made.end, [made], made.target)

    def assignment(self, node: SyntaxNode) -> Node:
        """`left = right`, `a, b = c, d`, `left += right`."""
        parts = fields(node)
        left, right = parts.get("left"), parts.get("right")
        if left is None or right is None:
            return self.unknown(node)
        operator = self.words(parts["operator"])[:-1] if "operator" in parts else ""
        value = self.expression(right)
        target = self.target(left)
        return Assign(node.start_byte, node.end_byte, target, value, operator)

    def target(self, node: SyntaxNode) -> Node:
        """Lower the left-hand side of an assignment; names in it become variables."""
        kind = node.type
        start, end = node.start_byte, node.end_byte
        if kind == "identifier":
            name = self.words(node)
            self.locals.add(name)
            return Name(start, end, name)
        if kind in ("left_assignment_list", "destructured_left_assignment"):
            items = [
                self.target(child)
                for child in node.named_children
                if child.type not in self.skipped
            ]
            return Collection(start, end, "list", items)
        made = self.expression(node)
        if isinstance(made, Call) and isinstance(made.function, Field):
            return made.function
        return made

    # --- blocks and lambdas -----------------------------------------------------------------------

    def returning(self, node: SyntaxNode | None) -> list[Node]:
        """Lower a body whose last value is its result."""
        raise NotImplementedError

    def yielded(self, node: SyntaxNode) -> Node:
        """`yield x`: a call of the block."""
        arguments: list[Node] = []
        for child in node.named_children:
            if child.type == "argument_list":
                self._arguments(child, arguments, [])
        start, end = node.start_byte, node.end_byte
        return Call(start, end, Name(start, end, _BLOCK), arguments)

    def closure(self, node: SyntaxNode) -> Node:
        """A block or lambda."""
        start, end = node.start_byte, node.end_byte
        outer = self.locals
        saved = self.owner, self.static, self.scope

        def build() -> FunctionParts:
            before = self.locals, self.owner, self.static, self.scope
            self.locals = set(outer)
            self.owner, self.static, self.scope = saved
            parts = fields(node)
            body = parts.get("body")
            if body is not None and body.type in ("block", "do_block"):
                body = fields(body).get("body")
            listed = self.parameters(parts["parameters"]) if "parameters" in parts else []
            block = self.returning(body)
            self.locals, self.owner, self.static, self.scope = before
            return FunctionParts(listed, block, outer=None)

        qualified = f"{self.scope}.<block>".lstrip(".")
        return Closure(start, end, Function("", qualified, start, end, build))

    def parameters(self, node: SyntaxNode) -> list[Parameter]:
        """Lower a list of parameters."""
        listed: list[Parameter] = []
        for child in node.named_children:
            kind = child.type
            if kind in self.skipped:
                continue
            parts = fields(child)
            name = self.words(parts["name"]) if "name" in parts else self.words(child).strip("*&")
            made = Parameter(child.start_byte, child.end_byte, name)
            if kind == "splat_parameter":
                made.kind = "rest"
            elif kind == "hash_splat_parameter":
                made.kind = "named_rest"
            elif kind == "keyword_parameter":
                made.kind = "named"
            elif kind == "block_parameter":
                made.kind = "block"
            elif kind == "destructured_parameter":
                made.target = self.target_pattern(child)
                made.name = f"%{child.start_byte}"
            if "value" in parts:
                made.default = self.expression(parts["value"])
            self.locals.add(name)
            listed.append(made)
        return listed

    def target_pattern(self, node: SyntaxNode) -> Node:
        """`(a, b)` among parameters."""
        items: list[Node] = []
        for child in node.named_children:
            if child.type == "destructured_parameter":
                items.append(self.target_pattern(child))
            elif child.type not in self.skipped:
                name = self.words(child).strip("*&")
                self.locals.add(name)
                items.append(Name(child.start_byte, child.end_byte, name))
        return Collection(node.start_byte, node.end_byte, "list", items)
