"""A pass in a quick ground is believed only once the project's own command has passed as well.

Knows the slow ground. Guards the time: the likeliest few are looked at.
"""

import time
from collections.abc import Sequence
from dataclasses import replace

from kodo.agent.strategies.search.trials.command import CommandGround
from kodo.agent.strategies.search.trials.proposal import Trial

MOST_CONFIRMED = 4
LONGEST_S = 60.0


async def confirmed(slow: CommandGround, trials: Sequence[Trial], *, seconds: float) -> list[Trial]:
    """Return the trials, green only where the project's own command has passed for them.

    After `seconds`, or MOST_CONFIRMED of them, only a first pass is still looked for.
    """
    greens = [trial for trial in trials if trial.green]
    greens.sort(key=lambda trial: (-trial.proposal.weight, trial.proposal.size))
    ends = time.monotonic() + seconds
    sure: set[int] = set()
    for number, trial in enumerate(greens):
        if sure and (number >= MOST_CONFIRMED or time.monotonic() > ends):
            break
        plainly = await slow.try_all([trial.proposal], seconds=LONGEST_S)
        if any(other.green for other in plainly):
            sure.add(id(trial))
    return [replace(trial, green=trial.green and id(trial) in sure) for trial in trials]
