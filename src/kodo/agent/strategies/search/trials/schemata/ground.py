"""Tries proposals on compiled code: one build holds the bodies of many, each run chooses one.

Knows toolchains and combined files. Guards that what cannot be combined goes to the slower ground,
and that a pass is believed only once the project's own command has passed for that proposal alone.
"""

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from anyio import CancelScope

from kodo.agent.projects.testreport import FailingTest
from kodo.agent.projects.testruns import parse_test_run
from kodo.agent.strategies.search.trials.command import CommandGround
from kodo.agent.strategies.search.trials.confirm import confirmed
from kodo.agent.strategies.search.trials.ground import Baseline, Coverage
from kodo.agent.strategies.search.trials.proposal import Proposal, Trial
from kodo.agent.strategies.search.trials.schemata.combine import Bases, Change, batches
from kodo.agent.strategies.search.trials.schemata.dialect import TRAP
from kodo.agent.strategies.search.trials.schemata.script import (
    MARK,
    SCRIPT_NAME,
    Limits,
    Run,
    read_runs,
    variants_script,
)
from kodo.agent.strategies.search.trials.schemata.toolchain import Build, Toolchain, Workshop
from kodo.base.errors import ToolError
from kodo.base.text import repair_utf8
from kodo.core.sandbox import Scratch

FIRST_BATCH = 40
LATER_BATCH = 240
FEWEST = 3
MOST_ROUNDS = 12
NARROW_TESTS = 4
LONGEST_BUILD_S = 60.0
LONGEST_RUN_S = 30
COVERAGE_LEAST_S = 10.0
ENDLESS = "TestTimeout: the test does not end"
KILLED = {137, 152}


