"""Java's literals: numbers, characters, strings and text blocks.

Knows the grammar's literal nodes only. Guards that a literal's value is what Java would make of it.
"""

import re
import textwrap

from tree_sitter import Node as SyntaxNode

from kodo.scan.ir import Literal, Node, Unknown
from kodo.scan.text import SourceText

_ESCAPE = re.compile(r"\\(?:u+[0-9a-fA-F]{4}|[0-3]?[0-7]{1,2}|\r?\n|.)", re.DOTALL)
_SIMPLE = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", "s": " "}
MAX_DIGITS = 100


def _unescaped(match: re.Match[str]) -> str:
    body = match.group()[1:]
    if body[0] == "u":
        return chr(int(body.lstrip("u"), 16))
    if body[0] in "01234567":
        return chr(int(body, 8))
    if body[0] in "\r\n":
        return ""
    return _SIMPLE.get(body, body)


def unescape(text: str) -> str:
    """Return `text` with Java's escapes replaced."""
    return _ESCAPE.sub(_unescaped, text) if "\\" in text else text


def lower_string(node: SyntaxNode, text: SourceText) -> Node:
    """Lower a string literal or text block."""
    start, end = node.start_byte, node.end_byte
    written = text.slice(start, end)
    if written.startswith('"""'):
        _, _, inner = written[3:-3].partition("\n")
        return Literal(start, end, unescape(textwrap.dedent(inner)))
    return Literal(start, end, unescape(written[1:-1]))


def lower_number(node: SyntaxNode, text: SourceText) -> Node:
    """Lower a number in any base, whole or not."""
    start, end = node.start_byte, node.end_byte
    written = text.slice(start, end).replace("_", "").lower()
    if len(written) > MAX_DIGITS:
        return Unknown(start, end, [])
    try:
        if written.startswith(("0x", "0b")) and "p" not in written and "." not in written:
            return Literal(start, end, int(written.rstrip("l"), 0))
        if written.startswith("0x"):
            return Literal(start, end, float.fromhex(written.rstrip("fd")))
        if any(mark in written for mark in ".efd"):
            return Literal(start, end, float(written.rstrip("fd")))
        digits = written.rstrip("l")
        octal = len(digits) > 1 and digits.startswith("0")
        return Literal(start, end, int(digits, 8 if octal else 10))
    except ValueError:
        return Unknown(start, end, [])
