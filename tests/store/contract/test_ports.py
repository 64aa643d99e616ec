"""What every store must do, whichever database it lies in: the ports Log and Blobs."""

import hashlib
import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Protocol

import anyio
import msgspec
import pytest

from kodo.base.errors import StoreError
from kodo.core.events import Event, MessageAdded, Noted, RunEnded, RunStarted
from kodo.core.messages import Assistant, Text, ToolResult, User, user
from kodo.core.store import Blobs, Log
from kodo.core.thread import Entry, Thread, ThreadHeader

pytestmark = pytest.mark.anyio

MakeHeader = Callable[..., ThreadHeader]
MakeEntry = Callable[..., Entry]
NOISE = random.Random(7).randbytes(9 << 20)


class WholeLog(Log, Protocol):
    """The log with what the runtime asks of it beside the port."""

    async def extend(self, thread_id: str, entries: Sequence[Entry]) -> None: ...

    async def latest(self, cwd: str | None = None) -> str | None: ...

    async def remove(self, thread_id: str) -> str: ...


class Ports(Protocol):
    """A store as this suite uses it."""

    @property
    def log(self) -> WholeLog: ...

    @property
    def blobs(self) -> Blobs: ...


def started(task: str = "t") -> RunStarted:
    return RunStarted(task, "m/m", "tools", "/work", "memory", "0")


async def test_entries_load_as_they_were_appended(
    store: Ports, make_header: MakeHeader, make_entry: MakeEntry
) -> None:
    entries = [
        make_entry(1, started()),
        make_entry(2, MessageAdded(user("mend \x00it\nplease"))),
        make_entry(3, MessageAdded(Assistant((Text("ok \u2713 \x00 \U0001f600"),), "m/m"))),
        make_entry(4, MessageAdded(ToolResult("c", "shell", (Text("line\r\n" * 20_000),)))),
        make_entry(5, RunEnded("verified", "done")),
    ]
    await store.log.create(make_header())
    for entry in entries:
        await store.log.append("thread-1", entry)
    header, found = await store.log.load("thread-1")
    assert found == entries
    assert Thread(header, iter(found)).next_seq == 6


async def test_appends_of_many_threads_at_once_are_all_kept(
    store: Ports, make_header: MakeHeader, make_entry: MakeEntry
) -> None:
    names = [f"thread-{number:02}" for number in range(20)]

    async def work(name: str) -> None:
        await store.log.create(make_header(name))
        for seq in range(1, 6):
            await store.log.append(name, make_entry(seq))

    async with anyio.create_task_group() as tasks:
        for name in names:
            tasks.start_soon(work, name)
    for name in names:
        assert len((await store.log.load(name))[1]) == 5


async def test_a_removed_thread_takes_no_entry(
    store: Ports, make_header: MakeHeader, make_entry: MakeEntry
) -> None:
    await store.log.create(make_header())
    await store.log.append("thread-1", make_entry(1))
    assert await store.log.remove("thread") == "thread-1"
    with pytest.raises(StoreError, match=r"no thread|moved on"):
        await store.log.append("thread-1", make_entry(2))
    with pytest.raises(StoreError, match="no thread"):
        await store.log.load("thread-1")


@pytest.mark.parametrize(
    "data",
    [b"", b"\x00", b"line\r\n\xff\xfe" * 5000, NOISE[: 4 << 20], NOISE[: (4 << 20) + 1], NOISE],
    ids=["empty", "one byte", "text", "one piece", "a byte more", "three pieces"],
)
async def test_bytes_come_back(store: Ports, data: bytes) -> None:
    name = await store.blobs.put(data)
    assert name == hashlib.sha256(data).hexdigest()
    assert await store.blobs.put(data) == name
    assert await store.blobs.get(name) == data


async def test_the_same_bytes_put_by_many_at_once_are_kept_once(store: Ports) -> None:
    async with anyio.create_task_group() as tasks:
        for _ in range(8):
            tasks.start_soon(store.blobs.put, NOISE[:5_000_000])
    assert await store.blobs.get(hashlib.sha256(NOISE[:5_000_000]).hexdigest())


async def test_names_of_no_blob_are_refused(store: Ports) -> None:
    with pytest.raises(StoreError, match=f"no blob '{'0' * 64}'"):
        await store.blobs.get("0" * 64)
    with pytest.raises(StoreError, match="'zz' is not the name of a blob"):
        await store.blobs.get("zz")


async def test_a_title_is_the_first_line_of_the_first_user_text(
    store: Ports, make_header: MakeHeader, make_entry: MakeEntry
) -> None:
    await store.log.create(make_header())
    await store.log.append("thread-1", make_entry(1, Noted("not a message")))
    await store.log.append("thread-1", make_entry(2, MessageAdded(User((Text("  "),)))))
    await store.log.append("thread-1", make_entry(3, MessageAdded(user(f"\n {'long ' * 40}\nb"))))
    await store.log.append("thread-1", make_entry(4, MessageAdded(user("later"))))
    await store.log.create(make_header("thread-2", title="given"))
    await store.log.append("thread-2", make_entry(1))
    titles = {item.header.id: item.header.title for item in await store.log.list()}
    assert titles["thread-1"].startswith("long long")
    assert titles["thread-1"].endswith("…")
    assert len(titles["thread-1"]) == 80
    assert titles["thread-2"] == "given"


