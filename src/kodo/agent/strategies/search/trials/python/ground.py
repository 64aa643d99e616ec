"""Tries proposals on Python tests: one server process in the sandbox, a fork for each proposal.

Knows pytest and unittest selections, and the injected runner's reports. Guards that a broken
server is an empty list and not an error: then the slower ground takes over.
"""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from kodo.agent.projects.testcommand import TestCommand
from kodo.agent.projects.testreport import FailingTest, Frame
from kodo.agent.strategies.search.trials.ground import Baseline, Coverage
from kodo.agent.strategies.search.trials.injected import reports_in, run_injected
from kodo.agent.strategies.search.trials.proposal import Proposal, Trial
from kodo.agent.strategies.search.trials.python.runner_source import (
    JOBS_NAME,
    MARK,
    RUNNER_NAME,
    RUNNER_SOURCE,
)
from kodo.core.sandbox import Scratch

MEMORY_BYTES = 2 << 30
STARTUP_S = 15.0
HANG_S = 3.0
NARROW_TESTS = 4


class _Test(msgspec.Struct):
    outcome: str
    message: str = ""
    frames: list[tuple[str, int, str]] = []
    seconds: float = 0.0
    lines: dict[str, list[int]] = {}


class _Report(msgspec.Struct):
    id: int = -1
    tests: dict[str, _Test] = {}
    error: str = ""
    timed_out: bool = False
    seconds: float = 0.0
    ready: bool = False
    done: bool = False


class _Then(msgspec.Struct, omit_defaults=True):
    selection: list[str]
    timeout_s: float


class _Job(msgspec.Struct, omit_defaults=True):
    id: int
    files: dict[str, str]
    selection: list[str] = []
    timeout_s: float = 20.0
    test_timeout_s: float = HANG_S
    stop_at: int = 0
    trace: bool = False
    modules: bool = False
    patch: bool = True
    then: _Then | None = None


class _Jobs(msgspec.Struct, omit_defaults=True):
    framework: str
    selection: list[str]
    source: str
    memory_bytes: int
    seconds: float
    seconds_after_pass: float
    stop_after_passes: int
    base: dict[str, str]
    trials: list[_Job]


def plan_python(command: TestCommand) -> "PythonPlan | None":
    """Return how the runner would stand in for `command`, or None where it cannot."""
    words = (
        shlex.split(command.command) if isinstance(command.command, str) else list(command.command)
    )
    if command.runner == "tiny" and words[1:2] == ["-c"]:
        return PythonPlan(words[0], "tiny", words[3:], words[2])
    if any(mark in words for mark in ("&&", "||", ";", "|")):
        return None
    python = "python3"
    if words and Path(words[0]).name.startswith("python"):
        python = words[0]
        words = words[1:]
        while words and words[0].startswith("-") and words[0] != "-m":
            words = words[1:]
        if words[:1] != ["-m"]:
            return None
        words = words[1:]
    if not words:
        return None
    framework, rest = Path(words[0]).name, words[1:]
    if framework in ("pytest", "py.test"):
        return PythonPlan(python, "pytest", _selection(rest))
    if framework == "unittest":
        if rest[:1] == ["discover"]:
            start = rest[rest.index("-s") + 1 :][:1] if "-s" in rest else []
            return PythonPlan(python, "unittest", ["discover", *start])
        return PythonPlan(python, "unittest", [word for word in rest if not word.startswith("-")])
    return None


_TAKES_VALUE = {"-k", "-m", "-c", "-p", "-o", "-n", "-W", "--maxfail", "--tb", "--rootdir"}


def _selection(words: list[str]) -> list[str]:
    kept: list[str] = []
    at = 0
    while at < len(words):
        word = words[at]
        if word in _TAKES_VALUE:
            if word in ("-k", "-m", "-c"):
                kept.extend(words[at : at + 2])
            at += 2
            continue
        if not word.startswith("-"):
            kept.append(word)
        at += 1
    return kept


class PythonPlan(msgspec.Struct, frozen=True):
    """The interpreter, the framework and the tests that stand for a test command.

    `source` is the program of the framework where that is not installed.
    """

    python: str
    framework: str
    selection: list[str]
    source: str = ""


