"""Repair a draft that nearly passes, with the same one-place edits that repair a bug.

Knows how a draft becomes the baseline of a small repair. Guards that the workspace's own texts are
what stands in the case again afterwards.
"""

from dataclasses import replace
from itertools import islice

from kodo.agent.strategies.search.case import Case
from kodo.agent.strategies.search.ground import Ground
from kodo.agent.strategies.search.localise import rank_suspects
from kodo.agent.strategies.search.mutate import mutation_proposals
from kodo.agent.strategies.search.proposal import Trial
from kodo.agent.strategies.search.repair import choose

POLISH_S = 25.0
MOST_MUTANTS = 300


async def polish(case: Case, ground: Ground, trial: Trial) -> Trial | None:
    """Try one-place edits of a draft for a while; returns a green trial or None."""
    known = case.understanding
    seconds = case.allowance.slice_s(0.25, POLISH_S)
    if seconds < 3:
        return None
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
        first=[test.name for test in baseline.trial.failing],
        stop_after=4,
        seconds_after_pass=3.0,
    )
    greens = case.learn(trials)
    return choose(greens) if greens else None
