"""Tries proposals on JavaScript and TypeScript tests: processes that stay, modules that are new.

Knows the injected runner's reports. Guards that a pass is believed only once the project's own
command has passed too; what the runner cannot try goes to the slower ground.
"""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from kodo.agent.strategies.search.trials.command import CommandGround
from kodo.agent.strategies.search.trials.confirm import confirmed
from kodo.agent.strategies.search.trials.ground import Baseline, Coverage
from kodo.agent.strategies.search.trials.injected import run_injected
from kodo.agent.strategies.search.trials.javascript.plan import JavascriptPlan
from kodo.agent.strategies.search.trials.javascript.program import (
    JOBS_NAME,
    RUNNER_NAME,
    runner_source,
)
from kodo.agent.strategies.search.trials.javascript.reports import (
    Canary,
    Job,
    Jobs,
    Report,
    file_of,
    read_reports,
    trial_of,
)
from kodo.agent.strategies.search.trials.proposal import Proposal, Trial
from kodo.base.errors import ToolError
from kodo.core.sandbox import Scratch

BOOT_S = 20.0
SHORTEST_TEST_S = 0.5
LONGEST_TEST_S = 20.0
NARROW_TESTS = 4
QUICK_FILES_S = 0.3


class JavascriptGround:
    """See `Ground`; tens of trials a second. `slow` runs the project's own command."""

    __slots__ = (
        "_baseline",
        "_light",
        "_limits",
        "_on_disk",
        "_plan",
        "_scratch",
        "_seen",
        "_took",
        "_unseen",
        "slow",
    )

    def __init__(self, scratch: Scratch, plan: JavascriptPlan, slow: CommandGround) -> None:
        self._scratch = scratch
        self._plan = plan
        self._baseline = Report()
        self._on_disk = False
        self._limits = (2.0, BOOT_S)
        self._took: dict[str, float] = {}
        self._light = True
        self._seen: set[str] = set()
        self._unseen: set[str] = set()
        self.slow = slow

    @property
    def fast(self) -> bool:
        """A trial costs a few hundredths of a second."""
        return True

    async def measure(self, proposal: Proposal, *, seconds: float) -> Baseline:
        """See `Ground`. An empty trial that is broken means that the runner cannot serve here."""
        job = Job(0, proposal.files, trace=True)
        served = await self._serve([job], seconds=seconds, light=False)
        report = next((report for report in served if report.id == 0), None)
        if report is None:
            return Baseline(Trial(proposal, broken="the runner did not start"))
        self._baseline = report
        self._on_disk = report.spawned
        self._learn(report)
        coverage = tuple(
            Coverage(
                name,
                test.outcome == "passed",
                {path: frozenset(lines) for path, lines in test.lines.items()},
            )
            for name, test in report.tests.items()
            if test.outcome in ("passed", "failed")
        )
        return Baseline(trial_of(proposal, report), coverage)

    def _learn(self, report: Report) -> None:
        """Set the limits by what the tests took; measuring lines makes that generous."""
        passed = [test.seconds for test in report.tests.values() if test.outcome == "passed"]
        slowest_s = max(passed, default=0.1)
        test_s = min(max(SHORTEST_TEST_S, 6 * slowest_s), LONGEST_TEST_S)
        self._limits = (test_s, min(BOOT_S, max(2.0, 2 * report.seconds)))
        for name, test in report.tests.items():
            if test.outcome == "passed":
                file = file_of(name)
                self._took[file] = self._took.get(file, 0.0) + test.seconds

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
        left: list[Proposal] = list(proposals)
        found: list[Trial] = []
        while left and (seconds_left := ends - time.monotonic()) > 0.5:
            quickly = [p for p in left if not self._is_unseen(p)]
            if not quickly:
                found += await self.slow.try_all(
                    left,
                    seconds=seconds_left,
                    stop_after=stop_after,
                    seconds_after_pass=seconds_after_pass,
                )
                break
            narrow = [] if whole else list(first)[:NARROW_TESTS]
            reports = await self._tried(
                quickly,
                narrow,
                seconds=seconds_left,
                stop_after=stop_after,
                seconds_after_pass=seconds_after_pass,
                whole=whole,
            )
            if not reports:
                if time.monotonic() > ends - seconds / 10:
                    break  # it had no time to begin
                self._unseen.update(path for p in quickly for path in p.files)
                continue  # what the runner cannot try goes the slow way
            trials = [trial_of(quickly[r.id], r) for r in reports if 0 <= r.id < len(quickly)]
            tried = {id(trial.proposal) for trial in trials}
            left = [p for p in left if id(p) not in tried]
            if any(trial.green for trial in trials):
                trials = await confirmed(self.slow, trials, seconds=seconds_after_pass)
            found += trials
            if any(trial.green for trial in trials):
                break
        return found

    def _is_unseen(self, proposal: Proposal) -> bool:
        new = [path for path in proposal.files if not (self._scratch.root / path).is_file()]
        return bool(new) or any(path in self._unseen for path in proposal.files)

    async def _tried(
        self,
        proposals: Sequence[Proposal],
        narrow: Sequence[str],
        *,
        seconds: float,
        stop_after: int,
        seconds_after_pass: float,
        whole: bool,
    ) -> list[Report]:
        """Return the reports, after a second attempt with files on the disk where none was read."""
        chosen = list(dict.fromkeys(file_of(name) for name in narrow))
        # The tests around the failing ones cost less than what may depend on their order.
        quick = sum(self._took.get(file, 0.0) for file in chosen) < QUICK_FILES_S
        named = all("::" in name for name in narrow)
        jobs = [
            Job(
                number,
                proposal.files,
                chosen=chosen or None,
                tests=list(narrow) if named and not quick else [],
                stop_at=0 if whole else 1,
            )
            for number, proposal in enumerate(proposals)
        ]
        canaries = await self._standing(proposals)
        found: list[Report] = []
        for _attempt in range(2):
            reports = await self._serve(
                jobs,
                seconds=seconds,
                canaries=canaries,
                stop_after=stop_after,
                seconds_after_pass=seconds_after_pass,
            )
            unseen = {report.unseen for report in reports if report.unseen}
            found += [report for report in reports if report.id >= 0]
            over = next((report.over for report in reports if report.over is not None), None)
            if over is not None and over.looked:
                self._light = over.light
                self._seen.update(canaries.keys() - unseen)
            if not unseen:
                break
            if self._on_disk:
                self._unseen |= unseen
                break
            self._on_disk = True
            jobs = [job for job in jobs if unseen & set(job.files)]
        return found

    async def _standing(self, proposals: Sequence[Proposal]) -> dict[str, Canary]:
        """Return what stands in files that are to change for the first time, and what runs it."""
        found: dict[str, Canary] = {}
        for path in dict.fromkeys(path for proposal in proposals for path in proposal.files):
            if path in self._seen:
                continue
            ran = [name for name, test in self._baseline.tests.items() if path in test.lines]
            chosen = list(dict.fromkeys(file_of(name) for name in ran))[:1]
            try:
                text = (await self._scratch.sandbox.read(Path(path))).decode()
            except (ToolError, UnicodeDecodeError):
                self._unseen.add(path)
            else:
                found[path] = Canary(text, chosen or None)
        return found

    async def fixes(self, proposal: Proposal) -> list[Proposal]:
        """Node proposes nothing."""
        return []

    async def aclose(self) -> None:
        """Nothing is held between calls."""

    async def _serve(
        self,
        jobs: list[Job],
        *,
        seconds: float,
        canaries: Mapping[str, Canary] | None = None,
        light: bool = True,
        stop_after: int = 0,
        seconds_after_pass: float = 5.0,
    ) -> list[Report]:
        if not jobs:
            return []
        test_s, load_s = self._limits
        work = Jobs(
            framework=self._plan.framework,
            arguments=list(self._plan.arguments),
            node_flags=list(self._plan.node_flags),
            env=dict(self._plan.env),
            trials=jobs,
            canaries=dict(canaries or {}),
            seconds=seconds,
            seconds_after_pass=seconds_after_pass,
            stop_after_passes=stop_after,
            on_disk=self._on_disk,
            light=light and self._light,
            expected={name: test.outcome for name, test in self._baseline.tests.items()},
            test_ms=1000 * test_s,
            load_ms=1000 * load_s,
            boot_ms=1000 * BOOT_S,
        )
        output = await run_injected(
            self._scratch.sandbox,
            ["node", RUNNER_NAME],
            {RUNNER_NAME: runner_source().encode(), JOBS_NAME: msgspec.json.encode(work)},
            env={**self.slow.command.env, "KODO_SEARCH": "server"},
            timeout_s=seconds + BOOT_S,
        )
        return read_reports(output)
