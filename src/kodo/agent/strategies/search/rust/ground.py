"""Tries proposals on Rust tests: one build holds the bodies of many, each run chooses one.

Knows cargo and combined files. Guards that what cannot be combined goes to the slower ground, and
that a pass is believed only once `cargo test` has passed for that proposal alone.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from anyio import CancelScope

from kodo.agent.projects.testreport import FailingTest
from kodo.agent.projects.testruns import parse_test_run
from kodo.agent.strategies.search.command_ground import CommandGround
from kodo.agent.strategies.search.confirm import confirmed
from kodo.agent.strategies.search.ground import Baseline, Coverage
from kodo.agent.strategies.search.proposal import Proposal, Trial
from kodo.agent.strategies.search.rust.cargo import Build, CargoPlan, Program, read_build
from kodo.agent.strategies.search.rust.combine import Bases, Change, batches
from kodo.agent.strategies.search.rust.probes import VARIABLE, probe, read_coverage
from kodo.agent.strategies.search.rust.script import (
    MARK,
    SCRIPT_NAME,
    Limits,
    Run,
    call,
    coverage_script,
    read_runs,
    variants_script,
)
from kodo.base.errors import SandboxError, ToolError
from kodo.base.text import repair_utf8
from kodo.core.sandbox import ExecResult, Scratch

FIRST_BATCH = 40
LATER_BATCH = 240
FEWEST = 3
MOST_ROUNDS = 12
NARROW_TESTS = 4
LONGEST_BUILD_S = 60.0
LONGEST_RUN_S = 30
COVERAGE_TEST_S = 2
MOST_SOURCES = 200
ENDLESS = f"TestTimeout: the test ran longer than {COVERAGE_TEST_S} s"
KILLED = {137, 152}
MOST_OUTPUT_BYTES = 64 << 20


class RustGround:
    """See `Ground`; dozens of trials for one build."""

    __slots__ = ("_baseline", "_hopeless", "_plan", "_run_s", "_scratch", "slow")

    def __init__(self, scratch: Scratch, plan: CargoPlan, slow: CommandGround) -> None:
        self._scratch = scratch
        self._plan = plan
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
            coverage = await self._coverage(max(10.0, ends - time.monotonic()))
        failing = [one.test for one in coverage if not one.passed]
        if trial.timed_out and failing:
            hung = tuple(FailingTest(name, message=ENDLESS) for name in failing)
            passed = len(coverage) - len(failing)
            trial = replace(trial, passed=passed, failed=len(hung), failing=hung)
        self._baseline = trial
        return Baseline(trial, coverage)

    async def _coverage(self, seconds: float) -> tuple[Coverage, ...]:
        """Return what each test ran, empty where that cannot be measured."""
        ends = time.monotonic() + seconds
        root = self._scratch.root
        paths = [str(path.relative_to(root)) for path in sorted((root / "src").rglob("*.rs"))]
        texts = await self._read(paths[:MOST_SOURCES])
        probed = probe(texts)
        if not probed.places:
            return ()
        try:
            await self._write(probed.texts)
            result = await self._execute(self._plan.build, min(seconds, LONGEST_BUILD_S))
            build = read_build(result.output, result.exit_code)
            left_s = ends - time.monotonic()
            if not build.made or left_s < 1:
                return ()
            limits = Limits(COVERAGE_TEST_S, 4 * COVERAGE_TEST_S, round(left_s))
            script = coverage_script(build.programs, self._plan.words, limits, VARIABLE)
            await self._scratch.sandbox.write(Path(SCRIPT_NAME), script.encode())
            result = await self._execute(("bash", SCRIPT_NAME), left_s + 4 * COVERAGE_TEST_S)
            return read_coverage(result.output, probed)
        except ToolError:
            return ()
        finally:
            with CancelScope(shield=True):
                await self._write(texts)

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
        """See `Ground`. What is green here has passed `cargo test` by itself too."""
        ends = time.monotonic() + seconds
        bases = Bases(await self._read(path for p in proposals for path in p.files))
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

    async def _read(self, paths: Iterable[str]) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for path in dict.fromkeys(paths):
            if path.endswith(".rs") and (self._scratch.root / path).is_file():
                with suppress(ToolError):
                    found[path] = await self._scratch.sandbox.read(Path(path))
        return found

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
            if not self._run_s and not await self._stands(build.programs, narrow):
                self._hopeless = True
                return found
            limits = Limits(
                self._run_s,
                LONGEST_RUN_S,
                max(1, round(ends - time.monotonic())),
                stop_after,
                round(seconds_after_pass),
            )
            runs = await self._run(build.programs, list(left), narrow, limits)
        except ToolError:
            self._hopeless = True
            return found
        finally:
            with CancelScope(shield=True):
                await self._write(bases.texts)
        for run in runs:
            found[run.variant] = self._trial(proposals[run.variant - 1], run)
        return found

    async def _stands(self, programs: Sequence[Program], narrow: Sequence[str]) -> bool:
        """Tell whether what stands there comes out as `cargo test` had it; sets the time limit."""
        hangs = self._baseline.timed_out
        limits = Limits(2 if hangs else LONGEST_RUN_S, LONGEST_RUN_S, 1)
        runs = await self._run(programs, [0], narrow, limits)
        if not runs:
            return False
        self._run_s = max(1, min(LONGEST_RUN_S, round(4 * runs[0].milliseconds / 1000)))
        killed = runs[0].exit_code in KILLED
        if hangs:
            return killed
        return not killed and (runs[0].exit_code == 0) == self._baseline.green

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
            await self._write(combined.texts)
            result = await self._execute(self._plan.build, min(left_s, LONGEST_BUILD_S))
            if result.timed_out:
                return None
            build = read_build(result.output, result.exit_code)
            if build.made:
                self._hopeless = not build.programs
                return build if build.programs else None
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
        self,
        programs: Sequence[Program],
        variants: Sequence[int],
        narrow: Sequence[str],
        limits: Limits,
    ) -> list[Run]:
        words = list(self._plan.words)
        ordered = sorted(programs, key=lambda program: not self._fails_in(program))
        chosen = [call(program, [*words, "--exact", *narrow]) for program in ordered[:1]]
        whole = [call(program, words) for program in ordered]
        script = variants_script(variants, chosen if narrow else [], whole, limits)
        await self._scratch.sandbox.write(Path(SCRIPT_NAME), script.encode())
        result = await self._execute(("bash", SCRIPT_NAME), limits.all_s + 2.0 * limits.run_s)
        return read_runs(result.output) if MARK.encode() in result.output else []

    def _fails_in(self, program: Program) -> bool:
        """Tell whether the failing tests stand in a program's main source."""
        files = {frame.path for test in self._baseline.failing for frame in test.frames[:1]}
        files |= {test.file for test in self._baseline.failing}
        return any(file and program.source.endswith(f"/{file}") for file in files)

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
            green=run.exit_code == 0 and not run.narrow and test_run.passed > 0,
            whole=not run.narrow,
            seconds=run.milliseconds / 1000,
        )

    async def _execute(self, command: Sequence[str], timeout_s: float) -> ExecResult:
        return await self._scratch.sandbox.exec(
            list(command),
            env=self.slow.command.env,
            timeout_s=max(1.0, timeout_s),
            max_output_bytes=MOST_OUTPUT_BYTES,
        )

    async def _write(self, texts: Mapping[str, bytes]) -> None:
        for path, text in texts.items():
            try:
                await self._scratch.sandbox.write(Path(path), text)
            except ToolError as error:
                raise SandboxError(f"the tests spoiled the scratch copy: {error}") from error
