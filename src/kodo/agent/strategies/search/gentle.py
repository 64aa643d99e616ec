"""What a change takes out, put back: a small model replaces a line where it should have added one.

Knows lines only. Guards nothing about meaning: each variant has to pass the tests like any other.
"""

import difflib
from collections.abc import Mapping
from dataclasses import replace

from kodo.agent.strategies.search.proposal import Proposal, changed_characters

KEEPS_MORE = 1.5
MOST_LINES = 4


def keeping(originals: Mapping[str, str], proposal: Proposal) -> list[Proposal]:
    """Return variants of a change of one place that keep the lines which it replaces.

    The new lines stand once before and once after the old ones. Empty where the change replaces
    nothing, or more than a few lines.
    """
    if len(proposal.files) != 1:
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
    for lines in ([*added, *removed], [*removed, *added]):
        kept = "\n".join([*old[:start], *lines, *old[end:]])
        size = changed_characters(originals[path], kept)
        weight = proposal.weight * KEEPS_MORE
        note = f"{proposal.note}, keeping what it replaced"
        found.append(replace(proposal, files={path: kept}, note=note, weight=weight, size=size))
    return found
