"""Open the ground that fits: by language, else one that runs the test command itself.

Knows scratch copies and commands. Guards that scratch copies are removed when the search ends.
"""

from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path

from kodo.agent.projects.testcommand import TestCommand
from kodo.agent.strategies.search.case.case import Case
from kodo.agent.strategies.search.faults.examples import (
    EXAMPLES_FILE,
    examples_test,
    find_examples,
    modules_of,
)
from kodo.agent.strategies.search.faults.reproduce import WRITTEN_FILE, checks_test, showing
from kodo.agent.strategies.search.trials.command import CommandGround
from kodo.agent.strategies.search.trials.ground import Baseline, Ground
from kodo.agent.strategies.search.trials.javascript.opening import open_javascript, plan_for
from kodo.agent.strategies.search.trials.proposal import Proposal, Trial
from kodo.agent.strategies.search.trials.python.ground import PythonGround, PythonPlan, plan_python
from kodo.agent.strategies.search.trials.ruby.ground import RubyGround
from kodo.agent.strategies.search.trials.ruby.plan import plan_ruby
from kodo.agent.strategies.search.trials.schemata.ground import SchemataGround
from kodo.agent.strategies.search.trials.toolchains import toolchain_for
from kodo.base.errors import ToolError
from kodo.core.sandbox import Scratch

MEASURE_S = 40.0
NOTHING = Proposal({}, "baseline")


class Grounds:
    """The grounds of one case; `stack` closes what was opened."""

    __slots__ = ("_case", "_own_tests", "_scratch", "_stack")

    def __init__(self, case: Case, stack: AsyncExitStack) -> None:
        self._case = case
        self._stack = stack
        self._scratch: Scratch | None = None
        self._own_tests: list[str] = []

    async def scratch(self) -> Scratch:
        """Return the scratch copy, made on first use. Raises SandboxError."""
        if self._scratch is None:
            self._scratch = await self._case.agent.open_scratch()
            self._stack.push_async_callback(self._scratch.aclose)
        return self._scratch

    async def open(self, command: TestCommand) -> tuple[Ground, Baseline]:
        """Return the fastest ground that can run the tests, and how they stand now."""
        scratch = await self.scratch()
        seconds = self._case.allowance.slice_s(0.3, MEASURE_S)
        if command.language in ("python", "") and (plan := plan_python(command)) is not None:
            fast = PythonGround(scratch, plan, dict(command.env))
            baseline = await fast.measure(NOTHING, seconds=seconds)
            trial = baseline.trial
            names = {name.split("::")[0] for name in trial.passed_names if "::" in name}
            self._own_tests = sorted(names)
            if trial.passed or trial.timed_out or (trial.failed and not trial.broken):
                return fast, baseline
            # Nothing ran: either the code cannot be loaded, or our runner cannot serve here.
            slow = CommandGround(scratch, command)
            plainly = await slow.measure(NOTHING, seconds=seconds)
            if trial.failed and not plainly.trial.passed:
                return fast, baseline
            return slow, plainly
        if (quick := await plan_for(scratch, command)) is not None:
            return await open_javascript(scratch, quick, command, seconds=seconds)
        slow = CommandGround(scratch, command)
        if command.language == "ruby" and (ruby := plan_ruby(command)) is not None:
            forks = RubyGround(scratch, ruby, slow)
            return forks, await forks.measure(NOTHING, seconds=seconds)
        if (tools := toolchain_for(command)) is not None:
            shared = SchemataGround(scratch, tools, slow)
            return shared, await shared.measure(NOTHING, seconds=seconds)
        return slow, await slow.measure(NOTHING, seconds=seconds)

    async def open_examples(self, command: TestCommand | None) -> tuple[Ground | None, Baseline]:
        """Return a ground of the examples that the task and the docs state, or None.

        The project's own tests run with them where there are any, so that nothing breaks.
        """
        case = self._case
        known = case.understanding
        empty = Baseline(Trial(NOTHING))
        sources = {path: text for path, text in known.sources.items() if path.endswith(".py")}
        found = find_examples(known.task, sources, known.document)
        if not found:
            return await self.open(command) if command is not None else (None, empty)
        scratch = await self.scratch()
        test = examples_test(found, modules_of(sources))
        try:
            await scratch.sandbox.write(Path(EXAMPLES_FILE), test.encode())
        except ToolError:
            return (await self.open(command)) if command is not None else (None, empty)
        known.tests[EXAMPLES_FILE] = test
        plan = plan_python(command) if command is not None else None
        environment = dict(command.env) if command is not None else {}
        slow: tuple[Ground, Baseline] | None = None
        for examples_plan in examples_plans(plan, self._own_tests):
            ground = PythonGround(scratch, examples_plan, environment)
            baseline = await ground.measure(NOTHING, seconds=MEASURE_S)
            if baseline.trial.passed or baseline.trial.failed:
                return ground, baseline
            if baseline.trial.timed_out and slow is None:
                slow = ground, baseline  # the examples alone may still be quick enough
        return slow or (None, empty)

    async def open_written(
        self, command: TestCommand | None, checks: list[str]
    ) -> tuple[Ground, Baseline] | None:
        """Return a ground of those checks that show the fault, or None where none does."""
        case = self._case
        plan = plan_python(command) if command is not None else None
        environment = dict(command.env) if command is not None else {}
        scratch = await self.scratch()
        kept = checks
        # Examples that pass tell, by what they cover, where the fault is not.
        files = [
            WRITTEN_FILE,
            *([EXAMPLES_FILE] if EXAMPLES_FILE in case.understanding.tests else []),
        ]
        for again in (False, True):
            test = checks_test(kept)
            try:
                await scratch.sandbox.write(Path(WRITTEN_FILE), test.encode())
            except ToolError:
                return None
            case.understanding.tests[WRITTEN_FILE] = test
            for written_plan in examples_plans(plan, self._own_tests, files):
                ground = PythonGround(scratch, written_plan, environment)
                baseline = await ground.measure(NOTHING, seconds=MEASURE_S)
                if again and baseline.trial.failed:
                    return ground, baseline
                if baseline.trial.passed or baseline.trial.failed:
                    kept = showing(kept, baseline.trial, case.understanding.task)
                    break
            if not kept:
                break
        case.understanding.tests.pop(WRITTEN_FILE, None)
        with suppress(ToolError):
            await scratch.sandbox.write(Path(WRITTEN_FILE), None)
        return None


def examples_plans(
    plan: PythonPlan | None,
    own_tests: Sequence[str],
    files: Sequence[str] = (EXAMPLES_FILE,),
) -> list[PythonPlan]:
    """Return the ways to run the examples, best first: with the project's own tests, then alone.

    `own_tests` are the files of the tests that pass already, which pytest must be told by name.
    """
    modules = [file.removesuffix(".py") for file in files]
    python = plan.python if plan is not None else "python3"
    alone = [PythonPlan(python, "pytest", [*files]), PythonPlan(python, "unittest", modules)]
    if plan is None:
        return alone
    if plan.framework == "unittest":
        own = [*modules, *(plan.selection or ["discover"])]
    else:
        own = [*files, *(plan.selection or own_tests)]
    return [PythonPlan(python, plan.framework, own, plan.source), *alone]
