"""Python's string literals: prefixes, escapes, interpolation, implicit concatenation.

Knows the grammar's string nodes only. Guards that a literal's value is what Python would make of
it.
"""

import re
from collections.abc import Callable

from tree_sitter import Node as SyntaxNode

from kodo.scan.ir import Literal, Node, Text
from kodo.scan.text import SourceText

_ESCAPE = re.compile(
    r"\\(?:\n|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|N\{[^}]*\}|[0-7]{1,3}|.)", re.DOTALL
)
_SIMPLE = {
    "\\": "\\",
    "'": "'",
    '"': '"',
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    "\n": "",
}


def unescape(text: str) -> str:
    """Return `text` with Python's escapes replaced. Unknown escapes stay as they are."""
    return _ESCAPE.sub(_unescaped, text) if "\\" in text else text


def _unescaped(match: re.Match[str]) -> str:
    body = match.group()[1:]
    simple = _SIMPLE.get(body)
    if simple is not None:
        return simple
    if body[0] in "xuU" and len(body) > 1:
        code = int(body[1:], 16)
        return chr(code) if code < 0x110000 else "\ufffd"
    if body[0] in "01234567":
        return chr(int(body, 8))
    if body[0] == "N" and len(body) > 1:
        return "\ufffd"
    return match.group()


def lower_string(
    node: SyntaxNode, text: SourceText, expression: Callable[[SyntaxNode], Node]
) -> Node:
    """Lower a `string` node: `Literal` without interpolation, else `Text`."""
    start, end = node.start_byte, node.end_byte
    children = node.children
    if not children:
        return Literal(start, end, "")
    prefix = text.slice(children[0].start_byte, children[0].end_byte).rstrip("'\"").lower()
    raw = "r" in prefix
    if "f" not in prefix and "t" not in prefix:
        content = text.slice(children[0].end_byte, children[-1].start_byte)
        value = content if raw else unescape(content)
        if "b" in prefix:
            return Literal(start, end, value.encode("utf-8", "replace"))
        return Literal(start, end, value)
    parts: list[Node] = []
    for child in children[1:-1]:
        if child.type == "interpolation":
            inner = child.named_children
            if inner:
                parts.append(expression(inner[0]))
                parts.extend(_format_parts(inner[1:], expression))
        else:
            content = text.slice(child.start_byte, child.end_byte)
            content = content.replace("{{", "{").replace("}}", "}")
            value = content if raw else unescape(content)
            parts.append(Literal(child.start_byte, child.end_byte, value))
    if len(parts) == 1 and isinstance(parts[0], Literal):
        return Literal(start, end, parts[0].value)
    return Text(start, end, parts)


def _format_parts(nodes: list[SyntaxNode], expression: Callable[[SyntaxNode], Node]) -> list[Node]:
    """Expressions inside a format specifier (`{x:>{width}}`)."""
    return [
        expression(inner.named_children[0])
        for node in nodes
        if node.type == "format_specifier"
        for inner in node.named_children
        if inner.type == "format_expression" and inner.named_children
    ]


def lower_concatenation(start: int, end: int, parts: list[Node]) -> Node:
    """Join adjacent string literals: one literal where all are."""
    if all(isinstance(part, Literal) and isinstance(part.value, str) for part in parts):
        return Literal(
            start, end, "".join(str(part.value) for part in parts if isinstance(part, Literal))
        )
    if all(isinstance(part, Literal) and isinstance(part.value, bytes) for part in parts):
        joined = b"".join(
            part.value
            for part in parts
            if isinstance(part, Literal) and isinstance(part.value, bytes)
        )
        return Literal(start, end, joined)
    flat: list[Node] = []
    for part in parts:
        flat.extend(part.parts if isinstance(part, Text) else [part])
    return Text(start, end, flat)
