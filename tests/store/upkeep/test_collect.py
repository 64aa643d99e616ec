"""Collecting garbage: what anything names stays, what nothing names goes, and only when alone."""

from collections.abc import Callable
from pathlib import Path

import pytest

from kodo.base.errors import StoreError
from kodo.core.events import (
    FileChange,
    FilesChanged,
    MessageAdded,
    Noted,
    PromptPart,
    PromptSent,
    SnapshotTaken,
)
from kodo.core.messages import Image, Text, ToolResult, User
from kodo.core.thread import Entry, ThreadHeader
from kodo.store.files import Sighting
from kodo.store.store import Store, open_store
from kodo.store.upkeep.collect import collect
from kodo.store.upkeep.verify import verify

pytestmark = pytest.mark.anyio

MakeHeader = Callable[..., ThreadHeader]
MakeEntry = Callable[..., Entry]

NOISE = bytes(range(256)) * 40


async def test_what_is_named_stays_and_the_rest_goes(
    store: Store, tmp_path: Path, make_header: MakeHeader, make_entry: MakeEntry
) -> None:
    workspace = tmp_path / "work"
    workspace.mkdir()
    for number in range(100):
        (workspace / f"file-{number}").write_text(f"content {number}")
    snapshots = store.snapshots(workspace)
    first = await snapshots.take()
    (workspace / "file-0").write_text("changed")
    second = await snapshots.take()  # told as the difference to the first
    (workspace / "file-0").write_text("never recorded")
    await snapshots.take()
    words = ("image", "before", "after", "seen", "whole output", "instructions", "nobody", "else")
    put = {word: await store.blobs.put(word.encode() + NOISE) for word in words}
    kept = Text(f"cut\n[the whole output is kept as {put['whole output'][:16]}]")
    bodies = [
        MessageAdded(User((Image("image/png", put["image"]),))),
        FilesChanged("c", (FileChange("a", put["before"], put["after"]),)),
        MessageAdded(ToolResult("c", "shell", (kept,))),
        PromptSent("0" * 64, (PromptPart("instructions", 7, put["instructions"]),)),
        Noted("a long text " * 2000),
        SnapshotTaken(second, "before"),
    ]
    await store.log.create(make_header())
    await store.log.extend("thread-1", [make_entry(seq, b) for seq, b in enumerate(bodies, 1)])
    await store.files.record([Sighting("/work/seen", put["seen"])])
    await store.database.write(
        lambda c: c.execute("INSERT INTO pieces VALUES (9999, zeroblob(32), 1, 0, x'00')")
    )

    found = await collect(store.database)
    assert (found.blobs, found.unfinished) == (4, 1)  # two files, a snapshot and its content
    for word, name in put.items():
        if word in ("nobody", "else"):
            with pytest.raises(StoreError, match="no blob"):
                await store.blobs.get(name)
        else:
            assert await store.blobs.get(name) == word.encode() + NOISE
    assert (await verify(store.database)).faults == ()
    assert len(await snapshots.changes(first, second)) == 1
    # What a later process knows of the workspace does not rely on what is gone.
    assert await store.snapshots(workspace).changes(second)
    assert (await collect(store.database)).blobs > 0


async def test_space_is_given_back(
    store: Store, store_path: Path, make_header: MakeHeader, make_entry: MakeEntry
) -> None:
    await store.log.create(make_header())
    for seq in range(1, 20):
        await store.log.append("thread-1", make_entry(seq, Noted(f"{seq:09}" * 5000)))
    await store.log.remove("thread-1")
    found = await collect(store.database)
    assert found.blobs == 19
    assert found.bytes_after < found.bytes_before
    assert found.bytes_after == store_path.stat().st_size
    await store.log.create(make_header())  # and the store goes on as before
    await store.log.append("thread-1", make_entry(1))
    mode = await store.database.read(lambda c: c.execute("PRAGMA journal_mode").fetchone()[0])
    assert mode == "wal"


async def test_a_store_in_use_is_left_alone(store: Store, store_path: Path) -> None:
    name = await store.blobs.put(b"a run is about to name it")
    async with open_store(store_path) as other:
        await other.log.list()
        with pytest.raises(StoreError, match=r"in use by another process.*try again"):
            await collect(store.database)
        assert await other.blobs.get(name)
    assert (await collect(store.database)).blobs == 1


async def test_a_damaged_store_is_left_alone(
    store: Store, make_header: MakeHeader, make_entry: MakeEntry
) -> None:
    name = await store.blobs.put(b"who knows whether it is named")
    await store.log.create(make_header())
    await store.log.append("thread-1", make_entry(1))
    await store.database.write(lambda c: c.execute("UPDATE entries SET packing = 1"))
    with pytest.raises(StoreError, match=r"entry 1 of thread 'thread-1' is damaged.*nothing was"):
        await collect(store.database)
    assert await store.blobs.get(name)
