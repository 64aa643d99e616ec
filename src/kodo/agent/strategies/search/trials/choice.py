"""Which of several passing proposals is taken.

Knows trials only. Guards against overfitting: what says least beyond the tests goes first.
"""

from kodo.agent.strategies.search.trials.proposal import Trial


def choose(greens: list[Trial]) -> Trial:
    """Return the green trial that says least beyond what the tests ask."""

    def worth(trial: Trial) -> float:
        proposal = trial.proposal
        deletes = 0.3 if "delete" in proposal.note or "remove" in proposal.note else 1.0
        small = 1.0 / (1.0 + proposal.size / 40)
        return deletes * small * (0.2 + proposal.weight)

    return max(greens, key=worth)
