"""Ask for the one wrong line and its correction: a few tokens where a rewrite costs hundreds.

Knows the answer's form, shown by example, and how to find the line meant. Guards that a small
model's copying habit costs nothing: an answer that changes nothing is dropped.
"""

import difflib
import re

from kodo.agent.strategies.search.case.case import Case
from kodo.agent.strategies.search.faults.localise import Suspect
from kodo.agent.strategies.search.proposals.asking import INSTRUCTIONS, WHICH, question
from kodo.agent.strategies.search.trials.proposal import Proposal, Trial, changed_characters

OUTPUT_TOKENS = 100
ALIKE = 0.75

_EDIT = re.compile(
    r"WRONG:[ \t]*(?P<wrong>[^\n]*(?:\n(?!\s*RIGHT:)[^\n]*)*)\n\s*RIGHT:[ \t]*\n?"
    r"(?P<right>(?:(?!\n?\s*WRONG:)[\s\S])*)"
)


async def ask_lines(
    case: Case, suspect: Suspect, trial: Trial, *, samples: int, temperature: float
) -> list[Proposal]:
    """Return proposals that change the lines that the answers name."""
    replies = await case.speaker.ask(
        INSTRUCTIONS,
        question(case, suspect, trial, WHICH),
        output_tokens=OUTPUT_TOKENS,
        samples=samples,
        temperature=temperature,
        stop=("\n\n\n", "\nWRONG:", "Explanation"),
        most_s=60,
    )
    text = case.understanding.sources[suspect.path]
    found: list[Proposal] = []
    for reply in replies:
        for wrong, right in edits_of(reply.text):
            new = apply_line(text, suspect, wrong, right)
            if new is not None and new != text:
                note = f"{suspect.path} line T={temperature:g}"
                size = changed_characters(text, new)
                found.append(Proposal({suspect.path: new}, "pinpoint", note, 1.0, size))
    return found


def edits_of(answer: str) -> list[tuple[str, str]]:
    """Return the (wrong, right) pairs of an answer, fences and backticks taken off."""
    found: list[tuple[str, str]] = []
    for match in _EDIT.finditer(answer):
        wrong, right = _bare(match.group("wrong")), _bare(match.group("right"))
        if wrong.strip():
            found.append((wrong, right))
    return found


def _bare(text: str) -> str:
    lines = [line for line in text.split("\n") if not line.strip().startswith("```")]
    while lines and not lines[0].strip():
        lines = lines[1:]
    while lines and not lines[-1].strip():
        lines = lines[:-1]
    joined = "\n".join(lines)
    bare = joined.strip()
    if len(bare) > 2 and bare[0] == bare[-1] == "`":
        return bare.strip("`")
    return joined


def apply_line(text: str, suspect: Suspect, wrong: str, right: str) -> str | None:
    """Return `text` with the lines most like `wrong` replaced by `right`, or None where none is.

    `right` takes the indentation of what it replaces.
    """
    lines = text.split("\n")
    meant = [line.strip() for line in wrong.strip("\n").split("\n") if line.strip()]
    if not meant:
        return None
    first = suspect.symbol.start_line - 1 if suspect.symbol else 0
    last = suspect.symbol.end_line if suspect.symbol else len(lines)
    at, best = -1, ALIKE
    for number in range(first, min(last, len(lines) - len(meant) + 1)):
        window = [line.strip() for line in lines[number : number + len(meant)]]
        likeness = _likeness(" ".join(window), " ".join(meant))
        likeness += 0.01 * min(1.0, suspect.lines.get(number + 1, 0.0))
        if likeness > best:
            at, best = number, likeness
    if at < 0:
        return None
    old = lines[at]
    indent = old[: len(old) - len(old.lstrip())]
    new = indented(right, indent)
    return "\n".join([*lines[:at], *new, *lines[at + len(meant) :]])


def _likeness(one: str, other: str) -> float:
    if one == other:
        return 1.0
    return difflib.SequenceMatcher(None, one, other, autojunk=False).ratio()


def indented(right: str, indent: str) -> list[str]:
    """Return the lines of `right` with their common indentation changed to `indent`."""
    lines = [line.rstrip() for line in right.split("\n") if line.strip()]
    if not lines:
        return []
    # The first line often stands right behind "RIGHT:", so only the others tell their indentation.
    own = len(lines[0]) - len(lines[0].lstrip())
    rest = min((len(line) - len(line.lstrip()) for line in lines[1:]), default=own)
    base = own if own or rest < len(indent) else min(rest, len(indent))
    return [indent + lines[0].lstrip(), *(indent + line[min(base, rest) :] for line in lines[1:])]
