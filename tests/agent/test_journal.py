"""The journal: the store first, readers second; one order whoever writes."""

from pathlib import Path

import anyio
import pytest

from kodo.agent.journal import Journal
from kodo.base.errors import StoreError
from kodo.core.events import Event, Noted
from kodo.core.messages import Delta, user
from kodo.core.thread import Entry, Thread, ThreadHeader
from tests.agent.stage import START, MemoryLog, Stage

pytestmark = pytest.mark.anyio


class SlowLog(MemoryLog):
    """Lets others run before it has written."""

    async def append(self, thread_id: str, entry: Entry) -> None:
        await anyio.lowlevel.checkpoint()
        await super().append(thread_id, entry)


async def test_a_reader_hears_of_what_is_stored_already(workspace: Path) -> None:
    stage = Stage(workspace, [])
    stored_when_told: list[int] = []

    def tell(happening: object) -> None:
        stored_when_told.append(len(stage.log.entries))

    journal = Journal(stage.thread, stage.log, "run", lambda: START, iter("abc").__next__, tell)
    await journal.record(Noted("one"))
    await journal.add(user("two"))
    await journal.emit(Noted("three"))
    assert stored_when_told == [1, 2, 3]
    assert [entry.parent_id for entry in stage.log.entries] == [None, "a", "b"]


async def test_a_failing_store_tells_nobody_and_changes_nothing(workspace: Path) -> None:
    stage = Stage(workspace, [])
    await stage.journal.record(Noted("kept"))
    head = stage.thread.head
    stage.log.broken = True
    with pytest.raises(StoreError, match="the disk is full"):
        await stage.journal.record(Noted("lost"))
    assert stage.thread.head == head
    assert [item.body for item in stage.told if isinstance(item, Event)] == [Noted("kept")]
    stage.log.broken = False
    await stage.journal.record(Noted("again"))
    assert [entry.event.seq for entry in stage.log.entries] == [1, 2]


async def test_what_passes_by_is_told_and_not_stored(workspace: Path) -> None:
    stage = Stage(workspace, [])
    await stage.journal.emit(Delta("text", "hel"))
    assert stage.told == [Delta("text", "hel")]
    assert stage.log.entries == []


async def test_writers_at_the_same_time_get_one_order() -> None:
    log = SlowLog()
    thread = Thread(ThreadHeader("thread", START, "/w"))
    told: list[object] = []
    ids = iter(range(100))
    journal = Journal(thread, log, "run", lambda: START, lambda: f"e{next(ids)}", told.append)
    async with anyio.create_task_group() as tasks:
        for number in range(20):
            tasks.start_soon(journal.record, Noted(str(number)))
    assert [entry.event.seq for entry in log.entries] == list(range(1, 21))
    assert thread.path() == log.entries
    assert told == [entry.event for entry in log.entries]


async def test_a_writer_cut_off_while_it_waits_leaves_no_gap() -> None:
    log = SlowLog()
    journal = Journal(
        Thread(ThreadHeader("t", START, "/w")),
        log,
        "run",
        lambda: START,
        iter("abcdef").__next__,
        lambda _: None,
    )
    with anyio.CancelScope() as scope:
        scope.cancel()
        await journal.record(Noted("lost"))
    await journal.record(Noted("kept"))
    assert [entry.event.seq for entry in log.entries] == [1]
    assert journal.thread.path() == log.entries
