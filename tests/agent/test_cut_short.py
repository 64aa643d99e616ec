"""Runs that do not come to their own end: time, a broken store, an interrupt at any place."""

from collections.abc import AsyncGenerator
from pathlib import Path

import anyio
import pytest

from kodo.base.errors import ModelError, StoreError
from kodo.core.events import MessageAdded, Retrying, RunEnded, RunStarted
from kodo.core.limits import Limits
from kodo.core.messages import Assistant, Delta, ToolResult
from kodo.core.model import Prompt
from kodo.core.tool import ToolContext, ToolOutput
from tests.agent.stage import MadeTool, NoSnapshots, PlayedModel, Stage, calls, says

pytestmark = pytest.mark.anyio


async def hang(arguments: bytes, context: ToolContext) -> ToolOutput:
    await anyio.sleep_forever()
    raise AssertionError


async def test_a_tool_at_work_is_cut_when_the_time_is_up(workspace: Path) -> None:
    stage = Stage(
        workspace,
        [calls(("hang", "{}"), ("never", "{}"))],
        [MadeTool("hang", hang, "exec"), MadeTool("never", hang, "exec")],
        limits=Limits(seconds=0.05),
    )
    with anyio.fail_after(30):
        ended = await stage.play()
    assert (ended.outcome, ended.limit) == ("limit", "seconds")
    assert "--budget-seconds" in ended.reason
    results = [
        body.message.outcome
        for body in stage.stored()
        if isinstance(body, MessageAdded) and isinstance(body.message, ToolResult)
    ]
    assert results == ["interrupted", "interrupted"]


async def test_a_model_at_work_is_cut_when_the_time_is_up(workspace: Path) -> None:
    async def slow(prompt: Prompt) -> Assistant:
        await anyio.sleep_forever()
        raise AssertionError

    stage = Stage(workspace, [slow], limits=Limits(seconds=0.05))
    with anyio.fail_after(30):
        ended = await stage.play()
    assert (ended.outcome, ended.limit) == ("limit", "seconds")


class SlowSnapshots(NoSnapshots):
    """Takes for ever over the first snapshot."""

    def __init__(self) -> None:
        self.begun = anyio.Event()

    async def take(self) -> str:
        self.begun.set()
        await anyio.sleep_forever()
        raise AssertionError


async def test_an_interrupt_during_the_first_snapshot_ends_the_run_in_order(
    workspace: Path,
) -> None:
    stage = Stage(workspace, [])
    snapshots = SlowSnapshots()
    stage.agent.snapshots = snapshots
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(stage.play)
        await snapshots.begun.wait()
        tasks.cancel_scope.cancel()
    first, last = stage.stored()
    assert isinstance(first, RunStarted)
    assert isinstance(last, RunEnded)
    assert last.outcome == "interrupted"


class FullSnapshots(NoSnapshots):
    """Cannot keep the first snapshot."""

    def __init__(self) -> None:
        self._taken = 0

    async def take(self) -> str:
        self._taken += 1
        if self._taken == 1:
            raise StoreError("the disk is full")
        return "0" * 64


async def test_a_store_that_breaks_is_told_as_broken_and_raised(workspace: Path) -> None:
    stage = Stage(workspace, [])
    stage.agent.snapshots = FullSnapshots()
    with pytest.raises(StoreError, match="the disk is full"):
        await stage.play()
    last = stage.stored()[-1]
    assert isinstance(last, RunEnded)
    assert (last.outcome, last.reason) == ("broken", "the disk is full")


async def test_what_a_crash_left_open_is_closed_within_the_new_run(workspace: Path) -> None:
    stage = Stage(workspace, [says("hello again")])
    await stage.journal.add(calls(("t", "{}")))
    await stage.play()
    kinds = [type(body) for body in stage.stored()]
    assert kinds.index(RunStarted) == 1
    closed = stage.stored()[2]
    assert isinstance(closed, MessageAdded)
    assert isinstance(closed.message, ToolResult)


class Retried(PlayedModel):
    """A model whose adapter tells of a retry before it gives up."""

    def __init__(self, stage: Stage, error: ModelError) -> None:
        super().__init__([])
        self._stage = stage
        self._error = error

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Delta | Assistant, None]:
        self.prompts.append(prompt)
        await self._stage.journal.record(Retrying("busy", 2, 0.0))
        raise self._error
        yield Delta("text")


async def test_an_adapter_that_gave_up_is_not_asked_again(workspace: Path) -> None:
    stage = Stage(workspace, [])
    model = Retried(stage, ModelError("no connection", retryable=True))
    stage.agent.model = model
    ended = await stage.play()
    assert (ended.outcome, ended.reason) == ("broken", "no connection")
    assert len(model.prompts) == 1
