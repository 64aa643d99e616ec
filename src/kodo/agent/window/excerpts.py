"""Excerpts of a text: its head, its tail and the lines that tell of errors, each as it was.

Knows lines and bytes only. Guards that what is left out is named by the numbers of its lines, as
they count in the whole text, also where a tool has cut the text before.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from kodo.base.text import CUT_MARK

LONGEST_LINE = 160

_EARLIER_CUT = re.compile(
    re.escape(CUT_MARK).replace(r"\{lines\}", r"(\d+)").replace(r"\{count\}", r"\d+")
)
ERRORS = (
    *("error", "exception", "traceback", "panic", "fatal", "fail", "assert", "denied"),
    *("not found", "undefined", "cannot"),
)
"""What lines hold that tell of errors, in lower case."""

RULES = (
    *("must", "never", "always", "only", " not ", "don't", "avoid", "keep ", "rule", "should"),
    *("shall", "require", "important"),
)
"""What lines hold that set rules, in lower case."""

_HEAD, _TAIL = 0.3, 0.35


class Lines:
    """The lines of a text with their numbers in the whole, from 1.

    A mark of an earlier cut is a line without a number of its own.
    """

    __slots__ = ("numbers", "texts")

    def __init__(self, text: str) -> None:
        self.texts = text.removesuffix("\n").split("\n") if text else []
        self.numbers: list[int] = []
        if "[… " not in text:
            self.numbers = list(range(1, len(self.texts) + 1))
            return
        number = 0
        for line in self.texts:
            found = _EARLIER_CUT.fullmatch(line) if line.startswith("[… ") else None
            number += int(found[1]) if found else 1
            self.numbers.append(0 if found else number)

    @property
    def count(self) -> int:
        """How many lines the whole text has."""
        return max(self.numbers, default=0)

    def gap(self, first: int, last: int) -> str:
        """Return `lines 3 to 9` for what stands from index `first` to `last`, marks included."""
        low = self.numbers[first - 1] + 1 if first and self.numbers[first - 1] else 0
        low = low or next((n for n in self.numbers[first:] if n), 1)
        later = next((n for n in self.numbers[last + 1 :] if n), 0)
        high = later - 1 if later else max(self.numbers[first : last + 1], default=low)
        return f"line {low}" if high <= low else f"lines {low} to {high}"


def excerpt(
    lines: Lines,
    budget_bytes: float,
    telling: Sequence[str] = ERRORS,
    longest_line: int = LONGEST_LINE,
) -> list[str]:
    """Return head, telling lines and tail in about `budget_bytes`, gaps marked by line numbers.

    Lines beyond `longest_line` characters are cut, and say so.
    """
    texts = lines.texts
    sizes = [min(len(text), longest_line) + 1 for text in texts]
    head = list(_fitting(range(len(texts)), sizes, budget_bytes * _HEAD))
    rest = range(len(texts) - 1, len(head) - 1, -1)
    tail = list(_fitting(rest, sizes, budget_bytes * _TAIL))
    middle = range(len(head), len(texts) - len(tail))
    told = _fitting(_telling(texts, middle, telling), sizes, budget_bytes * (1 - _HEAD - _TAIL))
    shown: list[str] = []
    before = -1
    for at in [*head, *told, *reversed(tail)]:
        if at > before + 1:
            shown.append(f"[… {lines.gap(before + 1, at - 1)} …]")
        shown.append(clipped(texts[at], longest_line))
        before = at
    if before < len(texts) - 1:
        shown.append(f"[… {lines.gap(before + 1, len(texts) - 1)} …]")
    return shown


def middle_cut(text: str, limit_bytes: int, way_back: str) -> str:
    """Return head and tail of `text` in about `limit_bytes`, whole lines where they are short.

    `way_back` says how the rest is had; `{first}` and `{last}` in it are line numbers.
    """
    data = text.encode("utf-8", "replace")
    if len(data) <= limit_bytes:
        return text
    half = limit_bytes // 2
    head = data[:half].decode("utf-8", "ignore")
    tail = data[len(data) - half :].decode("utf-8", "ignore")
    if (end := head.rfind("\n")) > len(head) // 2:
        head = head[:end]
    if -1 < (start := tail.find("\n")) < len(tail) // 2:
        tail = tail[start + 1 :]
    lines = Lines(text)
    first = head.count("\n") + 1
    last = len(lines.texts) - tail.removesuffix("\n").count("\n") - 2
    low = lines.numbers[min(first, len(lines.numbers) - 1)] or first
    high = max(low, lines.numbers[max(0, min(last, len(lines.numbers) - 1))] or last)
    left_out = len(data) - len(head.encode()) - len(tail.encode())
    mark = f"[… {left_out} bytes left out here to save room: " + way_back.format(
        first=low, last=high
    )
    return f"{head}\n{mark} …]\n{tail}"


def clipped(line: str, limit: int = LONGEST_LINE) -> str:
    """Return a line, cut where it is longer than `limit` characters."""
    return line if len(line) <= limit else f"{line[:limit]} [… {len(line) - limit} characters]"


def tells(line: str, words: Sequence[str] = ERRORS) -> bool:
    """Tell whether a line holds one of the words, in whatever case."""
    lower = line.lower()
    return any(word in lower for word in words)


def _telling(texts: list[str], places: range, words: Sequence[str]) -> Iterator[int]:
    lower = "\n".join(texts[places.start : places.stop]).lower()
    present = [word for word in words if word in lower]  # most texts have none: one look will do
    if not present:
        return
    for at, line in zip(places, lower.split("\n"), strict=False):
        if any(word in line for word in present):
            yield at


def _fitting(places: Iterable[int], sizes: list[int], budget_bytes: float) -> Iterator[int]:
    left = budget_bytes
    for at in places:
        left -= sizes[at]
        if left < 0:
            return
        yield at
