"""A proposed change of files, and what the tests said of it.

Pure values: knows neither where proposals come from nor how tests run.
"""

from dataclasses import dataclass, field

from kodo.agent.projects.testreport import FailingTest


@dataclass(frozen=True, slots=True)
class Proposal:
    """New contents for some files. `size` is how many characters differ from what stands there.

    `origin` is the source of the idea (`rewrite`, `mutation`, `cloze`, `draft`, ...), `note` says
    what it does in a few words, `weight` how plausible it is before any test (higher is likelier).
    """

    files: dict[str, str]
    origin: str
    note: str = ""
    weight: float = 1.0
    size: int = 0

    @property
    def key(self) -> tuple[tuple[str, str], ...]:
        """What two equal proposals have in common, however they came about."""
        return tuple(sorted(self.files.items()))


@dataclass(slots=True)
class Trial:
    """What the tests said of a proposal. `broken` is a compile or import error's text, or ""."""

    proposal: Proposal
    passed: int = 0
    failed: int = 0
    failing: tuple[FailingTest, ...] = ()
    broken: str = ""
    timed_out: bool = False
    green: bool = False
    whole: bool = True
    seconds: float = 0
    passed_names: frozenset[str] = field(default_factory=frozenset)

    @property
    def rank(self) -> tuple[int, int, int, int]:
        """Order trials by this, best last."""
        return (int(self.green), int(not self.broken), self.passed, -self.failed)


def changed_characters(before: str, after: str) -> int:
    """Return about how many characters an edit touches: what is left between equal ends."""
    head = 0
    most = min(len(before), len(after))
    while head < most and before[head] == after[head]:
        head += 1
    tail = 0
    while tail < most - head and before[-1 - tail] == after[-1 - tail]:
        tail += 1
    return max(len(before), len(after)) - head - tail