class SchemataGround:
    """See `Ground`; dozens of trials for one build."""

    __slots__ = ("_baseline", "_hopeless", "_run_s", "_scratch", "_tools", "_workshop", "slow")

    def __init__(self, scratch: Scratch, tools: Toolchain, slow: CommandGround) -> None:
        self._scratch = scratch
        self._tools = tools
        self._workshop = Workshop(scratch, slow.command.env)
        self._hopeless = False
        self._run_s = 0
        self._baseline = Trial(Proposal({}, "baseline"))
        self.slow = slow

    @property
    def fast(self) -> bool:
        """Whether builds can be shared: a trial then costs a few hundredths of a second."""
        return not self._hopeless

    async def measure(self, proposal: Proposal, *, seconds: float) -> Baseline:
        """See `Ground`. What each test runs is measured where some fail."""
        ends = time.monotonic() + seconds
        trial = (await self.slow.measure(proposal, seconds=seconds)).trial
        coverage: tuple[Coverage, ...] = ()
        if not trial.green and not trial.broken and not proposal.files:
            left_s = max(COVERAGE_LEAST_S, ends - time.monotonic())
            try:
                coverage = await self._tools.coverage(self._workshop, left_s)
            except ToolError:
                coverage = ()  # where each test runs is not known then
        failing = [one.test for one in coverage if not one.passed]
        if trial.timed_out and failing:
            hung = tuple(FailingTest(name, message=ENDLESS) for name in failing)
            passed = len(coverage) - len(failing)
            trial = replace(trial, passed=passed, failed=len(hung), failing=hung)
        self._baseline = trial
        return Baseline(trial, coverage)

    async def fixes(self, proposal: Proposal) -> list[Proposal]:
        """See `Ground`."""
        return await self.slow.fixes(proposal)

    async def aclose(self) -> None:
        """Nothing is held between calls."""

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
        texts = await self._workshop.read(
            (path for p in proposals for path in p.files), self._tools.dialect.endings
        )
        bases = Bases(texts, self._tools.dialect)
        changes = [(n, bases.change_of(p)) for n, p in enumerate(proposals, 1)]
        shared = [(number, change) for number, change in changes if change is not None]
        found: dict[int, Trial] = {}
        narrow = [] if whole else list(first)[:NARROW_TESTS]
        if len(shared) >= FEWEST and not self._hopeless:
            for batch in batches(shared, FIRST_BATCH, LATER_BATCH):
                left_s = ends - time.monotonic()
                if left_s < 1.0 or self._hopeless:
                    break
                trials = await self._batch(
                    batch,
                    bases,
                    proposals,
                    narrow,
                    seconds=left_s,
                    stop_after=stop_after,
                    seconds_after_pass=seconds_after_pass,
                )
                if any(trial.green for trial in trials.values()):
                    sure = await confirmed(
                        self.slow, list(trials.values()), seconds=seconds_after_pass
                    )
                    trials = dict(zip(trials, sure, strict=True))
                found.update(trials)
                if any(trial.green for trial in trials.values()):
                    return [found[number] for number in sorted(found)]
        left = [p for n, p in enumerate(proposals, 1) if n not in found]
        seconds_left = ends - time.monotonic()
        alone = self._hopeless or len(shared) < FEWEST
        if left and seconds_left > 1.0 and (alone or len(left) <= len(proposals) - len(shared)):
            rest = await self.slow.try_all(
                left,
                seconds=seconds_left,
                stop_after=stop_after,
                seconds_after_pass=seconds_after_pass,
            )
            return [*(found[number] for number in sorted(found)), *rest]
        return [found[number] for number in sorted(found)]

    async def _batch(
        self,
        batch: Mapping[int, Change],
        bases: Bases,
        proposals: Sequence[Proposal],
        narrow: Sequence[str],
        *,
        seconds: float,
        stop_after: int,
        seconds_after_pass: float,
    ) -> dict[int, Trial]:
        """Return what came of the proposals of one build, by their number."""
        ends = time.monotonic() + seconds
        found: dict[int, Trial] = {}
        left = dict(batch)
        try:
            build = await self._build(left, bases, proposals, found, ends)
            if build is None or not left:
                return found
            if not self._run_s and not await self._stands(build, narrow):
                self._hopeless = True
                return found
            limits = Limits(
                self._run_s,
                LONGEST_RUN_S,
                max(1, round(ends - time.monotonic())),
                stop_after,
                round(seconds_after_pass),
                self._tools.memory_kib,
            )
            runs = await self._run(build, list(left), narrow, limits)
        except ToolError:
            self._hopeless = True
            return found
        finally:
            with CancelScope(shield=True):
                await self._workshop.write(bases.texts)
        for run in runs:
            found[run.variant] = self._trial(proposals[run.variant - 1], run)
        return found

    async def _stands(self, build: Build, narrow: Sequence[str]) -> bool:
        """Tell whether what stands there comes out as the command had it, and choosing works.

        Sets the time limit of a run.
        """
        hangs = self._baseline.timed_out
        limits = Limits(
            2 if hangs else LONGEST_RUN_S, LONGEST_RUN_S, 1, memory_kib=self._tools.memory_kib
        )
        runs = {r.variant: r for r in await self._run(build, [0, TRAP], narrow, limits)}
        if 0 not in runs or TRAP not in runs:
            return False
        plain, trapped = runs[0], runs[TRAP]
        self._run_s = max(1, min(LONGEST_RUN_S, round(4 * plain.milliseconds / 1000)))
        if _mark(plain) == _mark(trapped):
            return False  # the tests run none of these functions, or nothing was chosen
        killed = plain.exit_code in KILLED
        if hangs:
            return killed
        return not killed and (plain.exit_code == 0) == self._baseline.green

    async def _build(
        self,
        left: dict[int, Change],
        bases: Bases,
        proposals: Sequence[Proposal],
        found: dict[int, Trial],
        ends: float,
    ) -> Build | None:
        """Build what compiles of `left`; what does not goes from there to `found`.

        None where it cannot be built at all, or not in time. Raises ToolError.
        """
        for _round in range(MOST_ROUNDS):
            left_s = ends - time.monotonic()
            if not left or left_s < 0.5:
                return None
            combined = bases.combine(left)
            await self._workshop.write(combined.texts)
            build = await self._tools.build(self._workshop, min(left_s, LONGEST_BUILD_S))
            if build is None:
                return None
            if build.made:
                self._hopeless = not self._tools.whole(build, self._baseline)
                return None if self._hopeless else build
            bad: dict[int, str] = {}
            for error in build.errors:
                variants = (combined.variant_at(path, line) for path, line in error.places)
                variant = next((variant for variant in variants if variant), 0)
                if variant:
                    bad.setdefault(variant, error.text)
            if not bad:
                self._hopeless = True  # the files do not bear what was put around the bodies
                return None
            for variant, text in bad.items():
                left.pop(variant, None)
                found[variant] = Trial(proposals[variant - 1], broken=text[:1500], whole=False)
        return None

    async def _run(
        self, build: Build, variants: Sequence[int], narrow: Sequence[str], limits: Limits
    ) -> list[Run]:
        chosen = self._tools.narrow(build, self._baseline, narrow) if narrow else []
        whole = self._tools.whole(build, self._baseline)
        script = variants_script(variants, chosen, whole, limits)
        result = await self._workshop.script(SCRIPT_NAME, script, limits.all_s + 2.0 * limits.run_s)
        return read_runs(result.output) if MARK.encode() in result.output else []

    def _trial(self, proposal: Proposal, run: Run) -> Trial:
        text = repair_utf8(run.output)
        test_run = parse_test_run(text, exit_code=run.exit_code, root=self._scratch.root)
        hung = run.exit_code in KILLED
        return Trial(
            proposal,
            passed=test_run.passed,
            failed=test_run.failed + test_run.errors,
            failing=test_run.failing,
            timed_out=hung,
            green=run.exit_code == 0
            and not run.narrow
            and (test_run.passed > 0 or not test_run.runner),
            whole=not run.narrow,
            seconds=run.milliseconds / 1000,
        )


def _mark(run: Run) -> tuple[int, bytes]:
    """Return what two runs have in common that came to the same, without their numbers."""
    return run.exit_code, re.sub(rb"[\d.]+", b"", run.output)
