"""JavaScript's literals: text, templates, numbers, regular expressions.

Knows the grammar's literal nodes only. Guards that a literal's value is what JavaScript makes of
it.
"""

import re

from kodo.scan.ir import Call, Literal, Name, Node, Unknown

_ESCAPE = re.compile(
    r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|u\{[0-9a-fA-F]{1,6}\}|\r\n|.)", re.DOTALL
)
_SIMPLE = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "0": "\0"}
_CONTINUED = frozenset(("\n", "\r\n", "\r"))


def unescape(text: str) -> str:
    """Return `text` with JavaScript's escapes replaced."""
    return _ESCAPE.sub(_unescaped, text) if "\\" in text else text


def _unescaped(match: re.Match[str]) -> str:
    body = match.group()[1:]
    if body in _CONTINUED:
        return ""
    if body[0] in "xu" and len(body) > 1:
        code = int(body[1:].strip("{}"), 16)
        return chr(code) if code < 0x110000 else "\ufffd"
    return _SIMPLE.get(body, body)


def lower_number(start: int, end: int, text: str) -> Node:
    """Return the constant of a number; what is too large is unknown."""
    digits = text.replace("_", "").removesuffix("n")
    if len(digits) > 100:
        return Unknown(start, end, [])
    try:
        if digits[:1] == "0" and digits[1:].isdigit():
            return Literal(start, end, int(digits, 8))
        return Literal(start, end, int(digits, 0))
    except ValueError:
        pass
    try:
        return Literal(start, end, float(digits))
    except ValueError:
        return Unknown(start, end, [])


def lower_pattern(start: int, end: int, pattern: str, flags: str) -> Node:
    """Return a regular expression as a call of `RegExp` with its pattern and flags."""
    arguments: list[Node] = [Literal(start, end, pattern), Literal(start, end, flags)]
    return Call(start, end, Name(start, end, "RegExp"), arguments)
