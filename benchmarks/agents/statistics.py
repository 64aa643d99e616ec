"""Intervals for how many tasks were solved: of one agent, and of two on the same tasks.

Knows nothing of tasks or agents. Guards against reading more into a few dozen tasks than they say.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

Z_95 = 1.959964


@dataclass(frozen=True, slots=True)
class Interval:
    """A share, or a difference of shares, with its 95 % interval; all between -1 and 1."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{100 * self.value:.1f} % [{100 * self.low:.1f}, {100 * self.high:.1f}]"


def wilson(solved: int, tried: int) -> Interval:
    """Return the share solved with Wilson's score interval; without a try nothing is known."""
    if not 0 <= solved <= tried:
        raise ValueError(f"solved {solved} of {tried}: not a share")
    if tried == 0:
        return Interval(0.0, 0.0, 1.0)
    share, square = solved / tried, Z_95 * Z_95
    middle = (share + square / (2 * tried)) / (1 + square / tried)
    spread = share * (1 - share) / tried + square / (4 * tried * tried)
    reach = Z_95 * math.sqrt(spread) / (1 + square / tried)
    return Interval(share, max(0.0, middle - reach), min(1.0, middle + reach))


@dataclass(frozen=True, slots=True)
class Pairs:
    """Two agents on the same tasks: how many both solved, one alone, the other alone, neither."""

    both: int
    first: int
    second: int
    neither: int

    @property
    def tried(self) -> int:
        """How many tasks both tried."""
        return self.both + self.first + self.second + self.neither

    def difference(self) -> Interval:
        """Return first minus second: Newcombe's interval for paired shares (his method 10)."""
        if self.tried == 0:
            return Interval(0.0, -1.0, 1.0)
        one = wilson(self.both + self.first, self.tried)
        two = wilson(self.both + self.second, self.tried)
        tie = self._correlation()
        below, above = one.value - one.low, one.high - one.value
        below_two, above_two = two.value - two.low, two.high - two.value
        down = below * below - 2 * tie * below * above_two + above_two * above_two
        up = above * above - 2 * tie * above * below_two + below_two * below_two
        value = one.value - two.value
        low, high = value - math.sqrt(max(0.0, down)), value + math.sqrt(max(0.0, up))
        return Interval(value, max(-1.0, low), min(1.0, high))

    def chance(self) -> float:
        """Return McNemar's exact two-sided p: how likely so uneven a split is by chance alone."""
        uneven = self.first + self.second
        few = min(self.first, self.second)
        tail = sum(math.comb(uneven, at) for at in range(few + 1)) / 2**uneven
        return min(1.0, 2 * tail)

    def _correlation(self) -> float:
        margins = (
            (self.both + self.first)
            * (self.second + self.neither)
            * (self.both + self.second)
            * (self.first + self.neither)
        )
        cross = self.both * self.neither - self.first * self.second
        if margins == 0:
            return 0.0
        if cross > 0:
            cross = max(0.0, cross - self.tried / 2)
        return cross / math.sqrt(margins)


def pair(first: Sequence[bool], second: Sequence[bool]) -> Pairs:
    """Count two agents' outcomes on the same tasks, in the same order."""
    if len(first) != len(second):
        raise ValueError(f"{len(first)} outcomes beside {len(second)}: the tasks must be the same")
    counts = {(True, True): 0, (True, False): 0, (False, True): 0, (False, False): 0}
    for outcome in zip(first, second, strict=True):
        counts[outcome] += 1
    return Pairs(
        both=counts[True, True],
        first=counts[True, False],
        second=counts[False, True],
        neither=counts[False, False],
    )
