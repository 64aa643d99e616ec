"""Text at the border: repair of what is not UTF-8, and cuts that say what they left out."""

import re
from typing import NamedTuple

_BACKTICKS = re.compile(r"`{3,}")

CUT_MARK = "[… {lines} lines, {count} bytes left out …]"


class Cut(NamedTuple):
    """`text` is what remains; `omitted_bytes` is 0 when nothing was left out."""

    text: str
    omitted_bytes: int


def repair_utf8(data: bytes) -> str:
    """Decode UTF-8, putting U+FFFD where a byte does not belong."""
    return data.decode("utf-8", "replace")


def repair_surrogates(text: str) -> str:
    """Return `text` as valid Unicode: lone surrogates become U+FFFD, pairs their character."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def cut_middle(text: str, max_bytes: int) -> Cut:
    """Keep the head and the tail of `text` within about `max_bytes`, cutting at line ends.

    The mark in the middle names how many lines and bytes are missing.
    """
    data = text.encode("utf-8", "replace")
    if len(data) <= max_bytes:
        return Cut(text, 0)
    half = max_bytes // 2
    # A character that the cut would split is left out whole, and counted.
    head = data[:half].decode("utf-8", "ignore").encode()
    tail = data[len(data) - half :].decode("utf-8", "ignore").encode()
    if (end := head.rfind(b"\n")) > half // 2:
        head = head[: end + 1]
    if -1 < (start := tail.find(b"\n")) < half // 2:
        tail = tail[start + 1 :]
    missing = data[len(head) : len(data) - len(tail)]
    mark = CUT_MARK.format(lines=missing.count(b"\n"), count=len(missing))
    joint = "" if not head or head.endswith(b"\n") else "\n"
    return Cut(f"{head.decode()}{joint}{mark}\n{tail.decode()}", len(missing))


def fenced(text: str) -> str:
    """Return `text` between two equal lines of backticks that no line of its own can pass for."""
    longest = max((len(run) for run in _BACKTICKS.findall(text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text}\n{fence}"


def printable(text: str) -> str:
    """Make control, bidirectional and zero-width characters visible as `\\uXXXX`.

    Newline and tab stay. For anything that a person is asked to judge or that a terminal shows.
    """
    return "".join(
        c
        if c in "\n\t" or (c.isprintable() and c not in _HIDDEN)
        else (f"\\x{ord(c):02x}" if ord(c) < 256 else f"\\u{ord(c):04x}")
        for c in text
    )


_HIDDEN = frozenset(
    "\u200b\u200c\u200d\u2060\ufeff\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)
