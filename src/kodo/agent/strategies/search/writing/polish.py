"""Repair a draft that nearly passes, with the same one-place edits that repair a bug.

Knows how a draft becomes the baseline of a small repair. Guards that the workspace's own texts are
what stands in the case again afterwards.
"""

from dataclasses import replace
from itertools import islice

from kodo.agent.strategies.search.case.case import Case
from kodo.agent.strategies.search.edits.mutate import mutation_proposals
from kodo.agent.strategies.search.faults.localise import rank_suspects
from kodo.agent.strategies.search.trials.choice import choose
from kodo.agent.strategies.search.trials.ground import Ground
from kodo.agent.strategies.search.trials.proposal import Trial

POLISH_S = 25.0
MOST_MUTANTS = 1200
MOST_ROUNDS = 5


async def polish(case: Case, ground: Ground, trial: Trial) -> Trial | None:
    """Improve a draft by one-place edits, each of which passes more tests than the one before.

    Returns the best one, green or not, or None where no edit helps.
    """
    best: Trial | None = None
    seconds = case.allowance.slice_s(0.25, POLISH_S)
    ends_s = case.allowance.elapsed_s() + seconds
    for _ in range(MOST_ROUNDS):
        left_s = ends_s - case.allowance.elapsed_s()
        if left_s < 3 or case.allowance.over():
            break
        better = await _one_edit(case, ground, best or trial, left_s)
        if better is None:
            break
        best = better
        if best.green:
            break
        await case.note(f"one edit takes the draft to {best.passed} tests passed")
    return best


async def _one_edit(case: Case, ground: Ground, trial: Trial, seconds: float) -> Trial | None:
    """Return the best trial of one edit that breaks nothing and passes more, or None."""
    known = case.understanding
    baseline = await ground.measure(trial.proposal, seconds=20)
    case.understanding = replace(known, sources={**known.sources, **trial.proposal.files})
    try:
        suspects = [
            suspect
            for suspect in rank_suspects(
                case.understanding.sources, baseline, task="", tests=known.tests.values()
            )
            if suspect.path in trial.proposal.files
        ][:4]
        chosen = case.fresh(islice(mutation_proposals(case, suspects), MOST_MUTANTS))
    finally:
        case.understanding = known
    if not chosen:
        return None
    await case.note(f"polishing the best draft with up to {len(chosen)} one-place edits")
    trials = await ground.try_all(
        chosen,
        seconds=seconds,
        stop_after=4,
        seconds_after_pass=3.0,
        whole=True,
        base=trial.proposal,
    )
    greens = await case.learn(trials)
    if greens:
        return choose(greens)
    before = baseline.trial
    better = [
        other
        for other in trials
        if other.passed > before.passed and before.passed_names <= other.passed_names
    ]
    return max(better, key=lambda other: (other.passed, other.proposal.weight), default=None)
