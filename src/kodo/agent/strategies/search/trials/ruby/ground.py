"""Tries proposals on Ruby tests: forks of a process that has loaded the test framework.

Knows the injected runner's reports. Guards that a pass is believed only once the project's own
command has passed too; what the runner cannot try goes to the slower ground.
"""

import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from kodo.agent.projects.testruns import parse_test_run
from kodo.agent.strategies.search.trials.command import CommandGround
from kodo.agent.strategies.search.trials.confirm import confirmed
from kodo.agent.strategies.search.trials.ground import Baseline, Coverage
from kodo.agent.strategies.search.trials.injected import reports_in, run_injected
from kodo.agent.strategies.search.trials.proposal import Proposal, Trial
from kodo.agent.strategies.search.trials.ruby.plan import RubyPlan
from kodo.core.sandbox import Scratch

RUNNER_NAME = ".kodo-search/runner.rb"
JOBS_NAME = ".kodo-search/ruby.json"
MARK = b"\x1ekodo "
BOOT_S = 10.0
LONGEST_TRIAL_S = 20.0


class _Lines(msgspec.Struct):
    test: str
    passed: bool
    lines: dict[str, list[int]] = {}


class _Report(msgspec.Struct):
    id: int
    exit_code: int
    killed: bool
    output: str
    seconds: float
    lines: list[_Lines] = []


class _Job(msgspec.Struct):
    id: int
    files: dict[str, str]


class _Jobs(msgspec.Struct):
    trials: list[_Job]
    main: str
    gem: str
    words: tuple[str, ...]
    folders: tuple[str, ...]
    preload: tuple[str, ...]
    seconds: float
    trial_s: float
    stop_after: int
    seconds_after_pass: float
    trace: bool


class RubyGround:
    """See `Ground`; dozens of trials a second. `slow` runs the project's own command."""

    __slots__ = ("_plan", "_scratch", "_serves", "_trial_s", "slow")

    def __init__(self, scratch: Scratch, plan: RubyPlan, slow: CommandGround) -> None:
        self._scratch = scratch
        self._plan = plan
        self._trial_s = LONGEST_TRIAL_S
        self._serves = False
        self.slow = slow

    @property
    def fast(self) -> bool:
        """Whether the runner can stand in for the command."""
        return self._serves

    async def measure(self, proposal: Proposal, *, seconds: float) -> Baseline:
        """See `Ground`. The runner serves where it comes to the same as the command."""
        ends = time.monotonic() + seconds
        plainly = (await self.slow.measure(proposal, seconds=seconds)).trial
        self._trial_s = min(LONGEST_TRIAL_S, max(2.0, 4 * plainly.seconds))
        left_s = max(2.0, ends - time.monotonic())
        reports = await self._serve([_Job(0, proposal.files)], seconds=left_s, trace=True)
        if not reports:
            return Baseline(plainly)
        quickly = self._trial(proposal, reports[0])
        same = (quickly.passed, quickly.failed, quickly.green) == (
            plainly.passed,
            plainly.failed,
            plainly.green,
        )
        self._serves = same and not plainly.timed_out
        coverage = tuple(
            Coverage(
                one.test, one.passed, {path: frozenset(rows) for path, rows in one.lines.items()}
            )
            for one in reports[0].lines
        )
        return Baseline(plainly, coverage if self._serves else ())

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
        """See `Ground`. What is green here has passed the project's own command too."""
        ends = time.monotonic() + seconds
        ruby = all(path.endswith(".rb") for p in proposals for path in p.files)
        there = all((self._scratch.root / path).is_file() for p in proposals for path in p.files)
        if self._serves and ruby and there:
            jobs = [_Job(number, proposal.files) for number, proposal in enumerate(proposals)]
            reports = await self._serve(
                jobs,
                seconds=seconds,
                stop_after=stop_after,
                seconds_after_pass=seconds_after_pass,
            )
            trials = [self._trial(proposals[report.id], report) for report in reports]
            if any(trial.green for trial in trials):
                trials = await confirmed(self.slow, trials, seconds=seconds_after_pass)
            if trials:
                return trials
        return await self.slow.try_all(
            proposals,
            seconds=max(0.0, ends - time.monotonic()),
            stop_after=stop_after,
            seconds_after_pass=seconds_after_pass,
        )

    async def fixes(self, proposal: Proposal) -> list[Proposal]:
        """Ruby proposes nothing."""
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
        trace: bool = False,
    ) -> list[_Report]:
        work = _Jobs(
            trials=jobs,
            main=self._plan.main,
            gem=self._plan.gem,
            words=self._plan.words,
            folders=self._plan.folders,
            preload=self._plan.preload,
            seconds=seconds,
            trial_s=self._trial_s,
            stop_after=stop_after,
            seconds_after_pass=seconds_after_pass,
            trace=trace,
        )
        runner = Path(__file__).with_name("runner.rb").read_bytes()
        output = await run_injected(
            self._scratch.sandbox,
            ["ruby", RUNNER_NAME],
            {RUNNER_NAME: runner, JOBS_NAME: msgspec.json.encode(work)},
            env=self.slow.command.env,
            timeout_s=seconds + self._trial_s + BOOT_S,
        )
        return read_reports(output)

    def _trial(self, proposal: Proposal, report: _Report) -> Trial:
        run = parse_test_run(report.output, exit_code=report.exit_code, root=self._scratch.root)
        nothing = report.exit_code != 0 and not (run.passed or run.failed or run.failing)
        return Trial(
            proposal,
            passed=run.passed,
            failed=run.failed + run.errors,
            failing=run.failing,
            broken=report.output[-1500:] if nothing else "",
            timed_out=report.killed,
            green=run.green and run.passed > 0,
            seconds=report.seconds,
        )


def read_reports(output: bytes) -> list[_Report]:
    """Return the reports in the runner's output, in the order of their trials."""
    found = reports_in(output, MARK, _Report)
    return sorted(found, key=lambda report: report.id)
