"""Finding the lines of a patch in a file, and putting the new ones in their place.

Works on text lines only. Guards that a chunk is found below the one before it, that line ends and
a byte order mark stay as they are, and that a miss shows the nearest region.
"""

import unicodedata
from collections.abc import Callable, Sequence

import msgspec

from kodo.base.errors import ToolError
from kodo.tools.patch_grammar import Chunk, Line

_BOM = "\ufeff"
_PLAIN = str.maketrans(
    dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-")
    | dict.fromkeys("\u2018\u2019\u201a\u201b", "'")
    | dict.fromkeys("\u201c\u201d\u201e\u201f", '"')
    | dict.fromkeys(
        "\u00a0\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000", " "
    )
)
_SHOWN_AROUND = 3


def _plain(line: str) -> str:
    return line.strip().translate(_PLAIN)


def _exact(line: str) -> str:
    return line


PASSES: tuple[Callable[[str], str], ...] = (_exact, str.rstrip, str.strip, _plain)
"""How lines are compared, strictest first."""


class _Place(msgspec.Struct, frozen=True):
    """Where a chunk applies: `count` lines of the file from index `start`."""

    start: int
    count: int
    lines: tuple[Line, ...]


def apply_chunks(text: str, chunks: Sequence[Chunk], path: str) -> str:
    """Return `text` with all chunks applied; it then ends with a newline.

    Lines that stay keep their own spelling, also where they were only found by ignoring spaces.
    Raises ToolError with the lines that were looked for and the region most like them.
    """
    mark = _BOM if text.startswith(_BOM) else ""
    raw = text.removeprefix(_BOM).split("\n")
    if raw[-1] == "":
        raw.pop()
    ending = _line_end(raw)
    lines = [line.removesuffix("\r") for line in raw]
    if raw and not text.endswith("\n"):
        raw[-1] = lines[-1] + ending
    for place in reversed(_places(lines, chunks, path)):
        old = iter(raw[place.start : place.start + place.count])
        new: list[str] = []
        for line in place.lines:
            own = next(old, None) if line.sign != "+" else None
            if line.sign != "-":
                new.append(own if own is not None else line.text + ending)
        raw[place.start : place.start + place.count] = new
    return mark + "".join(f"{line}\n" for line in raw)


def _line_end(raw: list[str]) -> str:
    """Return what stands before the newline of the first line: a carriage return or nothing."""
    return "\r" if raw and raw[0].endswith("\r") else ""


def _places(lines: list[str], chunks: Sequence[Chunk], path: str) -> list[_Place]:
    found: list[_Place] = []
    at = 0
    for chunk in chunks:
        for context in chunk.contexts:
            place = find_lines(lines, (context,), at, at_end=False)
            if place is None:
                raise _missing(lines, (context,), path, "context")
            at = place + 1
        old = chunk.old
        if not old:
            found.append(_Place(len(lines), 0, chunk.lines))
            continue
        place = find_lines(lines, old, at, at_end=chunk.at_end)
        if place is None and old[-1] == "":
            # A patch often shows the empty line that only the last newline of the file makes.
            old = old[:-1]
            place = find_lines(lines, old, at, at_end=chunk.at_end)
        if place is None:
            raise _missing(lines, chunk.old, path, "expected lines")
        shown = chunk.lines
        if len(old) < len(chunk.old) and shown[-1].text == "" and shown[-1].sign == " ":
            shown = shown[:-1]
        found.append(_Place(place, len(old), shown))
        at = place + len(old)
    return sorted(found, key=lambda place: place.start)


def find_lines(
    lines: Sequence[str], wanted: Sequence[str], start: int, *, at_end: bool
) -> int | None:
    """Return the index at or after `start` where `wanted` stands, in the first pass that finds it.

    With `at_end` only the very end of the file is looked at.
    """
    if not wanted:
        return start
    last = len(lines) - len(wanted)
    if last < 0:
        return None
    first = max(last, start) if at_end else start
    for same in PASSES:
        target = [same(line) for line in wanted]
        head = target[0]
        for at in range(first, last + 1):
            if same(lines[at]) == head and all(
                same(lines[at + step]) == line for step, line in enumerate(target)
            ):
                return at
    return None


def _missing(lines: list[str], wanted: Sequence[str], path: str, what: str) -> ToolError:
    shown = "\n".join(wanted)
    message = f"failed to find {what} in {path!r}:\n{shown}\n\n"
    at = nearest(lines, wanted)
    if at is None:
        return ToolError(f"{message}Nothing like it is in the file; read it again.")
    first = max(0, at - _SHOWN_AROUND)
    last = min(len(lines), at + len(wanted) + _SHOWN_AROUND)
    region = "\n".join(f"{number + 1:>6}\t{lines[number]}" for number in range(first, last))
    return ToolError(f"{message}The nearest region is:\n{region}")


def nearest(lines: Sequence[str], wanted: Sequence[str]) -> int | None:
    """Return the index where most of `wanted` stands, compared by words; None for nothing alike."""
    targets = [_words(line) for line in wanted]
    places: dict[int, float] = {}
    for at, line in enumerate(lines):
        words = _words(line)
        if not words:
            continue
        for step, target in enumerate(targets):
            if target and (shared := len(words & target)):
                score = shared / max(len(words), len(target))
                if score >= 0.5:
                    start = at - step
                    places[start] = places.get(start, 0) + score * score
    if not places:
        return None
    return max(0, min(places, key=lambda start: (-places[start], start)))


def _words(line: str) -> frozenset[str]:
    spaced = "".join(
        c if c.isalnum() or c == "_" else " " for c in unicodedata.normalize("NFC", line)
    )
    return frozenset(spaced.split()) or (frozenset({line.strip()}) if line.strip() else frozenset())