class PythonGround:
    """See `Ground`; several trials a second."""

    __slots__ = ("_covered", "_plan", "_scratch", "_test_timeout_s", "env", "hung", "whole_s")

    def __init__(self, scratch: Scratch, plan: PythonPlan, env: dict[str, str]) -> None:
        self._scratch = scratch
        self._plan = plan
        self._test_timeout_s = HANG_S
        self._covered: frozenset[str] = frozenset()
        self.env = env
        self.whole_s = 20.0
        self.hung = False

    @property
    def fast(self) -> bool:
        """A trial costs about a tenth of a second."""
        return True

    async def measure(self, proposal: Proposal, *, seconds: float) -> Baseline:
        """See `Ground`. An empty trial that is broken means that the runner cannot serve here."""
        job = _Job(
            id=0, files=proposal.files, trace=True, modules=True, timeout_s=seconds,
            test_timeout_s=HANG_S,
        )  # fmt: skip
        reports = await self._serve([job], seconds=seconds)
        if not reports:
            return Baseline(Trial(proposal, broken="the runner did not start"))
        report = reports[0]
        passing_s = sum(t.seconds for t in report.tests.values() if t.outcome == "passed")
        slowest_s = max(
            (t.seconds for t in report.tests.values() if t.outcome == "passed"), default=0
        )
        self.hung = report.timed_out or any(
            "TestTimeout" in t.message for t in report.tests.values()
        )
        # Tracing makes tests several times slower, so what it took is already a generous limit.
        self._test_timeout_s = min(max(1.0, 3 * slowest_s), 20.0)
        self.whole_s = min(max(6.0, 3 * passing_s + 3), 60.0)
        # What a failing test does not run in this process (it may start the program in another one)
        # cannot be tried by changing what is loaded.
        self._covered = frozenset(
            path
            for test in report.tests.values()
            if test.outcome == "failed"
            for path in test.lines
        )
        coverage = tuple(
            Coverage(
                name,
                test.outcome == "passed",
                {path: frozenset(lines) for path, lines in test.lines.items()},
            )
            for name, test in report.tests.items()
            if test.outcome in ("passed", "failed")
        )
        return Baseline(_trial(proposal, report), coverage)

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
        """See `Ground`."""
        narrow = list(first)[:NARROW_TESTS] if not whole else []
        jobs = [
            _Job(
                id=number,
                files=proposal.files,
                selection=narrow,
                stop_at=0 if whole else 1,
                patch=self._covered.issuperset(proposal.files),
                test_timeout_s=self._test_timeout_s,
                timeout_s=self.whole_s,
                then=_Then([], self.whole_s) if narrow else None,
            )
            for number, proposal in enumerate(proposals)
        ]
        reports = await self._serve(
            jobs,
            seconds=seconds,
            stop_after=stop_after,
            seconds_after_pass=seconds_after_pass,
            base=base.files if base is not None else {},
        )
        return [
            replace(_trial(proposals[report.id], report), whole=whole)
            for report in reports
            if 0 <= report.id < len(proposals)
        ]

    async def fixes(self, proposal: Proposal) -> list[Proposal]:
        """Python's compiler proposes nothing."""
        return []

    async def aclose(self) -> None:
        """Nothing is held between calls."""

    async def _serve(
        self,
        jobs: list[_Job],
        *,
        seconds: float,
        stop_after: int = 0,
        seconds_after_pass: float = 5.0,
        base: Mapping[str, str] | None = None,
    ) -> list[_Report]:
        if not jobs:
            return []
        plan = _Jobs(
            framework=self._plan.framework,
            selection=self._plan.selection,
            source=self._plan.source,
            memory_bytes=MEMORY_BYTES,
            seconds=seconds,
            seconds_after_pass=seconds_after_pass,
            stop_after_passes=stop_after,
            base=dict(base or {}),
            trials=jobs,
        )
        output = await run_injected(
            self._scratch.sandbox,
            [self._plan.python, RUNNER_NAME],
            {RUNNER_NAME: RUNNER_SOURCE.encode(), JOBS_NAME: msgspec.json.encode(plan)},
            env={**self.env, "PYTHONDONTWRITEBYTECODE": "1"},
            timeout_s=seconds + STARTUP_S + self.whole_s,
        )
        reports = reports_in(output, MARK.encode(), _Report)
        return [report for report in reports if report.id >= 0]


def _trial(proposal: Proposal, report: _Report) -> Trial:
    passed = frozenset(name for name, test in report.tests.items() if test.outcome == "passed")
    failing = tuple(
        FailingTest(
            name=name,
            file=name.split("::")[0] if ".py" in name else "",
            message=test.message,
            frames=tuple(Frame(path, line, function) for path, line, function in test.frames),
        )
        for name, test in report.tests.items()
        if test.outcome == "failed"
    )
    broken = report.error
    if not broken and not passed and failing and all("::" not in test.name for test in failing):
        broken = failing[0].message  # collection itself failed: an import or syntax error
    return Trial(
        proposal,
        passed=len(passed),
        failed=len(failing),
        failing=failing,
        broken=broken,
        timed_out=report.timed_out,
        green=bool(passed) and not failing and not report.error and not report.timed_out,
        seconds=report.seconds,
        passed_names=passed,
    )
