"""A helper that nobody calls is a hint: put its call around what stands on suspicious lines.

Knows names of one file, not what they mean. Guards the number: only helpers without any use.
"""

import re
from collections.abc import Iterator

from kodo.agent.strategies.search.case.case import Case
from kodo.agent.strategies.search.faults.localise import Suspect
from kodo.agent.strategies.search.trials.proposal import Proposal
from kodo.syntax.languages import language_of
from kodo.syntax.symbols import symbols

WEIGHT = 0.8
MOST = 40
_TERM = re.compile(r"[A-Za-z_][\w.]*(?:\[[^\[\]]*\]|\([^()]*\))?")
_KEYWORDS = frozenset(
    {"if", "else", "elif", "for", "while", "return", "in", "not", "and", "or", "is", "None", "True"}
    | {"False", "def", "class", "import", "from", "as", "with", "try", "except", "finally", "raise"}
    | {"yield", "lambda", "let", "const", "var", "function", "new", "this", "self", "fn", "mut"}
)


def wrap_proposals(case: Case, suspects: list[Suspect]) -> Iterator[Proposal]:
    """Yield edits that call an unused function of the same file around a term of a line."""
    count = 0
    for suspect in suspects[:4]:
        text = case.understanding.sources[suspect.path]
        for helper in unused_functions(case, suspect.path):
            for proposal in _around(text, suspect, helper):
                yield proposal
                count += 1
                if count >= MOST:
                    return


def unused_functions(case: Case, path: str) -> list[str]:
    """Return the plain functions of a file that neither the sources nor the tests ever name."""
    text = case.understanding.sources[path]
    language = language_of(path)
    if language is None:
        return []
    known = [
        symbol.name for symbol in symbols(text.encode(), language) if symbol.kind == "function"
    ]
    everything = "\n".join(
        [*case.understanding.sources.values(), *case.understanding.tests.values()]
    )
    return [name for name in known if len(re.findall(rf"\b{re.escape(name)}\b", everything)) == 1]


def _around(text: str, suspect: Suspect, helper: str) -> Iterator[Proposal]:
    lines = text.split("\n")
    symbol = suspect.symbol
    if symbol is not None and symbol.name == helper:
        return
    for number in sorted(suspect.lines, key=lambda line: -suspect.lines[line]):
        if number > len(lines) or (symbol is not None and number <= symbol.name_line):
            continue
        line = lines[number - 1]
        for match in _TERM.finditer(line):
            term = match.group()
            if term.split("(")[0].split("[")[0] in _KEYWORDS:
                continue
            rest = line[match.end() :].lstrip()
            if rest.startswith("=") and not rest.startswith("=="):
                continue
            new = f"{line[: match.start()]}{helper}({term}){line[match.end() :]}"
            changed = "\n".join([*lines[: number - 1], new, *lines[number:]])
            note = f"{suspect.path}:{number} call the unused {helper}"
            yield Proposal({suspect.path: changed}, "wrap", note, WEIGHT, len(helper) + 2)