async def test_a_prefix_names_a_thread_when_it_is_long_enough_and_unique(
    store: Ports, make_header: MakeHeader
) -> None:
    for thread_id in ("01aaaabbbb", "01aaaacccc", "02", "0%aaaabbbb"):
        await store.log.create(make_header(thread_id))
    assert (await store.log.load("01aaaab"))[0].id == "01aaaabbbb"
    assert (await store.log.load("02"))[0].id == "02"  # a whole id may be short
    with pytest.raises(StoreError, match=r"several threads.*01aaaacccc, 01aaaabbbb"):
        await store.log.load("01aaaa")
    with pytest.raises(StoreError, match="at least its first 6"):
        await store.log.load("01aaa")
    with pytest.raises(StoreError, match="no thread '03bbbbb'"):
        await store.log.load("03bbbbb")
    with pytest.raises(StoreError, match="no thread '0_aaaa'"):
        await store.log.load("0_aaaa")


async def test_a_thread_id_is_taken_once(store: Ports, make_header: MakeHeader) -> None:
    await store.log.create(make_header(cwd="/first"))
    with pytest.raises(StoreError, match="'thread-1' is already"):
        await store.log.create(make_header(cwd="/second"))
    assert (await store.log.load("thread-1"))[0].cwd == "/first"


async def test_what_would_not_load_as_a_thread_is_refused(
    store: Ports, make_header: MakeHeader, make_entry: MakeEntry
) -> None:
    log = store.log
    with pytest.raises(StoreError, match="no thread 'thread-1'"):
        await log.append("thread-1", make_entry(1))
    await log.create(make_header())
    with pytest.raises(StoreError, match=r"has seq 2, but the next one is 1"):
        await log.append("thread-1", make_entry(2))
    await log.append("thread-1", make_entry(1))
    with pytest.raises(StoreError, match="moved on without this process"):
        await log.append("thread-1", make_entry(1))
    stranger = msgspec.structs.replace(make_entry(2), parent_id="nobody")
    with pytest.raises(StoreError, match="unknown parent 'nobody'"):
        await log.append("thread-1", stranger)
    twin = msgspec.structs.replace(make_entry(2), id="entry-1")
    with pytest.raises(StoreError, match="moved on"):
        await log.append("thread-1", twin)
    lone = make_entry(2, MessageAdded(user("a \ud800 b")))
    with pytest.raises(StoreError, match="not Unicode"):
        await log.append("thread-1", lone)
    await log.append("thread-1", make_entry(2))
    branch = msgspec.structs.replace(make_entry(3), parent_id="entry-1")
    await log.append("thread-1", branch)
    header, entries = await log.load("thread-1")
    assert [entry.id for entry in Thread(header, iter(entries)).path()] == ["entry-1", "entry-3"]


async def test_extend_adds_all_or_nothing(
    store: Ports, make_header: MakeHeader, make_entry: MakeEntry
) -> None:
    await store.log.create(make_header())
    with pytest.raises(StoreError):
        await store.log.extend("thread-1", [make_entry(1), make_entry(2), make_entry(4)])
    assert (await store.log.load("thread-1"))[1] == []
    entries = [make_entry(seq) for seq in range(1, 50)]
    await store.log.extend("thread-1", entries)
    assert (await store.log.load("thread-1"))[1] == entries


async def test_a_cancelled_append_is_finished(
    store: Ports, make_header: MakeHeader, make_entry: MakeEntry
) -> None:
    await store.log.create(make_header())
    with anyio.CancelScope() as scope:
        scope.cancel()
        await store.log.append("thread-1", make_entry(1))
    await store.log.append("thread-1", make_entry(2))
    assert len((await store.log.load("thread-1"))[1]) == 2


async def test_lists_show_the_newest_first_with_their_outcome(
    store: Ports, make_header: MakeHeader, make_entry: MakeEntry
) -> None:
    log = store.log
    for name in ("old", "ended", "running"):
        await log.create(make_header(name, cwd=f"/{name}"))
    await log.append("ended", make_entry(1, started()))
    await log.append("ended", make_entry(2, RunEnded("failed", "no")))
    await log.append("running", make_entry(1, started()))
    await log.append("running", make_entry(2, RunEnded("verified", "yes")))
    await log.append("running", make_entry(3, started()))
    found = await log.list()
    assert [(item.header.id, item.entries, item.outcome) for item in found] == [
        ("running", 3, ""),
        ("ended", 2, "failed"),
        ("old", 0, ""),
    ]
    assert found[0].updated_at == "2026-01-02T03:00:03+00:00"
    assert [item.header.id for item in await log.list(limit=1)] == ["running"]
    assert await log.latest() == "running"
    assert await log.latest("/ended") == "ended"
    assert await log.latest("/nowhere") is None


async def test_times_keep_their_microseconds(store: Ports, make_header: MakeHeader) -> None:
    at = datetime(2026, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)
    await store.log.create(make_header())
    await store.log.append("thread-1", Entry("e", None, Event(1, "r", at, Noted("x"))))
    assert (await store.log.load("thread-1"))[1][0].event.at == at
