"""Go's literals and types, and templates of `fmt`, as the intermediate representation has them.

Does not know expressions. Guards that a template is only taken apart where every verb is a plain
one: the rest stays a call.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from kodo.scan.ir import Literal, Node, Unknown

GO_INTEGERS = frozenset(
    {
        "int",
        "int8",
        "int16",
        "int32",
        "int64",
        "uint",
        "uint8",
        "uint16",
        "uint32",
        "uint64",
        "uintptr",
        "byte",
        "rune",
    }
)
GO_NUMBERS = GO_INTEGERS | {
    "float32",
    "float64",
    "complex64",
    "complex128",
    "bool",
    "time.Time",
    "time.Duration",
    "time.Month",
    "github.com.google.uuid.UUID",
}
"""Declared types whose values hold no text."""

_ESCAPE = re.compile(
    r"\\(?:([0-7]{3})|x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))", re.DOTALL
)
_SIMPLE = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_VERB = re.compile(r"%([+\-# 0]*)(\d*)(?:\.\d*)?(\[\d+\])?([a-zA-Z%])")
_NUMERIC = frozenset("dtxXboeEfFgGUpcT")


def unescape(written: str) -> str:
    """Return the text between the quotes of an interpreted literal."""
    if "\\" not in written:
        return written

    def plain(match: re.Match[str]) -> str:
        octal, short, middle, long, simple = match.groups()
        if simple is not None:
            return _SIMPLE.get(simple, simple)
        code = int(octal, 8) if octal else int(short or middle or long, 16)
        return chr(code) if code < 0x110000 else "\N{REPLACEMENT CHARACTER}"

    return _ESCAPE.sub(plain, written)


def lower_number(written: str, start: int, end: int) -> Node:
    """A number, or something unknown where it is imaginary or broken."""
    digits = written.replace("_", "").lower()
    try:
        if digits.startswith(("0x", "0b", "0o")):
            return Literal(start, end, int(digits, 0))
        if digits.isdigit():
            octal = len(digits) > 1 and digits[0] == "0"
            return Literal(start, end, int(digits, 8 if octal else 10))
        return Literal(start, end, float(digits))
    except ValueError:
        return Unknown(start, end, [])


class Verb(NamedTuple):
    """One place of a template: `kind` is "text", "number" or "quoted"."""

    kind: str
    before: str


def read_template(template: str) -> tuple[list[Verb], str] | None:
    """Return the verbs of a template, each with the text before it, and the text after the last.

    None where a verb is not a plain one (`%*d`, `%[2]s`).
    """
    verbs: list[Verb] = []
    text: list[str] = []
    place = 0
    while True:
        at = template.find("%", place)
        if at < 0:
            break
        match = _VERB.match(template, at)
        if match is None or match[3]:
            return None
        text.append(template[place:at])
        place = match.end()
        letter = match[4]
        if letter == "%":
            text.append("%")
            continue
        kind = "number" if letter in _NUMERIC else "quoted" if letter == "q" else "text"
        verbs.append(Verb(kind, "".join(text)))
        text = []
    text.append(template[place:])
    return verbs, "".join(text)
