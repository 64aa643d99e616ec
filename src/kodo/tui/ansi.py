"""Colours and widths of a terminal, in a few lines of our own so that exec stays light.

Knows nothing of events. Guards that text of models and tools cannot steer the terminal.
"""

import unicodedata
from enum import StrEnum

from kodo.base.text import printable

RESET = "\x1b[0m"
CLEAR_LINE = "\r\x1b[2K"
HIDE_WRAP = "\x1b[?7l"
SHOW_WRAP = "\x1b[?7h"


class Tone(StrEnum):
    """What a piece of text means; each is one colour."""

    PLAIN = ""
    BOLD = "\x1b[1m"
    DIM = "\x1b[2m"
    GOOD = "\x1b[32m"
    BAD = "\x1b[31m"
    WARN = "\x1b[33m"
    NAME = "\x1b[36m"
    HEAD = "\x1b[1;35m"


class Paint:
    """Colours text, or leaves it as it is where colours are refused."""

    __slots__ = ("colour",)

    def __init__(self, *, colour: bool) -> None:
        self.colour = colour

    def __call__(self, tone: Tone, text: str) -> str:
        """Return `text` in a colour. The text must be safe already (see `safe`)."""
        if not self.colour or tone is Tone.PLAIN or not text:
            return text
        return f"{tone.value}{text}{RESET}"

    def diff(self, line: str) -> str:
        """Return one line of a unified diff in its colour."""
        if line.startswith(("+++", "---", "diff ")):
            return self(Tone.BOLD, line)
        if line.startswith("@@"):
            return self(Tone.NAME, line)
        if line.startswith("+"):
            return self(Tone.GOOD, line)
        if line.startswith("-"):
            return self(Tone.BAD, line)
        return line


def safe(text: str) -> str:
    """Return foreign text with control characters visible; carriage returns end a line."""
    return printable(text.replace("\r\n", "\n").replace("\r", "\n").expandtabs(4))


def one_line(text: str, width: int) -> str:
    """Return foreign text as one safe line of at most `width` columns."""
    return clip(" ".join(safe(text).split()), width)


def clip(text: str, width: int) -> str:
    """Cut safe text to `width` columns, an ellipsis at its end where something is missing."""
    if columns(text) <= width:
        return text
    kept: list[str] = []
    used = 0
    for character in text:
        used += columns(character)
        if used > width - 1:
            break
        kept.append(character)
    return "".join(kept) + "…"


def columns(text: str) -> int:
    """Return how many terminal columns safe text takes."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )
