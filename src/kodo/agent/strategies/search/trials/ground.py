"""Where proposals are tried: a scratch copy of the workspace and a way to run its tests.

Knows no language and no runner. Guards one shape for all of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from kodo.agent.strategies.search.trials.proposal import Proposal, Trial


@dataclass(frozen=True, slots=True)
class Coverage:
    """Which lines of which files one test ran, and whether it passed."""

    test: str
    passed: bool
    lines: Mapping[str, frozenset[int]]


@dataclass(slots=True)
class Baseline:
    """How the tests stand for some files: the trial, and what each test ran where that is known."""

    trial: Trial
    coverage: tuple[Coverage, ...] = field(default=())


class Ground(Protocol):
    """Tries proposals against the tests of a project. `fast` grounds take hundreds of them."""

    @property
    def fast(self) -> bool:
        """Whether a trial costs a fraction of a second."""
        ...

    async def measure(self, proposal: Proposal, *, seconds: float) -> Baseline:
        """Run all tests on `proposal` (no files: the workspace as it is) and say what they ran."""
        ...

    async def try_all(
        self,
        proposals: Sequence[Proposal],
        *,
        seconds: float,
        first: Sequence[str] = (),
        stop_after: int = 0,
        seconds_after_pass: float = 5.0,
        whole: bool = False,
        base: Proposal | None = None,
    ) -> list[Trial]:
        """Try proposals in order for at most `seconds`; returns those that were tried.

        Tests named in `first` run before the others, which run only if those pass. Each run stops
        at its first failure unless `whole`. Ends once `stop_after` are green, or
        `seconds_after_pass` after the first of them. Proposals that are small edits of another one
        than the workspace's files name that as their `base`: a ground may then try them faster.
        """
        ...

    async def fixes(self, proposal: Proposal) -> list[Proposal]:
        """Return what the compiler itself would change in a proposal that it refuses."""
        ...

    async def aclose(self) -> None:
        """Give back what the ground holds."""
        ...
