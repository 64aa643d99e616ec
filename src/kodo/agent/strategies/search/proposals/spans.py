"""Holes smaller than a line: an expression is taken out and the model fills it, the rest stands.

Knows brackets, terms and right-hand sides by their signs, in any language. Guards against the
model's habit of copying: what stands around the hole is fixed, and the old filling is dropped.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from kodo.agent.strategies.search.case.case import Case
from kodo.agent.strategies.search.faults.localise import Suspect
from kodo.agent.strategies.search.proposals.cloze import (
    MOST_AFTER_CHARACTERS,
    MOST_BEFORE_CHARACTERS,
)
from kodo.agent.strategies.search.trials.proposal import Proposal, changed_characters
from kodo.core.model import Hole

SPAN_TOKENS = 20
LONGEST_FILLING = 80
_TERM = re.compile(r"[A-Za-z_][\w.]*(?:\[[^\[\]]*\]|\([^()]*\))*|\d+(?:\.\d+)?")
_RIGHT = re.compile(
    r"^\s*(?:return|if|elif|while|else if|yield|raise|throw)\b\s*(?P<right>.+?)\s*[:{;]?\s*$"
    r"|^[^=]*?(?<![=!<>])[-+*/%|&]?=(?!=)\s*(?P<value>.+?)\s*;?\s*$"
)
_OPEN, _CLOSE = "([{", ")]}"
_WORDS = frozenset(
    {"return", "if", "elif", "else", "while", "for", "in", "not", "and", "or", "is", "def", "let"}
    | {"const", "var", "function", "new", "yield", "raise", "lambda", "None", "mut", "fn", "match"}
)


@dataclass(frozen=True, slots=True)
class Span:
    """Columns [start, end) of a 1-based line that may be wrong."""

    line: int
    start: int
    end: int
    score: float


def spans(text: str, suspect: Suspect) -> list[Span]:
    """Return the expressions of the suspect's lines, most suspicious line first."""
    lines = text.split("\n")
    symbol = suspect.symbol
    found: list[Span] = []
    for number, score in sorted(suspect.lines.items(), key=lambda item: (-item[1], item[0])):
        if number > len(lines) or (symbol is not None and number <= symbol.name_line):
            continue
        seen: set[tuple[int, int]] = set()
        for start, end in _pieces(lines[number - 1]):
            if (start, end) not in seen and lines[number - 1][start:end].strip():
                seen.add((start, end))
                found.append(Span(number, start, end, score))
    return found


def _pieces(line: str) -> Iterator[tuple[int, int]]:
    """Yield column ranges: terms, then what stands in brackets, then right-hand sides."""
    code = line.split("#")[0].split("//")[0].rstrip()
    for match in _TERM.finditer(code):
        if match.group() not in _WORDS:
            yield match.span()
    stack: list[int] = []
    for column, character in enumerate(code):
        if character in _OPEN:
            stack.append(column + 1)
        elif character in _CLOSE and stack:
            yield stack.pop(), column
    right = _RIGHT.match(code)
    if right is not None:
        yield right.span("right" if right.group("right") is not None else "value")


async def fill_span(
    case: Case, suspect: Suspect, span: Span, *, samples: int, temperature: float, hint: str
) -> list[Proposal]:
    """Return proposals with other expressions in the place of the span."""
    text = case.understanding.sources[suspect.path]
    lines = text.splitlines(keepends=True)
    at = sum(len(line) for line in lines[: span.line - 1])
    begin, end = at + span.start, at + span.end
    symbol = suspect.symbol
    first = symbol.start_line if symbol else max(1, span.line - 40)
    last = symbol.end_line if symbol else span.line + 20
    start = max(sum(len(line) for line in lines[: first - 1]), begin - MOST_BEFORE_CHARACTERS)
    stop = min(sum(len(line) for line in lines[:last]), end + MOST_AFTER_CHARACTERS)
    hole = Hole(
        hint + text[start:begin],
        text[end:stop],
        output_tokens=SPAN_TOKENS,
        stop=("\n",),
        temperature=temperature,
        seed=span.line * 100 + span.start,
    )
    found: list[Proposal] = []
    for candidate in await case.speaker.fill(hole, samples):
        for filling in fillings(candidate.text, text[end : end + 40].split("\n")[0]):
            if filling == text[begin:end]:
                continue
            new = text[:begin] + filling + text[end:]
            note = f"{suspect.path}:{span.line} {text[begin:end][:30]!r} to {filling[:30]!r}"
            size = changed_characters(text, new)
            found.append(Proposal({suspect.path: new}, "span", note, 0.5 + span.score, size))
    return found


def fillings(answer: str, after: str) -> list[str]:
    """Return what an answer may mean: as it is, and without the rest of the line it wrote."""
    line = answer.split("\n")[0].strip()
    if not line or len(line) > LONGEST_FILLING:
        return []
    found = [line]
    rest = after.strip()
    for size in range(len(rest), 0, -1):
        if line.endswith(rest[:size]) and len(line) > size:
            found.append(line[:-size].rstrip())
            break
    return found
