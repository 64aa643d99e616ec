"""The search strategy: understand, reproduce, search in scratch copies, write once, prove.

Knows the order of the steps only; each idea has its own file. Guards that the user's tree is
touched once, at the end, and never left worse than it was.
"""

from contextlib import AsyncExitStack

from anyio import to_thread

from kodo.agent.agent import Agent, Ending
from kodo.agent.inbox import Inbox
from kodo.agent.journal import Journal
from kodo.agent.projects.project import detect_project, probe_tools
from kodo.agent.projects.testcommand import TestCommand
from kodo.agent.strategies.search.answer import answer_question
from kodo.agent.strategies.search.case.allowance import Allowance
from kodo.agent.strategies.search.case.case import Case
from kodo.agent.strategies.search.case.speaker import Speaker
from kodo.agent.strategies.search.case.understand import understand
from kodo.agent.strategies.search.ending.deliver import (
    close,
    count_text,
    deliver_proven,
    deliver_unproven,
    failed,
    shown,
)
from kodo.agent.strategies.search.faults.examples import modules_of
from kodo.agent.strategies.search.faults.localise import rank_suspects
from kodo.agent.strategies.search.faults.reproduce import ask_for_checks
from kodo.agent.strategies.search.grounds import NOTHING, Grounds
from kodo.agent.strategies.search.repair import repair
from kodo.agent.strategies.search.trials.ground import Baseline, Ground
from kodo.agent.strategies.search.trials.proposal import Proposal, Trial, changed_characters
from kodo.agent.strategies.search.unproven import breaks, draft_unproven, repair_unproven
from kodo.agent.strategies.search.writing.draft import draft
from kodo.agent.strategies.search.writing.program import write_program
from kodo.base.errors import LimitReached
from kodo.core.messages import Text, User

NOT_ISOLATED = (
    "not isolated: the tests and the candidates run with your own rights, in a throw-away copy"
)


class SearchStrategy:
    """Drives a small model by verified search. See `kodo.agent.agent.Strategy`."""

    @property
    def name(self) -> str:
        """`search`."""
        return "search"

    async def run(self, agent: Agent, journal: Journal, inbox: Inbox) -> Ending:
        """Work until a proposal passes the tests or the time is out. See `Strategy.run`."""
        allowance = Allowance(agent.budget)
        task = task_text(journal)
        tools = await probe_tools(agent.sandbox)
        project = await to_thread.run_sync(
            lambda: detect_project(
                agent.workspace,
                which=tools.which,
                python_modules=tools.python_modules,
                task=task,
            )
        )
        understanding = await to_thread.run_sync(understand, agent.workspace, task, project)
        speaker = Speaker(agent, journal, allowance)
        case = Case(agent, journal, inbox, allowance, speaker, understanding)
        async with AsyncExitStack() as stack:
            grounds = Grounds(case, stack)
            if understanding.kind == "answer":
                return await answer_question(case)
            if "write_outside_denied" not in agent.sandbox.guarantees:
                await case.warn(NOT_ISOLATED)
            if understanding.kind == "create":
                return await _create(case, grounds)
            command = next((c for c in project.test_commands if c.available), None)
            return await _change(case, grounds, command)


def task_text(journal: Journal) -> str:
    """Return the newest user message of the thread, or ""."""
    for message in reversed(journal.thread.messages()):
        if isinstance(message, User):
            return "".join(part.text for part in message.parts if isinstance(part, Text))
    return ""


async def _change(case: Case, grounds: Grounds, command: TestCommand | None) -> Ending:
    """Repair or implement, against the project's tests where there are any."""
    if command is None or not case.understanding.tests:
        return await _without_tests(case, grounds)
    ground, baseline = await grounds.open(command)
    first = baseline.trial
    await case.note(f"running {shown(command)}: {count_text(first)}")
    if first.green:
        await case.note("the tests pass already; working from the task's words and examples")
        return await _without_tests(case, grounds, command)
    found: Trial | None = None
    spent: LimitReached | None = None
    try:
        if case.understanding.kind == "implement" and (path := target_of(case)) is not None:
            case.best = None
            found = await draft(case, path, ground)
        else:
            found = await repair(case, ground, baseline)
    except LimitReached as error:
        spent = error  # what was found before it may still be worth keeping
    if found is None and case.understanding.kind == "implement":
        found = _worth_keeping(case, first)
    if found is None and spent is not None:
        raise spent
    if found is None:
        return await close(case, failed(case, first))
    return await deliver_proven(case, command, found)


def _worth_keeping(case: Case, before: Trial) -> Trial | None:
    """Return the best draft where it passes more tests than the stub did and breaks none."""
    best = case.best
    if best is None or best.passed <= before.passed or breaks(best, before):
        return None
    return best


async def _without_tests(
    case: Case, grounds: Grounds, command: TestCommand | None = None
) -> Ending:
    """Repair or implement where nothing but the task's own examples can prove the result."""
    known = case.understanding
    ground, baseline = await grounds.open_examples(command)
    if baseline.trial.passed or baseline.trial.failed:
        await case.note(f"examples from the task and the docs: {count_text(baseline.trial)}")
    path = target_of(case) if known.kind == "implement" else None
    if known.kind == "repair" and not baseline.trial.failed:
        written = await _written(case, grounds, command)
        if written is not None:
            ground, baseline = written
    if ground is not None and baseline.trial.failed:
        trial = await draft(case, path, ground) if path else await repair(case, ground, baseline)
    elif path is not None:
        trial = await draft_unproven(case, path, ground, baseline)
    else:
        trial = await repair_unproven(case, ground, baseline)
    if trial is None and path is not None:
        trial = case.best
    if trial is None:
        return await close(case, failed(case, baseline.trial))
    return await deliver_unproven(case, command, trial)


async def _written(
    case: Case, grounds: Grounds, command: TestCommand | None
) -> tuple[Ground, Baseline] | None:
    """Have the model write what the task describes as a check; only what fails now is kept."""
    path = suspected_file(case)
    if path is None or not path.endswith(".py"):
        return None
    await case.note(f"asking for a test of {path} that shows the problem")
    checks = await ask_for_checks(case, path, modules_of(case.understanding.sources))
    opened = await grounds.open_written(command, checks) if checks else None
    if opened is None:
        await case.note(f"none of {len(checks)} written tests shows it")
        return None
    await case.note(f"{opened[1].trial.failed} written tests show the problem")
    return opened


def suspected_file(case: Case) -> str | None:
    """Return the source that the task is about: named, or whose functions it names."""
    known = case.understanding
    named = [path for path in known.named if path in known.sources]
    if named:
        return named[0]
    suspects = rank_suspects(known.suspected(), Baseline(Trial(NOTHING)), task=known.task)
    return suspects[0].path if suspects else None


async def _create(case: Case, grounds: Grounds) -> Ending:
    """Write new files, run them once, and say what was not verified."""
    scratch = await grounds.scratch()
    files, smoke = await write_program(case, scratch)
    if not files:
        return await close(case, Ending("failed", "No program came of it; no file was written."))
    size = sum(changed_characters("", text) for text in files.values())
    proposal = Proposal(files, "program", size=size)
    return await deliver_unproven(case, None, Trial(proposal), smoke=smoke)


def target_of(case: Case) -> str | None:
    """Return the file that an implementation goes into, or None where there is none to see."""
    known = case.understanding
    for path in (*known.stubs, *(path for path in known.named if path in known.sources)):
        return path
    return next(iter(known.sources)) if len(known.sources) == 1 else None
