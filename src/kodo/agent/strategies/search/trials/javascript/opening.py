"""Open the quick ground of a JavaScript project where it tells the same as the project's command.

Knows both grounds. Guards that a runner which sees other tests, or other outcomes, is not used.
"""

import re
from pathlib import Path

from kodo.agent.projects.testcommand import TestCommand
from kodo.agent.strategies.search.trials.command import CommandGround
from kodo.agent.strategies.search.trials.ground import Baseline, Ground
from kodo.agent.strategies.search.trials.javascript.ground import JavascriptGround
from kodo.agent.strategies.search.trials.javascript.plan import JavascriptPlan, plan_javascript
from kodo.agent.strategies.search.trials.proposal import Proposal, Trial
from kodo.base.errors import ToolError
from kodo.core.sandbox import Scratch

LANGUAGES = ("javascript", "typescript", "tsx")


async def plan_for(scratch: Scratch, command: TestCommand) -> JavascriptPlan | None:
    """Return how the runner would stand in for `command` in this copy, or None."""
    if command.language not in LANGUAGES:
        return None
    try:
        package = (await scratch.sandbox.read(Path("package.json"))).decode("utf-8", "replace")
    except ToolError:
        package = ""
    return plan_javascript(command, package)


async def open_javascript(
    scratch: Scratch, plan: JavascriptPlan, command: TestCommand, *, seconds: float
) -> tuple[Ground, Baseline]:
    """Return the quick ground, or the slow one where they disagree, and how the tests stand."""
    slow = CommandGround(scratch, command)
    nothing = Proposal({}, "baseline")
    fast = JavascriptGround(scratch, plan, slow)
    baseline = await fast.measure(nothing, seconds=seconds)
    if hangs(baseline.trial):
        return fast, baseline  # so would the command
    plainly = await slow.measure(nothing, seconds=seconds)
    if agree(plan, baseline.trial, plainly.trial):
        return fast, baseline
    return slow, plainly


def hangs(trial: Trial) -> bool:
    """Tell whether a test never ends."""
    return any(test.message.startswith("TestTimeout") for test in trial.failing)


def agree(plan: JavascriptPlan, fast: Trial, plainly: Trial) -> bool:
    """Tell whether both ways found the same tests to fail."""
    if plan.framework == "plain":
        return not fast.broken and fast.green == plainly.green
    if not fast.passed and not fast.failing:
        return False
    if (fast.passed, fast.failed) == (plainly.passed, plainly.failed):
        return True
    if not fast.passed and not plainly.passed:
        return bool(fast.broken) and not plainly.green
    return fast.green == plainly.green and _leaves(fast) == _leaves(plainly)


def _leaves(trial: Trial) -> set[str]:
    """Return the last words of the failing tests' names, which every runner shows alike."""
    return {words[-1] for test in trial.failing if (words := re.findall(r"\w+", test.name))}
