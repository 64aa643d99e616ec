"""JavaScript's functions as values: arrow functions, function expressions, their parameters.

Does not know statements beyond that a body is a list of them. Guards that what a promise is settled
with is its value.
"""

from typing import ClassVar

from tree_sitter import Node as SyntaxNode

from kodo.scan.ir import (
    Block,
    Call,
    Closure,
    Declare,
    Do,
    Function,
    FunctionParts,
    Name,
    Node,
    Parameter,
    Return,
    Unknown,
)
from kodo.scan.lower.base import fields
from kodo.scan.lower.javascript.expressions import ExpressionLowerer

FUNCTIONS = frozenset(("arrow_function", "function_expression", "function", "generator_function"))
_PATTERNS = frozenset(("object_pattern", "array_pattern"))


class FunctionLowerer(ExpressionLowerer):
    """Closures and parameters."""

    expressions: ClassVar[dict[str, str]] = ExpressionLowerer.expressions | {
        "arrow_function": "closure",
        "function_expression": "closure",
        "function": "closure",
        "generator_function": "closure",
        "method_definition": "closure",
    }

    scope: str = ""
    in_function: bool = False

    def block_of(self, node: SyntaxNode | None) -> Block:
        """Lower the statements of a block, or the one statement that stands for it."""
        raise NotImplementedError

    def closure(self, node: SyntaxNode) -> Node:
        """A function as a value."""
        start, end = node.start_byte, node.end_byte
        parts = fields(node)
        name = self.words(parts["name"]) if "name" in parts else ""
        qualified = f"{self.scope}.{name or '<function>'}".lstrip(".")
        resolvers = self.resolvers

        def build() -> FunctionParts:
            return self.parts(parts, qualified, resolvers=resolvers)

        return Closure(start, end, Function("", qualified, start, end, build))

    def parts(
        self,
        parts: dict[str, SyntaxNode],
        qualified: str,
        *,
        resolvers: tuple[tuple[str, str], ...] = (),
        method: bool = False,
        marks: tuple[SyntaxNode, ...] = (),
    ) -> FunctionParts:
        """Lower a function's parameters and body. A method gets its receiver as `this`."""
        saved = self.scope, self.in_function, self.resolvers
        self.scope, self.in_function, self.resolvers = qualified, True, resolvers
        parameters: list[Parameter] = []
        if method and "name" in parts:
            place = parts["name"].start_byte
            parameters.append(Parameter(place, place, "this"))
        if "parameters" in parts:
            parameters += self.parameters(parts["parameters"])
        elif "parameter" in parts:
            only = parts["parameter"]
            parameters.append(Parameter(only.start_byte, only.end_byte, self.words(only)))
        hidden = {parameter.name for parameter in parameters}
        if resolvers:
            self.resolvers = tuple(pair for pair in resolvers if pair[0] not in hidden)
        body = parts.get("body")
        block: Block = []
        if body is not None and body.type == "statement_block":
            block = self.block_of(body)
        elif body is not None:
            block = [Return(body.start_byte, body.end_byte, self.expression(body))]
        lowered = [self.decorator(mark) for mark in marks]
        returns = self.type_text(parts["return_type"]) if "return_type" in parts else ""
        self.scope, self.in_function, self.resolvers = saved
        return FunctionParts(parameters, block, lowered, returns, outer=None)

    def decorator(self, node: SyntaxNode) -> Node:
        """What a decorator is: a name or a call."""
        return self.inner(node)

    def type_text(self, node: SyntaxNode) -> str:
        """Return a type annotation as text without its colon."""
        return "".join(self.words(node).lstrip(": ").split())

    def parameters(self, node: SyntaxNode) -> list[Parameter]:
        """Lower a list of parameters, with their TypeScript types and decorators."""
        listed: list[Parameter] = []
        for child in node.named_children:
            kind = child.type
            if kind in self.skipped:
                continue
            pattern: SyntaxNode | None = child
            default: SyntaxNode | None = None
            parameter = Parameter(child.start_byte, child.end_byte, "")
            if kind in ("required_parameter", "optional_parameter"):
                parts = fields(child)
                pattern, default = parts.get("pattern"), parts.get("value")
                if "type" in parts:
                    parameter.type = self.type_text(parts["type"])
                parameter.marks = [
                    self.decorator(mark) for mark in child.children if mark.type == "decorator"
                ]
            if pattern is not None and pattern.type == "assignment_pattern":
                parts = fields(pattern)
                pattern, default = parts.get("left"), parts.get("right")
            if pattern is None or self.words(pattern) == "this":
                continue
            if default is not None:
                parameter.default = self.expression(default)
            if pattern.type == "rest_pattern":
                parameter.kind = "rest"
                named = pattern.named_children
                pattern = named[0] if named else pattern
            if pattern.type in _PATTERNS:
                parameter.target = self.expression(pattern)
                parameter.name = f"%{pattern.start_byte}"
            else:
                parameter.name = self.words(pattern)
            listed.append(parameter)
        return listed

    def creation(self, node: SyntaxNode) -> Node:
        """`new T(...)`; the value of a promise is what it is settled with."""
        parts = fields(node)
        listed = parts.get("arguments")
        given_code = listed.named_children if listed is not None else []
        executor = given_code[0] if given_code else None
        if (
            executor is None
            or executor.type not in FUNCTIONS
            or self.words(parts["constructor"]) != "Promise"
        ):
            return super().creation(node)
        given = fields(executor)
        first: SyntaxNode | None = given.get("parameter")
        if "parameters" in given and given["parameters"].named_children:
            first = given["parameters"].named_children[0]
        if first is None:
            return super().creation(node)
        start, end = node.start_byte, node.end_byte
        variable = f"%promise{start}"
        qualified = f"{self.scope}.<promise>".lstrip(".")
        if first.type == "required_parameter":
            first = first.named_children[0]
        resolvers = (*self.resolvers, (self.words(first), variable))

        def settled() -> FunctionParts:
            return self._settling(given, qualified, resolvers)

        closure = Closure(
            executor.start_byte,
            executor.end_byte,
            Function("", qualified, executor.start_byte, executor.end_byte, settled),
        )
        target = Name(start, start, variable)
        run = Call(start, end, Name(start, start, "Promise"), [closure], creates=True)
        declared = Declare(start, start, target, "", Unknown(start, start, []))
        return Do(start, end, [declared, run], Name(start, end, variable))

    def _settling(
        self,
        given: dict[str, SyntaxNode],
        qualified: str,
        resolvers: tuple[tuple[str, str], ...],
    ) -> FunctionParts:
        """Lower an executor: its parameters do not hide the names that settle the promise."""
        without = {name: node for name, node in given.items() if not name.startswith("parameter")}
        return self.parts(without, qualified, resolvers=resolvers)
