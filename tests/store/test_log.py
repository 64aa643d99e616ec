"""The log: what was acknowledged comes back, what does not fit is refused, damage is named."""

import hashlib
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import anyio
import msgspec
import pytest

from kodo.base.errors import StoreError
from kodo.core.events import Event, MessageAdded, Noted, RunEnded, RunStarted
from kodo.core.messages import Assistant, Text, ToolResult, User, user
from kodo.core.thread import Entry, Thread, ThreadHeader
from kodo.store.store import Store, open_store

pytestmark = pytest.mark.anyio

MakeHeader = Callable[..., ThreadHeader]
MakeEntry = Callable[..., Entry]


def started(task: str = "t") -> RunStarted:
    return RunStarted(task, "m/m", "tools", "/work", "memory", "0")


async def test_entries_come_back_as_they_went_in(
    store: Store, store_path: Path, make_header: MakeHeader, make_entry: MakeEntry
) -> None:
    entries = [
        make_entry(1, started()),
        make_entry(2, MessageAdded(user("mend it\nplease"))),
        make_entry(3, MessageAdded(Assistant((Text("ok \u2713 \x00 \U0001f600"),), "m/m"))),
        make_entry(4, MessageAdded(ToolResult("c", "shell", (Text("line\r\n" * 20_000),)))),
        make_entry(5, RunEnded("verified", "done")),
    ]
    await store.log.create(make_header())
    for entry in entries:
        await store.log.append("thread-1", entry)
    async with open_store(store_path) as again:
        header, found = await again.log.load("thread-1")
    assert found == entries
    assert header.title == "mend it"
    assert Thread(header, iter(found)).next_seq == 6


async def test_the_chain_is_the_documented_formula(
    store: Store, store_path: Path, make_header: MakeHeader, make_entry: MakeEntry
) -> None:
    header = make_header()
    await store.log.create(header)
    chain = hashlib.sha256(hashlib.sha256(msgspec.json.encode(header)).digest()).digest()
    for seq in (1, 2, 3):
        entry = make_entry(seq)
        await store.log.append(header.id, entry)
        body = msgspec.json.encode(entry)
        chain = hashlib.sha256(chain + hashlib.sha256(body).digest()).digest()
    with sqlite3.connect(store_path) as connection:
        last = connection.execute("SELECT chain FROM entries WHERE seq = 3").fetchone()[0]
    connection.close()
    assert last == chain


