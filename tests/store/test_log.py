"""The log: what was acknowledged comes back, what does not fit is refused, damage is named."""

import hashlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

import anyio
import msgspec
import pytest

from kodo.base.errors import StoreError
from kodo.core.events import MessageAdded, RunEnded, RunStarted
from kodo.core.messages import Assistant, Text, ToolResult, user
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
