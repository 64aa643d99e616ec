"""What goes to the runner and what comes back, as values.

Knows their form only. Guards that a line which is no report is left out.
"""

import msgspec

from kodo.agent.projects.testreport import FailingTest, Frame
from kodo.agent.strategies.search.trials.injected import reports_in
from kodo.agent.strategies.search.trials.javascript.program import MARK
from kodo.agent.strategies.search.trials.proposal import Proposal, Trial


class TestOutcome(msgspec.Struct):
    """What one test came to. `lines` are those that it ran, where that was asked."""

    __test__ = False  # pytest must not collect it

    outcome: str
    message: str = ""
    frames: list[tuple[str, int, str]] = []
    seconds: float = 0.0
    lines: dict[str, list[int]] = {}


class Over(msgspec.Struct):
    """How the runner ended: whether it `looked` at all canaries, and whether it could be light."""

    light: bool = False
    looked: bool = False


class Report(msgspec.Struct):
    """What came of one trial; or, with `unseen`, a file that no test reads; or the end of all.

    `narrow` says that only the tests asked for first ran, `spawned` that the tests start processes
    of their own.
    """

    id: int = -1
    tests: dict[str, TestOutcome] = {}
    error: str = ""
    timed_out: bool = False
    narrow: bool = False
    spawned: bool = False
    seconds: float = 0.0
    unseen: str = ""
    over: Over | None = None


class Job(msgspec.Struct, omit_defaults=True):
    """One trial. `chosen` are the test files to run first, `tests` the only tests of these."""

    id: int
    files: dict[str, str]
    chosen: list[str] | None = None
    tests: list[str] = []
    stop_at: int = 0
    trace: bool = False


class Canary(msgspec.Struct):
    """What stands in a file that is to change, and test files that are known to run it."""

    text: str
    chosen: list[str] | None = None


class Jobs(msgspec.Struct):
    """All trials of one start of the runner, and the limits that they share.

    `light` lets processes serve trials on what a first run has loaded, as long as that gives the
    outcomes in `expected` (test name to outcome).
    """

    framework: str
    arguments: list[str]
    node_flags: list[str]
    env: dict[str, str]
    trials: list[Job]
    canaries: dict[str, Canary]
    expected: dict[str, str]
    seconds: float
    seconds_after_pass: float
    stop_after_passes: int
    on_disk: bool
    light: bool
    test_ms: float
    load_ms: float
    boot_ms: float
    width: int = 2
    heap_mb: int = 768
    memory_bytes: int = 2 << 30


def read_reports(output: bytes) -> list[Report]:
    """Return the reports in the runner's output, in the order of their trials."""
    reports = reports_in(output, MARK.encode(), Report)
    return sorted(reports, key=lambda report: report.id)


def file_of(name: str) -> str:
    """Return the file of a test's name, or the name where that is a file."""
    return name.split("::")[0]


def trial_of(proposal: Proposal, report: Report) -> Trial:
    """Return a report as a trial."""
    passed = frozenset(name for name, test in report.tests.items() if test.outcome == "passed")
    failing = tuple(_failing(name, t) for name, t in report.tests.items() if t.outcome == "failed")
    broken = report.error
    if not broken and not passed and failing and all("::" not in test.name for test in failing):
        broken = failing[0].message  # no test came to be: the files cannot be loaded
    return Trial(
        proposal,
        passed=len(passed),
        failed=len(failing),
        failing=failing,
        broken=broken,
        timed_out=report.timed_out,
        green=bool(passed) and not failing and not report.error and not report.timed_out,
        whole=not report.narrow,
        seconds=report.seconds,
        passed_names=passed,
    )


def _failing(name: str, test: TestOutcome) -> FailingTest:
    file = file_of(name)
    frames = tuple(Frame(path, line, function) for path, line, function in test.frames)
    line = next((frame.line for frame in reversed(frames) if frame.path == file), 0)
    return FailingTest(name, file, line, test.message, frames)
