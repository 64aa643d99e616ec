"""Proposals by rule: systematic edits of one place, likeliest first, without the model.

Knows the suspects and kodo.syntax.mutations. Guards the number: only what can be tried.
"""

from collections.abc import Iterator

from kodo.agent.strategies.search.case.case import Case
from kodo.agent.strategies.search.faults.localise import Suspect
from kodo.agent.strategies.search.trials.proposal import Proposal
from kodo.syntax.languages import language_of
from kodo.syntax.mutations import apply_mutation, mutations

UNKNOWN_LINE = 0.3
UNCOVERED_LINE = 0.0


def mutation_proposals(case: Case, suspects: list[Suspect]) -> Iterator[Proposal]:
    """Yield edits of the suspects' lines; several suspects are merged by weight."""
    streams = [iter(_of(case, suspect)) for suspect in suspects]
    waiting = [(next(stream, None), stream) for stream in streams]
    while True:
        alive = [(proposal, stream) for proposal, stream in waiting if proposal is not None]
        if not alive:
            return
        best, stream = max(alive, key=lambda pair: pair[0].weight)
        yield best
        waiting = [
            (next(other, None) if other is stream else proposal, other) for proposal, other in alive
        ]


def _of(case: Case, suspect: Suspect) -> Iterator[Proposal]:
    text = case.understanding.sources[suspect.path]
    language = language_of(suspect.path)
    if language is None:
        return
    data = text.encode()
    known = suspect.lines
    most = max(known.values(), default=0.0)

    def suspiciousness(line: int) -> float:
        if not most:
            return UNKNOWN_LINE
        return known.get(line, UNCOVERED_LINE) / most

    share = 0.2 + suspect.score
    for mutation in mutations(
        data, language, suspect.path, suspect.symbol, suspiciousness=suspiciousness
    ):
        new = apply_mutation(data, mutation).decode("utf-8", "replace")
        place = f"{suspect.path}:{mutation.line} {mutation.kind}"
        weight = mutation.prior * suspiciousness(mutation.line) * share
        size = max(len(mutation.replacement), mutation.end_byte - mutation.start_byte)
        yield Proposal({suspect.path: new}, "mutation", place, weight=weight, size=size)
