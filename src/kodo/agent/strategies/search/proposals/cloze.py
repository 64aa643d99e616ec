"""Take a suspicious line out and let the model fill the hole; or make a hole between two lines.

Knows lines, indentation and the Completer port. Guards the cost: the text around a hole is the
function and little more.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from kodo.agent.strategies.search.case.case import Case
from kodo.agent.strategies.search.faults.localise import Suspect
from kodo.agent.strategies.search.trials.proposal import Proposal, changed_characters
from kodo.core.model import Hole
from kodo.syntax.languages import language_of

MOST_BEFORE_CHARACTERS = 1600
MOST_AFTER_CHARACTERS = 800
LINE_TOKENS = 40


@dataclass(frozen=True, slots=True)
class Place:
    """A line to be replaced (`insert` False) or the gap before it (`insert` True); 1-based."""

    line: int
    insert: bool
    score: float


def places(text: str, suspect: Suspect) -> list[Place]:
    """Return the holes worth trying in the suspect, best first: each line, then each gap."""
    lines = text.splitlines()
    symbol = suspect.symbol
    first = symbol.start_line if symbol else 1
    last = symbol.end_line if symbol else len(lines)
    found: list[Place] = []
    for number in range(first, min(last, len(lines)) + 1):
        line = lines[number - 1].strip()
        if symbol is not None and number <= symbol.name_line:
            continue
        score = suspect.lines.get(number, 0.0)
        if (
            not line
            or line.startswith(("#", "//", '"""', "'''", "*"))
            or line in ("{", "}", "});", "else:")
        ):
            continue
        if score or not suspect.lines:
            found.append(Place(number, insert=False, score=score + 0.01))
            found.append(Place(number, insert=True, score=score * 0.6))
        elif number > first and suspect.lines.get(number - 1, 0.0):
            found.append(Place(number, insert=True, score=suspect.lines[number - 1] * 0.6))
    found.sort(key=lambda place: (-place.score, place.insert, place.line))
    return found


def hole_at(text: str, suspect: Suspect, place: Place, hint: str = "") -> tuple[Hole, int, int]:
    """Return the hole and the byte-free character range [start, end) that its filling replaces."""
    lines = text.splitlines(keepends=True)
    start = sum(len(line) for line in lines[: place.line - 1])
    line = lines[place.line - 1]
    indent = line[: len(line) - len(line.lstrip())]
    if place.insert:
        begin, end = start, start
        suffix_head = "\n"
    else:
        begin, end = start + len(indent), start + len(line.rstrip("\r\n"))
        suffix_head = ""
    symbol = suspect.symbol
    from_line = symbol.start_line if symbol else max(1, place.line - 40)
    to_line = symbol.end_line if symbol else place.line + 20
    before_start = sum(len(item) for item in lines[: from_line - 1])
    after_end = sum(len(item) for item in lines[:to_line])
    prefix = text[max(before_start, begin - MOST_BEFORE_CHARACTERS) : begin]
    suffix = text[end : min(after_end, end + MOST_AFTER_CHARACTERS)]
    if place.insert:
        prefix += indent
    hole = Hole(hint + prefix, suffix_head + suffix, output_tokens=LINE_TOKENS, stop=("\n",))
    return hole, begin, end


async def fill_places(
    case: Case,
    suspect: Suspect,
    chosen: list[Place],
    *,
    samples: int,
    temperature: float,
    hint: str,
) -> list[Proposal]:
    """Return proposals with the chosen holes filled, one call a hole."""
    text = case.understanding.sources[suspect.path]
    found: list[Proposal] = []
    for place in chosen:
        if case.allowance.over():
            break
        hole, begin, end = hole_at(text, suspect, place, hint)
        hole = Hole(
            hole.prefix, hole.suffix, hole.output_tokens, hole.stop, temperature, seed=place.line
        )
        for candidate in await case.speaker.fill(hole, samples):
            new = filled(text, begin, end, place, candidate.text)
            if new is None:
                continue
            note = f"{suspect.path}:{place.line} {'new line' if place.insert else 'line'}"
            size = changed_characters(text, new)
            weight = place.score + (candidate.mean_logprob or -1.0) / 10
            found.append(Proposal({suspect.path: new}, "cloze", note, weight=weight, size=size))
    return found


def filled(text: str, begin: int, end: int, place: Place, filling: str) -> str | None:
    """Return the text with the hole filled, or None where the filling says nothing new."""
    line = filling.split("\n")[0].rstrip()
    if not line.strip() or line.strip() == text[begin:end].strip():
        return None
    if not place.insert:
        return text[:begin] + line.lstrip() + text[end:]
    after = text[end:].split("\n", 1)[0]
    indent = after[: len(after) - len(after.lstrip())]
    return text[:begin] + indent + line.lstrip() + "\n" + text[end:]


def in_batches(chosen: list[Place], size: int) -> Iterator[list[Place]]:
    """Yield the places in groups of `size`."""
    for start in range(0, len(chosen), size):
        yield chosen[start : start + size]


def hint_for(path: str, failure: str) -> str:
    """Return the failing assertion as comments, which stand before the code in the hole's text."""
    mark = "# " if language_of(path) in ("python", "ruby", "bash") else "// "
    lines = [line for line in failure.splitlines() if line.strip()][-4:]
    return "".join(f"{mark}{line.strip()[:100]}\n" for line in lines)
