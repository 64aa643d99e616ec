"""Which findings of a change are new: not there before, not moved, not merely written otherwise.

Knows findings and lines, not edits. Guards both ways: old weaknesses never block an edit, and a
new one is not hidden by another that was there.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from kodo.scan.findings import FileReport, Weakness


class Pair(NamedTuple):
    """A file before and after: reports, and the 1-based line range that the change touches."""

    before: FileReport
    after: FileReport
    first_line: int
    last_line: int


class Fresh(NamedTuple):
    """The findings that a change brings, and those that stood there in another form."""

    new: tuple[Weakness, ...]
    reworded: tuple[Weakness, ...]


def find_new(pairs: Sequence[Pair]) -> Fresh:
    """Compare findings before and after over all files of one change.

    The same sink under the same rule counts as moved, also to another function or file. What
    replaces a finding of the same rule in the same function is reworded. Where the look at the
    file before was cut short, only findings on touched lines can be told to be new.
    """
    before = [one for pair in pairs for one in pair.before.weaknesses]
    left = Counter(one.fingerprint for one in before)
    rest: list[tuple[Pair, Weakness]] = []
    matched: Counter[str] = Counter()
    for pair in pairs:
        for one in pair.after.weaknesses:
            if left[one.fingerprint] > 0:
                left[one.fingerprint] -= 1
                matched[one.fingerprint] += 1
            else:
                rest.append((pair, one))
    gone: list[Weakness] = []
    for one in before:
        if matched[one.fingerprint] > 0:
            matched[one.fingerprint] -= 1
        else:
            gone.append(one)
    moved = Counter(_content(one) for one in gone)
    still: list[tuple[Pair, Weakness]] = []
    for pair, one in rest:
        if moved[_content(one)] > 0:
            moved[_content(one)] -= 1
            gone.remove(next(old for old in gone if _content(old) == _content(one)))
        else:
            still.append((pair, one))
    places = Counter((one.rule, one.path, one.function) for one in gone)
    new: list[Weakness] = []
    reworded: list[Weakness] = []
    for pair, one in still:
        place = (one.rule, one.path, one.function)
        if places[place] > 0:
            places[place] -= 1
            reworded.append(one)
        elif not pair.before.partial or _touches(pair, one):
            new.append(one)
    return Fresh(tuple(new), tuple(reworded))


def _content(one: Weakness) -> tuple[str, str]:
    return one.rule, " ".join(one.sink.split())


def _touches(pair: Pair, one: Weakness) -> bool:
    lines = [one.line, *(step.line for step in one.trace if step.path == one.path)]
    return any(pair.first_line <= line <= pair.last_line for line in lines)


def touched_lines(before: bytes, after: bytes) -> tuple[int, int]:
    """Return the first and last 1-based line of `after` between what both have in common."""
    old, new = before.split(b"\n"), after.split(b"\n")
    shorter = min(len(old), len(new))
    head = 0
    while head < shorter and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < shorter - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    return head + 1, max(head + 1, len(new) - tail)


def touched_bytes(before: bytes, after: bytes) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the byte ranges of `before` and `after` that differ, widened to whole lines."""
    first, last = touched_lines(before, after)
    new = after.split(b"\n")
    head = sum(len(line) + 1 for line in new[: first - 1])
    tail = len(b"\n".join(new[last:]))
    return (head, max(head, len(before) - tail)), (head, max(head, len(after) - tail))