async def test_a_title_is_the_first_line_of_the_first_user_text(
    store: Store, make_header: MakeHeader, make_entry: MakeEntry
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
    store: Store, make_header: MakeHeader
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


async def test_a_thread_id_is_taken_once(store: Store, make_header: MakeHeader) -> None:
    await store.log.create(make_header(cwd="/first"))
    with pytest.raises(StoreError, match="'thread-1' is already"):
        await store.log.create(make_header(cwd="/second"))
    assert (await store.log.load("thread-1"))[0].cwd == "/first"


async def test_what_would_not_load_as_a_thread_is_refused(
    store: Store, make_header: MakeHeader, make_entry: MakeEntry
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
    store: Store, make_header: MakeHeader, make_entry: MakeEntry
) -> None:
    await store.log.create(make_header())
    with pytest.raises(StoreError):
        await store.log.extend("thread-1", [make_entry(1), make_entry(2), make_entry(4)])
    assert (await store.log.load("thread-1"))[1] == []
    entries = [make_entry(seq) for seq in range(1, 50)]
    await store.log.extend("thread-1", entries)
    assert (await store.log.load("thread-1"))[1] == entries


async def test_appends_that_wait_at_the_same_time_are_all_kept(
    store: Store, make_header: MakeHeader, make_entry: MakeEntry
) -> None:
    names = [f"thread-{number:02}" for number in range(20)]

    async def work(name: str) -> None:
        await store.log.create(make_header(name))
        for seq in range(1, 6):
            await store.log.append(name, make_entry(seq))

    async with anyio.create_task_group() as tasks:
        for name in names:
            tasks.start_soon(work, name)
    proof = await store.log.verify()
    assert (proof.threads, proof.entries, proof.damages) == (20, 100, ())


async def test_a_cancelled_append_is_finished(
    store: Store, make_header: MakeHeader, make_entry: MakeEntry
) -> None:
    await store.log.create(make_header())
    with anyio.CancelScope() as scope:
        scope.cancel()
        await store.log.append("thread-1", make_entry(1))
    await store.log.append("thread-1", make_entry(2))
    assert len((await store.log.load("thread-1"))[1]) == 2


@pytest.mark.parametrize(
    ("statement", "places", "reason"),
    [
        ("UPDATE entries SET body = replace(body, 'text 3', 'text X') WHERE seq = 3", [3], "hash"),
        ("UPDATE entries SET chain = zeroblob(32) WHERE seq = 3", [3, 4], "hash"),
        ("DELETE FROM entries WHERE seq = 3", [4], "entry 3 is missing"),
        ("UPDATE entries SET packing = 1 WHERE seq = 3", [3], "damaged"),
        ("UPDATE entries SET id = 'other' WHERE seq = 3", [3], "another entry"),
        ("UPDATE entries SET kind = 'note' WHERE seq = 3", [3], "another entry"),
        ("UPDATE entries SET at_us = 0 WHERE seq = 3", [3], "another entry"),
        ("UPDATE entries SET digest = zeroblob(32) WHERE seq = 3", [3], "the chain breaks here"),
        ("UPDATE threads SET header = x'7b7d'", [None, 1], "missing required field"),
        ("UPDATE threads SET header = replace(header, '/work', '/else')", [1], "hash"),
    ],
)
async def test_a_changed_row_is_named(
    store: Store,
    store_path: Path,
    make_header: MakeHeader,
    make_entry: MakeEntry,
    statement: str,
    places: list[int | None],
    reason: str,
) -> None:
    await store.log.create(make_header())
    for number in range(1, 6):
        await store.log.append("thread-1", make_entry(number))
    with sqlite3.connect(store_path) as connection:
        connection.execute(statement.replace("replace(body", "replace(CAST(body AS TEXT)"))
        connection.execute("UPDATE entries SET body = CAST(body AS BLOB)")
        connection.execute("UPDATE threads SET header = CAST(header AS BLOB)")
    connection.close()
    place = "its header" if places[0] is None else f"entry {places[0]}"
    with pytest.raises(StoreError, match=f"'thread-1' is damaged at {place} .*{reason}"):
        await store.log.load("thread-1")
    damages = (await store.log.verify()).damages
    assert {damage.thread_id for damage in damages} == {"thread-1"}
    assert [damage.seq for damage in damages] == places
    assert reason in damages[0].reason
    assert [item.header.id for item in await store.log.list()] == ["thread-1"]


async def test_lists_show_the_newest_first_with_their_outcome(
    store: Store, make_header: MakeHeader, make_entry: MakeEntry
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


async def test_a_removed_thread_is_gone_and_its_number_is_not_given_again(
    store: Store, store_path: Path, make_header: MakeHeader, make_entry: MakeEntry
) -> None:
    await store.log.create(make_header("thread-1"))
    await store.log.append("thread-1", make_entry(1))
    async with open_store(store_path) as other:
        assert await other.log.remove("thread") == "thread-1"
        await other.log.create(make_header("thread-2"))
    with pytest.raises(StoreError, match="moved on"):
        await store.log.append("thread-1", make_entry(2))
    with pytest.raises(StoreError, match="no thread"):
        await store.log.load("thread-1")
    assert (await store.log.load("thread-2"))[1] == []


async def test_times_keep_their_microseconds(store: Store, make_header: MakeHeader) -> None:
    at = datetime(2026, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)
    await store.log.create(make_header())
    await store.log.append("thread-1", Entry("e", None, Event(1, "r", at, Noted("x"))))
    assert (await store.log.load("thread-1"))[1][0].event.at == at
