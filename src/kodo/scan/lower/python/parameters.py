"""Python's parameters, and the lambdas that have them.

Does not know statements. Guards that what frameworks say in annotations is kept as marks.
"""

from tree_sitter import Node as SyntaxNode

from kodo.scan.ir import (
    Closure,
    Function,
    FunctionParts,
    Node,
    Parameter,
    Return,
)
from kodo.scan.lower.base import fields
from kodo.scan.lower.python.expressions import ExpressionLowerer


class ParameterLowerer(ExpressionLowerer):
    """Parameters."""

    def closure(self, node: SyntaxNode) -> Node:
        """A lambda."""
        start, end = node.start_byte, node.end_byte
        parts = fields(node)

        def build() -> FunctionParts:
            body = self.expression(parts["body"]) if "body" in parts else None
            listed = parts.get("parameters")
            parameters = self.parameters(listed) if listed is not None else []
            return FunctionParts(parameters, [Return(start, end, body)])

        return Closure(start, end, Function("", f"{self.scope}.<lambda>", start, end, build))

    def parameters(self, node: SyntaxNode) -> list[Parameter]:
        """Lower a list of parameters."""
        listed: list[Parameter] = []
        named = False
        for child in node.named_children:
            kind = child.type
            if kind == "keyword_separator":
                named = True
                continue
            if kind in ("comment", "positional_separator"):
                continue
            parameter = Parameter(child.start_byte, child.end_byte, "")
            parameter.kind = "named" if named else "plain"
            if "default" in kind:
                parts = fields(child)
                default = parts.get("value")
                parameter.default = self.expression(default) if default is not None else None
                given, annotation = parts.get("name"), parts.get("type")
            elif kind == "typed_parameter":
                given, annotation = child.children[0], child.child_by_field_name("type")
            else:
                given, annotation = child, None
            if annotation is not None:
                parameter.type = "".join(self.words(annotation).split())
                parameter.marks = self.annotation_marks(annotation)
            if given is not None:
                if given.type == "list_splat_pattern":
                    parameter.kind, named = "rest", True
                    given = given.children[-1]
                elif given.type == "dictionary_splat_pattern":
                    parameter.kind = "named_rest"
                    given = given.children[-1]
                if given.type == "tuple_pattern":
                    parameter.target = self.expression(given)
                parameter.name = self.words(given)
            listed.append(parameter)
        return listed

    def annotation_marks(self, node: SyntaxNode) -> list[Node]:
        """The calls inside `Annotated[T, Query(...)]`: frameworks say there what a parameter is."""
        if b"(" not in self.text.data[node.start_byte : node.end_byte]:
            return []
        marks: list[Node] = []
        pending = [node]
        while pending:
            current = pending.pop()
            if current.type == "call":
                marks.append(self.expression(current))
            else:
                pending.extend(current.named_children)
        return marks
