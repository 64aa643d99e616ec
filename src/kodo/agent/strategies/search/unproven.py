"""Work where no test tells right from wrong: several answers, and the one most of them agree on.

Knows votes and what still must pass, not how to prove. Guards honesty: the ending is unverified.
"""

from collections import Counter

from kodo.agent.strategies.search.case.case import Case
from kodo.agent.strategies.search.faults.localise import rank_suspects
from kodo.agent.strategies.search.proposals.pinpoint import ask_lines
from kodo.agent.strategies.search.proposals.rewrite import FRAMINGS, ask_rewrites
from kodo.agent.strategies.search.trials.ground import Baseline, Ground
from kodo.agent.strategies.search.trials.proposal import Proposal, Trial
from kodo.agent.strategies.search.writing.draft import ask_drafts
from kodo.syntax.languages import language_of
from kodo.syntax.tree import fingerprint, syntax_errors

SAMPLES = 4
LONGEST_SEARCH_S = 110.0


async def repair_unproven(case: Case, ground: Ground | None, baseline: Baseline) -> Trial | None:
    """Return the change that most answers agree on and that breaks nothing that passed."""
    named = [path for path in case.understanding.named if path in case.understanding.sources]
    sources = case.understanding.sources
    suspects = rank_suspects(
        {path: sources[path] for path in named} if named else case.understanding.suspected(),
        baseline,
        task=case.understanding.task,
    )
    if not suspects:
        return None
    votes: list[Proposal] = []
    for framing, samples, temperature in ((FRAMINGS[0], 1, 0.0), (FRAMINGS[1], 2, 0.6)):
        if case.allowance.elapsed_s() > LONGEST_SEARCH_S or case.allowance.over():
            break
        await case.note(f"asking for {samples} rewrites of {suspects[0].name}")
        votes.extend(
            await ask_rewrites(
                case,
                suspects[0],
                baseline.trial,
                framing=framing,
                samples=samples,
                temperature=temperature,
            )
        )
    if not case.allowance.over():
        await case.note(f"asking which line of {suspects[0].name} is wrong")
        votes.extend(
            await ask_lines(case, suspects[0], baseline.trial, samples=SAMPLES, temperature=0.7)
        )
    return await elect(case, votes, ground, baseline)


async def draft_unproven(
    case: Case, path: str, ground: Ground | None, baseline: Baseline
) -> Trial | None:
    """Return the draft that most answers agree on, of those that pass what examples there are."""
    await case.note(f"asking for a draft of {path}")
    votes = await ask_drafts(case, path, 1, 0.0)
    if case.allowance.elapsed_s() < LONGEST_SEARCH_S and ground is not None:
        votes.extend(await ask_drafts(case, path, 3, 0.6))
    return await elect(case, votes, ground, baseline)


async def elect(
    case: Case, votes: list[Proposal], ground: Ground | None, baseline: Baseline
) -> Trial | None:
    """Return the proposal that passes most examples, of equals the one said most often.

    Where there is no ground, the trial says that nothing ran: its counts are 0.
    """
    marks = [(mark_of(proposal), proposal) for proposal in votes]
    sound = [(mark, proposal) for mark, proposal in marks if mark is not None]
    if not sound:
        return None
    counted = Counter(mark for mark, _ in sound)
    first: dict[str, Proposal] = {}
    for mark, proposal in sound:
        first.setdefault(mark, proposal)
    ranked = sorted(first, key=lambda mark: -counted[mark])
    if ground is None:
        return Trial(first[ranked[0]])
    trials = await ground.try_all([first[mark] for mark in ranked], seconds=30, whole=True)
    await case.learn(trials)
    kept = [trial for trial in trials if not breaks(trial, baseline.trial)]
    if not kept:
        return None
    return max(kept, key=lambda trial: trial.passed)


def breaks(trial: Trial, before: Trial) -> bool:
    """Tell whether a trial fails what passed before."""
    if trial.passed_names or before.passed_names:
        return not before.passed_names <= trial.passed_names
    return trial.passed < before.passed


def mark_of(proposal: Proposal) -> str | None:
    """Return what makes two proposals the same answer, or None where one does not parse."""
    marks: list[str] = []
    for path, text in sorted(proposal.files.items()):
        language = language_of(path)
        data = text.encode("utf-8", "replace")
        if language is None:
            marks.append(text)
        elif syntax_errors(data, language):
            return None
        else:
            marks.append(fingerprint(data, language))
    return "|".join(marks)
