"""What the runs say: solved tasks of each agent by kind, and each pair on the tasks both tried.

Knows no task folder. Guards that two agents are compared on nothing but the same tasks.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path
from statistics import median

import msgspec

from benchmarks.agents.statistics import pair, wilson


class Result(msgspec.Struct, frozen=True):
    """One agent on one task; no exit code means that the time limit ended it."""

    task: str
    agent: str
    kind: str
    language: str
    solved: bool
    exit_code: int | None
    wall_s: float
    limit_s: float
    tail: str = ""


def read_results(file: Path) -> list[Result]:
    """Return the results of a file, none without one; a last line cut by a crash is left out."""
    if not file.exists():
        return []
    data = file.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    if whole != data:
        file.write_bytes(whole)
    try:
        return [msgspec.json.decode(line, type=Result) for line in whole.splitlines()]
    except msgspec.DecodeError as error:
        raise ValueError(f"{str(file)!r} is no file of results: {error}") from None


def lines(results: Sequence[Result]) -> Iterator[str]:
    """Yield the table of shares, then one line a pair of agents."""
    agents = list(dict.fromkeys(result.agent for result in results))
    kinds = ["", *sorted({result.kind for result in results})]
    for kind in kinds:
        for agent in agents:
            own = [one for one in results if one.agent == agent and kind in ("", one.kind)]
            if own:
                yield f"{kind or 'all':<12} {agent:<16} {_share(own)}"
    for kind in kinds:
        for one, two in combinations(agents, 2):
            solved = [_outcomes(results, agent, kind) for agent in (one, two)]
            same = sorted(solved[0].keys() & solved[1].keys())
            if same:
                pairs = pair([solved[0][t] for t in same], [solved[1][t] for t in same])
                gap, chance = pairs.difference(), pairs.chance()
                alone = f"on {len(same)} tasks, alone {pairs.first} : {pairs.second}"
                yield f"{kind or 'all':<12} {one} - {two}: {gap} {alone}, p = {chance:.3g}"


def _share(own: Sequence[Result]) -> str:
    solved = sum(result.solved for result in own)
    late = sum(result.exit_code is None for result in own)
    wall_s = median(result.wall_s for result in own)
    share = wilson(solved, len(own))
    return f"{solved:>4}/{len(own):<4} {share}, median {wall_s:.0f} s, {late} out of time"


def _outcomes(results: Sequence[Result], agent: str, kind: str) -> dict[str, bool]:
    return {
        one.task: one.solved for one in results if one.agent == agent and kind in ("", one.kind)
    }
