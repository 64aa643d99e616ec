"""JSX: an element is a call of `jsx` with its attributes as keywords and its children as arguments.

Does not know components. Guards that raw HTML and link targets are seen: those attributes are calls
of their own (`jsx.dangerouslySetInnerHTML`, `jsx.href`), whose names rules speak of.
"""

from typing import ClassVar

from tree_sitter import Node as SyntaxNode

from kodo.scan.ir import Call, Keyword, Literal, Name, Node
from kodo.scan.lower.javascript.functions import FunctionLowerer

_DANGEROUS = frozenset(("dangerouslySetInnerHTML", "href", "src", "srcDoc", "action", "formAction"))


class JsxLowerer(FunctionLowerer):
    """Elements, fragments, attributes."""

    expressions: ClassVar[dict[str, str]] = FunctionLowerer.expressions | {
        "jsx_element": "element",
        "jsx_self_closing_element": "element",
        "jsx_fragment": "element",
        "jsx_expression": "inner",
    }

    def element(self, node: SyntaxNode) -> Node:
        """`<a b={c}>d</a>`."""
        start, end = node.start_byte, node.end_byte
        children: list[Node] = []
        keywords: list[Keyword] = []
        tag = node.named_children[0] if node.type == "jsx_element" else node
        for child in tag.named_children:
            if child.type == "jsx_attribute":
                keywords.append(self._attribute(child))
            elif child.type == "jsx_expression":
                spread = self.inner(child)
                keywords.append(Keyword(child.start_byte, child.end_byte, "", spread))
        if node.type == "jsx_element":
            for child in node.named_children[1:]:
                if child.type.startswith("jsx_") and child.type not in (
                    "jsx_text",
                    "jsx_closing_element",
                ):
                    children.append(self.expression(child))
        return Call(start, end, Name(start, end, "jsx"), children, keywords)

    def _attribute(self, node: SyntaxNode) -> Keyword:
        start, end = node.start_byte, node.end_byte
        named = node.named_children
        name = self.words(named[0])
        value: Node = Literal(start, end, True)  # noqa: FBT003
        if len(named) > 1:
            value = self.expression(named[1])
        if name in _DANGEROUS and not isinstance(value, Literal):
            value = Call(start, end, Name(start, end, f"jsx.{name}"), [value])
        return Keyword(start, end, name, value)
