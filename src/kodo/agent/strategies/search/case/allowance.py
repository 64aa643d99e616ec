"""How much time a search may still use, and how it is shared out.

Knows the run's budget only. Guards that the last seconds are kept for writing and proving the
result.
"""

from kodo.agent.budget import RunBudget

DEFAULT_SECONDS = 280.0
KEPT_FOR_FINISH_S = 12.0


class Allowance:
    """Counts down from the run's own limit, or from DEFAULT_SECONDS where it has none."""

    __slots__ = ("_budget", "_finish_s", "_start_s", "_total_s")

    def __init__(self, budget: RunBudget, finish_s: float = KEPT_FOR_FINISH_S) -> None:
        self._budget = budget
        self._start_s = budget.spent().seconds
        left_s = budget.seconds_left()
        self._total_s = DEFAULT_SECONDS if left_s is None else left_s
        # A very short budget keeps a part of itself, not a fixed time it may not have.
        self._finish_s = min(finish_s, self._total_s / 5)

    @property
    def total_s(self) -> float:
        """The seconds that there were at the start."""
        return self._total_s

    def elapsed_s(self) -> float:
        """Return the seconds since the search began."""
        return self._budget.spent().seconds - self._start_s

    def left_s(self) -> float:
        """Return the seconds left for searching, never negative."""
        return max(0.0, self._total_s - self._finish_s - self.elapsed_s())

    def slice_s(self, part: float, most_s: float) -> float:
        """Return a part of what is left, at most `most_s` seconds."""
        return min(self.left_s() * part, most_s)

    def over(self) -> bool:
        """Tell whether nothing more should be begun."""
        return self.left_s() < 1.0
