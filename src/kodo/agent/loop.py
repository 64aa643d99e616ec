"""One run: from the task to RunEnded, whatever happens in between.

Every face reads the same events; every call gets exactly one result; what ends a run early
becomes its outcome. The only place that turns errors into outcomes.
"""

import logging

import anyio

from kodo.agent.agent import Agent, Ending, Strategy
from kodo.agent.hooking import run_hooks
from kodo.agent.inbox import Inbox
from kodo.agent.journal import Journal
from kodo.base.errors import (
    KodoError,
    LimitReached,
    ModelError,
    Refused,
    StoreError,
)
from kodo.core.check import Change
from kodo.core.diff import changed_paths
from kodo.core.events import RunEnded, RunOutcome, RunStarted, SnapshotTaken
from kodo.core.messages import Text, ToolCall, ToolResult, User, user

logger = logging.getLogger(__name__)

INTERRUPTED = "interrupted before it ended; its effects may be partial"


async def run(
    agent: Agent,
    strategy: Strategy,
    journal: Journal,
    inbox: Inbox,
    task: User | None,
    version: str,
) -> RunEnded:
    """Carry out `task` and return the last event of the run.

    Without a task the run goes on from what the thread's head is. Cancellation records the outcome
    `interrupted` and is raised again. Raises StoreError where the log itself cannot be written.
    """
    await journal.record(
        RunStarted(
            task=_text(task),
            model=agent.model.info.id,
            strategy=strategy.name,
            cwd=str(agent.workspace),
            sandbox=agent.sandbox.name,
            kodo_version=version,
        )
    )
    before: str | None = None
    try:
        await close_open_calls(journal)  # what a crash left, told within this run
        before = await agent.snapshots.take()
        await journal.record(SnapshotTaken(before, "before"))
        if task is not None:
            await journal.add(task)
        ending = await _begin(agent, journal)
        if ending is None:
            ending = await _pursue(agent, strategy, journal, inbox)
    except BaseException as error:
        with anyio.CancelScope(shield=True):
            await _close(agent, journal, _cut_off(error), before)
        raise
    # Shielded too: a Ctrl-C during the closing snapshot must not leave a run without its end.
    with anyio.CancelScope(shield=True):
        return await _close(agent, journal, ending, before)
    raise AssertionError("nothing cancels a shielded scope")


def _text(task: User | None) -> str:
    parts = () if task is None else task.parts
    return "".join(part.text for part in parts if isinstance(part, Text))


async def _begin(agent: Agent, journal: Journal) -> Ending | None:
    """Let the hooks of a session's start speak once; an ending where one of them denies."""
    if agent.hooks.begun:
        return None
    said = await run_hooks(agent, journal, "session_start")
    if said.denied:
        return Ending("denied", "", reason=f"not started: {said.denied}")
    agent.hooks.begun = True
    for text in said.texts:
        await journal.add(user(text))
    return None


async def _pursue(agent: Agent, strategy: Strategy, journal: Journal, inbox: Inbox) -> Ending:
    try:
        return await strategy.run(agent, journal, inbox)
    except LimitReached as error:
        return Ending("limit", "", reason=str(error), limit=error.limit)
    except Refused as error:
        return Ending("failed", "", reason=str(error))
    except StoreError:
        raise
    except KodoError as error:
        return Ending("broken", "", reason=str(error))
    except ExceptionGroup as group:
        return _from_group(group)
    except Exception as error:  # the loop border
        logger.exception("the run broke")
        return Ending("broken", "", reason=f"{type(error).__name__}: {error}")


def _cut_off(error: BaseException) -> Ending:
    """Return the ending of a run that did not come to its own end."""
    if isinstance(error, KodoError):
        return Ending("broken", "", reason=str(error))
    return Ending("interrupted", "", reason="interrupted")


def _from_group(group: "ExceptionGroup[Exception]") -> Ending:
    """Return the ending for errors that came out of a task group, the most telling first."""
    flat: list[BaseException] = []
    stack: list[BaseException] = [group]
    while stack:
        error = stack.pop()
        if isinstance(error, BaseExceptionGroup):
            stack.extend(error.exceptions)  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]
        else:
            flat.append(error)
    for error in flat:
        if isinstance(error, LimitReached):
            return Ending("limit", "", reason=str(error), limit=error.limit)
    for error in flat:
        if isinstance(error, ModelError | KodoError):
            return Ending("broken", "", reason=str(error))
    logger.error("the run broke", exc_info=group)
    return Ending("broken", "", reason="; ".join(f"{type(e).__name__}: {e}" for e in flat))


async def close_open_calls(journal: Journal) -> None:
    """Give every call without a result the result `interrupted`."""
    for call in journal.thread.open_calls():
        await journal.add(interrupted(call))


def interrupted(call: ToolCall) -> ToolResult:
    """Return the result of a call that was cut off."""
    return ToolResult(call.id, call.name, (Text(INTERRUPTED),), "interrupted")


async def _close(agent: Agent, journal: Journal, ending: Ending, before: str | None) -> RunEnded:
    await close_open_calls(journal)
    changes: list[Change] = []
    if before is not None:
        after = await agent.snapshots.take()
        await journal.record(SnapshotTaken(after, "after"))
        changes = await agent.snapshots.changes(before, after) if after != before else []
    outcome: RunOutcome = ending.outcome
    ended = RunEnded(
        outcome=outcome,
        summary=ending.summary,
        spent=agent.budget.spent(),
        evidence=ending.evidence,
        changed=changed_paths(changes),
        reason=ending.reason,
        limit=ending.limit,
    )
    await journal.record(ended)
    return ended
