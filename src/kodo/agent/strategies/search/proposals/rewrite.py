"""Ask for a whole function anew, with the failing test beside it.

Knows framings and answers, not how they are judged. Guards that what a model leaves out (a
docstring, other functions) stays in the file.
"""

from dataclasses import dataclass

from kodo.agent.strategies.search.case.answers import blocks
from kodo.agent.strategies.search.case.case import Case
from kodo.agent.strategies.search.faults.localise import Suspect
from kodo.agent.strategies.search.proposals.asking import INSTRUCTIONS, question
from kodo.agent.strategies.search.proposals.docstring import WHOLE_FILE_CHARACTERS, keep_docstring
from kodo.agent.strategies.search.trials.proposal import Proposal, Trial, changed_characters
from kodo.agent.turn import estimate_tokens
from kodo.core.messages import Assistant
from kodo.syntax.languages import LanguageName, language_of
from kodo.syntax.replacement import replace_symbol
from kodo.syntax.symbols import Symbol, find_symbol, symbols

ENDING = " One code block, no explanation."


@dataclass(frozen=True, slots=True)
class Framing:
    """A way to put the question. Different words find different answers."""

    name: str
    request: str


FRAMINGS = (
    Framing("fix", "Find the bug and write the corrected `{name}`. Keep its name and parameters."),
    Framing(
        "doubt",
        "`{name}` contains exactly one wrong place: a wrong operator, a wrong variable, a wrong "
        "argument or bound, a missing case or line. Write the whole corrected `{name}`.",
    ),
    Framing(
        "anew",
        "Write `{name}` again from scratch so that it does what is described and tested. "
        "Keep its name and parameters.",
    ),
)


def output_tokens_for(text: str, symbol: Symbol | None) -> int:
    """Return how many tokens an answer may take: what the function has, half as much again."""
    size = len(text.encode()) if symbol is None else symbol.end_byte - symbol.start_byte
    if symbol is not None and len(text) <= WHOLE_FILE_CHARACTERS:
        size = len(text.encode())  # it was shown whole, so it may come back whole
    return min(1500, 80 + int(1.5 * estimate_tokens("x" * size)))


async def ask_rewrites(
    case: Case,
    suspect: Suspect,
    trial: Trial,
    *,
    framing: Framing,
    samples: int,
    temperature: float,
    most_s: float = 60.0,
) -> list[Proposal]:
    """Return proposals that replace the suspect function, made of `samples` answers."""
    text = case.understanding.sources[suspect.path]
    name = suspect.symbol.qualified_name if suspect.symbol else suspect.path
    replies = await case.speaker.ask(
        INSTRUCTIONS,
        question(case, suspect, trial, framing.request.format(name=name) + ENDING),
        output_tokens=output_tokens_for(text, suspect.symbol),
        samples=samples,
        temperature=temperature,
        most_s=most_s,
    )
    return proposals_from(replies, suspect, text, f"{framing.name} T={temperature:g}")


def proposals_from(
    replies: list[Assistant], suspect: Suspect, text: str, note: str
) -> list[Proposal]:
    """Return what the replies would make of the file; answers without fitting code are dropped."""
    found: list[Proposal] = []
    language = language_of(suspect.path)
    for reply in replies:
        for block in blocks(reply.text)[:3]:
            new = splice(text, block.text, language, suspect.symbol)
            if new is None or new == text:
                continue
            size = changed_characters(text, new)
            found.append(Proposal({suspect.path: new}, "rewrite", note, weight=1.0, size=size))
            break
    return found


def splice(
    text: str, code: str, language: LanguageName | None, symbol: Symbol | None
) -> str | None:
    """Return `text` with the functions of `code` in the places of their namesakes, or None.

    What `code` has beside them (imports, new functions) is added where it is missing. Without a
    symbol `code` is the whole file.
    """
    if language is None or symbol is None:
        return code
    data = text.encode()
    new = code.encode()
    wanted = find_symbol(symbols(new, language), symbol.qualified_name)
    if wanted is None:
        return None
    piece = new[wanted.start_byte : wanted.end_byte].decode("utf-8", "replace")
    start = new.rfind(b"\n", 0, wanted.start_byte) + 1
    piece = new[start : wanted.start_byte].decode("utf-8", "replace") + piece
    if language == "python":
        old_start = data.rfind(b"\n", 0, symbol.start_byte) + 1
        old = data[old_start : symbol.end_byte].decode("utf-8", "replace")
        piece = keep_docstring(old, piece)
    result = replace_symbol(data, symbol, piece).decode("utf-8", "replace")
    if language == "python":
        result = _with_missing_imports(result, code)
    return result


def _with_missing_imports(text: str, code: str) -> str:
    known = {line.strip() for line in text.splitlines()}
    missing = [
        line
        for line in code.splitlines()
        if line.startswith(("import ", "from ")) and line.strip() not in known and "import" in line
    ]
    if not missing:
        return text
    lines = text.splitlines(keepends=True)
    at = 0
    for number, line in enumerate(lines):
        if line.startswith(("import ", "from ")):
            at = number if line.startswith("from __future__") is False else number + 1
            break
    else:
        at = _after_docstring(lines)
    return "".join([*lines[:at], *[line + "\n" for line in missing], *lines[at:]])


def _after_docstring(lines: list[str]) -> int:
    if not lines or not lines[0].lstrip().startswith(('"""', "'''")):
        return 0
    mark = lines[0].lstrip()[:3]
    if lines[0].count(mark) > 1:
        return 1
    for number, line in enumerate(lines[1:], 1):
        if mark in line:
            return number + 1
    return 0
