"""Name a suspicious line to the model and ask what should stand there instead, line after line.

Knows what an answer may repeat of the code around. Guards the cost: code and failure come first and
stay in the model's cache, so each further line costs a few tokens only.
"""

from kodo.agent.strategies.search.case.answers import blocks
from kodo.agent.strategies.search.case.case import Case
from kodo.agent.strategies.search.faults.localise import Suspect
from kodo.agent.strategies.search.proposals.asking import INSTRUCTIONS, NAMED, question
from kodo.agent.strategies.search.proposals.cloze import Place
from kodo.agent.strategies.search.proposals.pinpoint import indented
from kodo.agent.strategies.search.trials.proposal import Proposal, Trial, changed_characters
from kodo.syntax.languages import language_of
from kodo.syntax.tree import syntax_errors

OUTPUT_TOKENS = 70


async def ask_for_line(
    case: Case, suspect: Suspect, place: Place, trial: Trial, *, samples: int, temperature: float
) -> list[Proposal]:
    """Return proposals that put something else in the place of one line."""
    text = case.understanding.sources[suspect.path]
    line = text.splitlines()[place.line - 1]
    replies = await case.speaker.ask(
        INSTRUCTIONS,
        question(case, suspect, trial, NAMED.format(line=line.strip())),
        output_tokens=OUTPUT_TOKENS,
        samples=samples,
        temperature=temperature,
        stop=("\n```\n", "\n\n\n"),
        most_s=40,
    )
    found: list[Proposal] = []
    for reply in replies:
        code = next((block.text for block in blocks(reply.text)), reply.text)
        new = replaced(text, place.line, without_prose(text, suspect.path, place.line, code))
        if new != text:
            note = f"{suspect.path}:{place.line} T={temperature:g}"
            size = changed_characters(text, new)
            found.append(Proposal({suspect.path: new}, "line", note, 0.5 + place.score, size))
    return found


def without_prose(text: str, path: str, number: int, code: str) -> str:
    """Return the longest start of `code` that parses in the place of line `number`.

    Small models drift from code into explanations. All of it where no start of it parses.
    """
    language = language_of(path)
    lines = code.split("\n")
    if language is None:
        return code
    for count in range(len(lines), 0, -1):
        start = "\n".join(lines[:count])
        if start.strip() and not syntax_errors(replaced(text, number, start).encode(), language):
            return start
    return code


def replaced(text: str, number: int, code: str) -> str:
    """Return `text` with line `number` (1-based) replaced by `code`, indented as the line was.

    An answer that also repeats the lines after it replaces those too.
    """
    lines = text.split("\n")
    old = lines[number - 1]
    indent = old[: len(old) - len(old.lstrip())]
    new = indented(code, indent)
    after = number
    kept = len(new)
    # What the answer repeats of the following lines would else stand there twice.
    for count in range(min(3, len(new) - 1), 0, -1):
        tail = [line.strip() for line in new[-count:]]
        if tail == [line.strip() for line in lines[after : after + count]]:
            kept = len(new) - count
            break
    return "\n".join([*lines[: number - 1], *new[:kept], *lines[after:]])
