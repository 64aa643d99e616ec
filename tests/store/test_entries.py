"""Rows of entries: long texts are kept once and come back; all threads are read in one order."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from kodo.base.errors import StoreError
from kodo.core.events import FileChange, FilesChanged, MessageAdded, Noted, Stored, ToolStarted
from kodo.core.messages import Assistant, Reasoning, Text, ToolCall, ToolResult, user
from kodo.core.thread import Entry, Thread, ThreadHeader
from kodo.store.entries import LONG_TEXT_BYTES, read_after
from kodo.store.store import Store, open_store

pytestmark = pytest.mark.anyio

MakeHeader = Callable[..., ThreadHeader]
MakeEntry = Callable[..., Entry]

LONG = 'a "quoted" \\ line\r\n\x00\x7f\u2028 é 😀\n' * 400
OTHER = "0123456789\n" * 1000


def pieces(path: Path) -> int:
    connection = sqlite3.connect(path)
    found = connection.execute("SELECT count(*) FROM pieces").fetchone()[0]
    connection.close()
    return found


BODIES: dict[str, tuple[Stored, int]] = {
    "user": (MessageAdded(user(LONG)), 1),
    "reply": (
        MessageAdded(
            Assistant(
                (
                    Reasoning(LONG, "signature"),
                    Text("short"),
                    Text(OTHER),
                    ToolCall("c", "write", LONG),
                ),
                "m/m",
            )
        ),
        2,
    ),
    "result": (MessageAdded(ToolResult("c", "shell", (Text(OTHER),), "ok", LONG)), 2),
    "call": (ToolStarted("c", "write", LONG), 1),
    "changes": (FilesChanged("c", (FileChange("a", None, "1" * 64, OTHER),)), 1),
    "note": (Noted(LONG), 1),
    "short": (MessageAdded(user("x" * 1000)), 0),
}


@pytest.mark.parametrize("kind", BODIES)
async def test_long_texts_are_blobs_and_come_back(
    store: Store, store_path: Path, make_header: MakeHeader, make_entry: MakeEntry, kind: str
) -> None:
    assert len(LONG) > LONG_TEXT_BYTES
    body, count = BODIES[kind]
    await store.log.create(make_header())
    entries = [make_entry(1, body), make_entry(2, body)]
    await store.log.extend("thread-1", entries)
    assert (await store.log.load("thread-1"))[1] == entries
    assert (await store.log.verify()).damages == ()
    assert pieces(store_path) == count


async def test_the_same_text_is_kept_once_wherever_it_is(
    store: Store, store_path: Path, make_header: MakeHeader, make_entry: MakeEntry
) -> None:
    await store.log.create(make_header())
    for seq, (body, _) in enumerate(BODIES.values(), 1):
        await store.log.append("thread-1", make_entry(seq, body))
    await store.blobs.put(LONG.encode())
    header, entries = await store.log.load("thread-1")
    ids = iter(f"copy-{number}" for number in range(100))
    copy = Thread(header, iter(entries)).fork(replace(header, id="thread-2"), lambda: next(ids))
    await store.log.create(copy.header)
    await store.log.extend("thread-2", copy.path())
    assert pieces(store_path) == 2
    found = (await store.log.load("thread-2"))[1]
    assert [entry.event for entry in found] == [entry.event for entry in entries]


async def test_a_text_that_went_missing_is_damage_of_its_entry(
    store: Store, store_path: Path, make_header: MakeHeader, make_entry: MakeEntry
) -> None:
    await store.log.create(make_header())
    await store.log.append("thread-1", make_entry(1, Noted(LONG)))
    await store.log.append("thread-1", make_entry(2))
    connection = sqlite3.connect(store_path)
    connection.execute("DELETE FROM pieces")
    connection.commit()
    connection.close()
    with pytest.raises(StoreError, match=r"damaged at entry 1 .*no blob"):
        await store.log.load("thread-1")
    assert [damage.seq for damage in (await store.log.verify()).damages] == [1]


async def test_all_threads_are_read_on_in_one_order(
    store: Store, store_path: Path, make_header: MakeHeader, make_entry: MakeEntry
) -> None:
    for name in ("thread-1", "thread-2"):
        await store.log.create(make_header(name, cwd=f"/{name}"))
    for seq in (1, 2, 3):
        await store.log.append("thread-1", make_entry(seq, Noted(LONG)))
        await store.log.append("thread-2", make_entry(seq))
    found: list[tuple[str, str, int]] = []
    number = 0
    while rows := await store.database.read(lambda c, n=number: read_after(c, n, 4)):
        for row in rows:
            assert row.entry is not None
            assert row.entry.event.seq == row.seq
            found.append((row.thread_id, row.cwd, row.seq))
        number = rows[-1].number
    assert number == 6
    assert found == [
        (name, f"/{name}", seq) for seq in (1, 2, 3) for name in ("thread-1", "thread-2")
    ]
    with sqlite3.connect(store_path) as connection:
        connection.execute("UPDATE entries SET body = x'7b7d', packing = 0 WHERE number = 3")
        connection.execute("UPDATE entries SET packing = 9 WHERE number = 4")
    connection.close()
    rows = await store.database.read(lambda c: read_after(c, 0, 100))
    assert [row.number for row in rows if row.entry is None] == [3, 4]


def repeated(text: str, times: int) -> str:
    return text * times


TEXTS = st.builds(
    repeated,
    st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=50),
    st.sampled_from([1, 200, 9000]),
)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(texts=st.lists(TEXTS, max_size=4), arguments=TEXTS, details=TEXTS)
async def test_any_texts_come_back(
    tmp_path_factory: pytest.TempPathFactory,
    make_header: MakeHeader,
    make_entry: MakeEntry,
    texts: list[str],
    arguments: str,
    details: str,
) -> None:
    parts = tuple(Text(text) for text in texts)
    bodies: list[Stored] = [
        MessageAdded(Assistant((*parts, ToolCall("c", "t", arguments)), "m/m")),
        ToolStarted("c", "t", arguments),
        MessageAdded(ToolResult("c", "t", parts, "ok", details)),
    ]
    async with open_store(tmp_path_factory.mktemp("any") / "store.db") as store:
        await store.log.create(make_header())
        entries = [make_entry(seq, body) for seq, body in enumerate(bodies, 1)]
        await store.log.extend("thread-1", entries)
        assert (await store.log.load("thread-1"))[1] == entries
        assert (await store.log.verify()).damages == ()
