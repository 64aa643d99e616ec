"""What a change takes out, put back: a small model replaces a line where it should have added one.

Knows lines only. Guards that nothing is kept that could not matter: what would never be reached, or
is set anew at once. Each variant has to pass the tests like any other.
"""

import difflib
import re
from collections.abc import Mapping
from dataclasses import replace

from kodo.agent.strategies.search.trials.proposal import Proposal, changed_characters

KEEPS_MORE = 1.5
MOST_LINES = 4

_LEAVES = re.compile(r"(return|raise|throw|break|continue|goto|exit|panic!?)\b")
_SETS = re.compile(r"(?:(?:const|let|var|auto|final)\s+)?([\w.\[\]]+)\s*:?=(?!=)(.*)")


def keeping(originals: Mapping[str, str], proposal: Proposal) -> list[Proposal]:
    """Return variants of a change of one place that keep the lines which it replaces.

    The new lines stand once before and once after the old ones. Empty where the change replaces
    nothing, or more than a few lines, and for mutations: they are forms of what they replace.
    """
    if len(proposal.files) != 1 or proposal.origin == "mutation":
        return []
    (path, text), *_ = proposal.files.items()
    old, new = originals.get(path, "").split("\n"), text.split("\n")
    found: list[Proposal] = []
    steps = difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    changes = [step for step in steps if step[0] != "equal"]
    if len(changes) != 1 or changes[0][0] != "replace":
        return []
    _, start, end, new_start, new_end = changes[0]
    if end - start > MOST_LINES or new_end - new_start > MOST_LINES:
        return []
    removed, added = old[start:end], new[new_start:new_end]
    for one, other in ((added, removed), (removed, added)):
        if not _both_matter(one, other):
            continue
        kept = "\n".join([*old[:start], *one, *other, *old[end:]])
        size = changed_characters(originals[path], kept)
        weight = proposal.weight * KEEPS_MORE
        note = f"{proposal.note}, keeping what it replaced"
        found.append(replace(proposal, files={path: kept}, note=note, weight=weight, size=size))
    return found


def _both_matter(one: list[str], other: list[str]) -> bool:
    """Tell whether what comes first lets the other be reached, and is not undone by it at once."""
    if not one or not other:
        return False
    last, following = one[-1], other[0]
    if _LEAVES.match(last.strip()) and _indent(last) <= _indent(following):
        return False
    sets, sets_again = _SETS.match(last.strip()), _SETS.match(following.strip())
    if sets is None or sets_again is None or sets[1] != sets_again[1]:
        return True
    return sets[1] in sets_again[2]


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
