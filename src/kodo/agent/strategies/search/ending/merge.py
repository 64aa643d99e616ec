"""Bring two changes of one text together, where they do not touch.

Knows lines only, no files. Guards that nobody's change is lost: where both touch the same or
neighbouring lines there is no merge.
"""

import difflib
from itertools import pairwise
from typing import NamedTuple


class _Hunk(NamedTuple):
    start: int
    end: int
    lines: list[str]


def merge(base: str, mine: str, theirs: str) -> str | None:
    """Return `base` with both changes made, or None where they touch each other."""
    if mine == theirs:
        return mine
    old = base.splitlines(keepends=True)
    hunks = sorted([*_hunks(old, mine), *_hunks(old, theirs)], key=lambda hunk: hunk[:2])
    for before, after in pairwise(hunks):
        if after.start <= before.end:
            return None
    merged: list[str] = []
    at = 0
    for hunk in hunks:
        merged += [*old[at : hunk.start], *hunk.lines]
        at = hunk.end
    return "".join([*merged, *old[at:]])


def _hunks(old: list[str], changed: str) -> list[_Hunk]:
    new = changed.splitlines(keepends=True)
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    return [
        _Hunk(i1, i2, new[j1:j2]) for tag, i1, i2, j1, j2 in matcher.get_opcodes() if tag != "equal"
    ]
