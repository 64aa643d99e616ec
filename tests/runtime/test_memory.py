"""The memory of a session: opened late, kept up in the background, closed, never in the way."""

from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from tests.agent.stage import Stage, says
from tests.runtime.spies import KeptRecall

from kodo.base.errors import StoreError
from kodo.core.messages import Assistant, user
from kodo.core.model import Prompt
from kodo.core.recall import Query
from kodo.runtime.memory import SessionMemory
from kodo.runtime.registry import MEMORY
from kodo.runtime.session import Session

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def kept(monkeypatch: pytest.MonkeyPatch) -> list[KeptRecall]:
    """Let the registry name the memory that counts; returns those that were made."""
    monkeypatch.setitem(MEMORY, "recall", "tests.runtime.spies:KeptRecall")
    KeptRecall.made.clear()
    return KeptRecall.made


def memory(workspace: Path, *, has_past: bool = False) -> SessionMemory:
    store = workspace.parent / "store.db"
    return SessionMemory(store, workspace, "here", has_past=has_past, begin_s=0, every_s=0)


async def test_it_is_opened_by_the_first_question_and_closed(
    workspace: Path, kept: list[KeptRecall]
) -> None:
    remembered = memory(workspace)
    assert kept == []
    assert await remembered.search(Query("x")) == []
    (opened,) = kept
    assert opened.thread == "here"
    assert await remembered.history("x") == []
    assert [hit async for hit in remembered.everything(Query(""))] == []
    assert len(kept) == 1
    await remembered.aclose()
    assert opened.closed
    await remembered.aclose()
    await memory(workspace).aclose()
    assert len(kept) == 1


async def test_it_knows_more_once_it_has_looked(workspace: Path) -> None:
    assert memory(workspace, has_past=True).knows_more()
    remembered = memory(workspace)
    assert not remembered.knows_more()
    await remembered.catch_up()
    assert remembered.knows_more()


async def test_it_keeps_up_until_it_is_cancelled(workspace: Path, kept: list[KeptRecall]) -> None:
    remembered = memory(workspace)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(remembered.keep_up)
        while not kept:
            await anyio.lowlevel.checkpoint()
        await kept[0].often.wait()
        tasks.cancel_scope.cancel()
    assert kept[0].caught_up >= 3


async def test_a_store_that_fails_ends_the_keeping_up_alone(
    workspace: Path, kept: list[KeptRecall]
) -> None:
    remembered = memory(workspace)
    await remembered.search(Query("x"))
    kept[0].error = StoreError("locked")
    await remembered.keep_up()
    assert kept[0].caught_up == 1


async def test_a_run_keeps_it_up_and_ends_with_it(workspace: Path, kept: list[KeptRecall]) -> None:
    stage = Stage(workspace, [])
    remembered = memory(workspace)

    async def reply(prompt: Prompt) -> Assistant:
        while not kept:
            await anyio.lowlevel.checkpoint()
        await kept[0].often.wait()
        return says("done")

    stage.model.go_on(reply)
    stage.agent.recall = remembered
    session = Session(
        stage.thread,
        stage.log,
        stage.agent.blobs,
        lambda: (stage.agent, stage.strategy),
        created=True,
        memory=remembered,
    )
    with anyio.fail_after(30):
        ended = await session.run(user("do it"))
    assert ended.summary == "done"
    count = kept[0].caught_up
    await anyio.lowlevel.checkpoint()
    assert kept[0].caught_up == count


async def test_a_broken_log_is_raised_as_it_is(workspace: Path) -> None:
    stage = Stage(workspace, [says("hello")])
    stage.agent.recall = remembered = memory(workspace)
    stage.log.broken = True
    session = Session(
        stage.thread,
        stage.log,
        stage.agent.blobs,
        lambda: (stage.agent, stage.strategy),
        created=True,
        memory=remembered,
    )
    with pytest.raises(StoreError, match="the disk is full"):
        await session.run(user("do it"))


async def test_a_run_without_a_task_goes_on_from_the_head(workspace: Path) -> None:
    stage = Stage(workspace, [says("one")])
    session = Session(
        stage.thread,
        stage.log,
        stage.agent.blobs,
        lambda: (stage.agent, stage.strategy),
        created=True,
    )
    await session.run(user("do it"))
    stage.model.go_on(says("two"))
    await session.run(None)
    assert stage.model.prompts[-1].messages == (user("do it"), says("one"))
