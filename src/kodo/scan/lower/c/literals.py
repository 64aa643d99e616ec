"""Literals of C and C++: numbers, characters, strings in any prefix.

Knows the grammar's literal nodes only. Guards that a character is the number that C makes of it.
"""

import re

from tree_sitter import Node as SyntaxNode

from kodo.scan.ir import Literal, Node, Text, Unknown
from kodo.scan.text import SourceText

_ESCAPE = re.compile(
    r"\\(?:x[0-9a-fA-F]+|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{1,3}|\r?\n|.)", re.DOTALL
)
_SIMPLE = {
    "n": "\n", "t": "\t", "r": "\r", "0": "\0", "a": "\a", "b": "\b", "f": "\f", "v": "\v",
}  # fmt: skip
_RAW = re.compile(r'^(?:u8|[uUL])?R"([^(]*)\((.*)\)\1"$', re.DOTALL)
MAX_DIGITS = 60


def _unescaped(match: re.Match[str]) -> str:
    body = match.group()[1:]
    if body[0] in "xuU" and len(body) > 1:
        code = int(body[1:], 16)
        return chr(code) if code < 0x110000 else "\ufffd"
    if body[0] in "01234567":
        return chr(int(body, 8))
    if body[0] in "\r\n":
        return ""
    return _SIMPLE.get(body, body)


def unescape(text: str) -> str:
    """Return `text` with C's escapes replaced."""
    return _ESCAPE.sub(_unescaped, text) if "\\" in text else text


def string_value(written: str) -> str:
    """Return what a string literal, prefix and quotes included, stands for."""
    raw = _RAW.match(written)
    if raw is not None:
        return raw[2]
    return unescape(written[written.find('"') + 1 : -1])


def lower_character(node: SyntaxNode, text: SourceText) -> Node:
    """Lower a character: a number."""
    written = text.slice(node.start_byte, node.end_byte)
    value = unescape(written[written.find("'") + 1 : -1])
    if len(value) != 1:
        return Unknown(node.start_byte, node.end_byte, [])
    return Literal(node.start_byte, node.end_byte, ord(value))


def number_value(written: str) -> int | float | None:
    """Return what a number is, None where that cannot be said."""
    digits = written.replace("'", "").lower()
    if len(digits) > MAX_DIGITS:
        return None
    try:
        if digits.startswith("0x") and "p" not in digits:
            return int(digits.rstrip("ulz"), 16)
        if digits.startswith("0b"):
            return int(digits.rstrip("ulz"), 2)
        if any(mark in digits for mark in ".ep") or digits.endswith("f"):
            return float(digits.rstrip("fl"))
        whole = digits.rstrip("ulz")
        return int(whole, 8 if len(whole) > 1 and whole.startswith("0") else 10)
    except ValueError:
        return None


def lower_number(node: SyntaxNode, text: SourceText) -> Node:
    """Lower a number in any base, whole or not."""
    start, end = node.start_byte, node.end_byte
    value = number_value(text.slice(start, end))
    return Unknown(start, end, []) if value is None else Literal(start, end, value)


def join_strings(start: int, end: int, parts: list[Node]) -> Node:
    """Join adjacent strings: one literal where all are, else text with macros inside."""
    if all(isinstance(part, Literal) and isinstance(part.value, str) for part in parts):
        joined = "".join(str(part.value) for part in parts if isinstance(part, Literal))
        return Literal(start, end, joined)
    return Text(start, end, parts)
