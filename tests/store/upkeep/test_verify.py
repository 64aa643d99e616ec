"""Proving a store: damage is named with its place, whatever was damaged, and hides nothing else."""

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from kodo.base.errors import StoreError
from kodo.core.events import FileChange, FilesChanged, MessageAdded, Noted, SnapshotTaken
from kodo.core.messages import Image, User
from kodo.core.thread import Entry, ThreadHeader
from kodo.store.files import Sighting
from kodo.store.store import Store, open_store
from kodo.store.upkeep.verify import Fault, Proof, verify

pytestmark = pytest.mark.anyio

MakeHeader = Callable[..., ThreadHeader]
MakeEntry = Callable[..., Entry]


async def fill(store: Store, make_header: MakeHeader, make_entry: MakeEntry) -> None:
    for name in ("thread-1", "thread-2"):
        await store.log.create(make_header(name))
        for seq in range(1, 30):
            await store.log.append(name, make_entry(seq, Noted(f"{name} {seq} " * 40)))
    for number in range(20):
        await store.blobs.put(f"blob {number} ".encode() + os.urandom(2000))


async def proof_of(path: Path) -> Proof:
    async with open_store(path) as store:
        return await verify(store.database)


async def test_a_whole_store_is_proved(
    store: Store, make_header: MakeHeader, make_entry: MakeEntry
) -> None:
    assert await verify(store.database) == Proof(0, 0, 0, 0, 0, ())
    await fill(store, make_header, make_entry)
    assert await verify(store.database) == Proof(2, 58, 20, 0, 0, ())


@pytest.mark.parametrize(
    ("statement", "kind", "name", "reason"),
    [
        (
            "UPDATE entries SET body = zeroblob(40), packing = 0 WHERE number = 33",
            *("entry", "thread-2:e4", "its body does not match its hash"),
        ),
        (
            "UPDATE entries SET digest = zeroblob(32) WHERE number = 33",
            *("entry", "thread-2:e4", "the chain breaks here"),
        ),
        (
            "DELETE FROM entries WHERE number = 33",
            *("entry", "thread-2:e5", "entry 4 is missing"),
        ),
        (
            "UPDATE threads SET header = x'7b7d' WHERE number = 2",
            *("thread", "thread-2", "missing required field"),
        ),
        (
            "UPDATE pieces SET data = x'00', packing = 0 WHERE number = 7",
            *("blob", "", "do not match its name"),
        ),
        (
            "INSERT INTO purges VALUES (1, 0, 'me', 'why', 'blob', x'00', '', NULL, x'00')",
            *("purge", "1", "the chain of purges breaks here"),
        ),
    ],
)
async def test_what_was_changed_is_named(
    store: Store,
    store_path: Path,
    make_header: MakeHeader,
    make_entry: MakeEntry,
    statement: str,
    kind: str,
    name: str,
    reason: str,
) -> None:
    await fill(store, make_header, make_entry)
    with sqlite3.connect(store_path) as connection:
        connection.execute(statement)
    connection.close()
    fault = (await verify(store.database)).faults[0]
    assert fault.kind == kind
    assert fault.name == name or (kind == "blob" and len(fault.name) == 64)
    assert reason in fault.reason


async def test_a_blob_that_is_named_and_not_there_is_missing(
    store: Store, tmp_path: Path, make_header: MakeHeader, make_entry: MakeEntry
) -> None:
    workspace = tmp_path / "work"
    workspace.mkdir()
    (workspace / "file").write_text("in a snapshot")
    snapshot = await store.snapshots(workspace).take()
    names = [await store.blobs.put(text.encode()) for text in ("image", "before", "after", "seen")]
    image, before, after, seen = names
    await store.log.create(make_header())
    bodies = [
        MessageAdded(User((Image("image/png", image),))),
        FilesChanged("c", (FileChange("a", before, after),)),
        SnapshotTaken(snapshot, "before"),
    ]
    await store.log.extend("thread-1", [make_entry(seq, b) for seq, b in enumerate(bodies, 1)])
    await store.files.record([Sighting("/work/seen", seen)])
    assert (await verify(store.database)).faults == ()
    await store.database.write(
        lambda c: c.execute("DELETE FROM pieces WHERE blob != ?", (bytes.fromhex(snapshot),))
    )
    faults = (await verify(store.database)).faults
    assert {fault.kind for fault in faults} == {"blob"}
    places = {fault.name: fault.reason for fault in faults}
    assert places[image] == "it is missing; thread-1:e1 names it"
    assert places[after].startswith("it is missing; ")
    assert places[seen] == "it is missing; a version of '/work/seen' names it"
    assert len(places) == 5
    await store.database.write(lambda c: c.execute("DELETE FROM pieces"))
    faults = (await verify(store.database)).faults
    assert Fault("blob", snapshot, "it is missing; thread-1:e3 names it") in faults


async def test_a_truncated_file_is_named_with_where_the_chain_ends(
    store_path: Path, make_header: MakeHeader, make_entry: MakeEntry
) -> None:
    async with open_store(store_path) as store:
        await fill(store, make_header, make_entry)
    size = store_path.stat().st_size
    os.truncate(store_path, size - 4096 * 3)
    proof = await proof_of(store_path)
    assert proof.faults
    said = f"its end is missing: {size - 4096 * 3} bytes of {size} are there"
    assert proof.faults[0] == Fault("file", str(store_path), said)
    assert proof.threads == 2
    assert proof.entries > 50


@pytest.mark.parametrize("page", range(3, 24))
async def test_a_page_of_noise_is_told_and_the_rest_is_read(
    store_path: Path, make_header: MakeHeader, make_entry: MakeEntry, page: int
) -> None:
    async with open_store(store_path) as store:
        await fill(store, make_header, make_entry)
    with store_path.open("r+b") as stream:
        stream.seek(4096 * page)
        was = stream.read(4096)
        stream.seek(4096 * page)
        stream.write(bytes(byte ^ 0x5A for byte in was))
    assert (await proof_of(store_path)).faults


async def test_a_thread_that_cannot_be_read_on_says_from_where(
    store_path: Path, make_header: MakeHeader, make_entry: MakeEntry
) -> None:
    async with open_store(store_path) as store:
        await store.log.create(make_header())
        for seq in range(1, 300):
            await store.log.append("thread-1", make_entry(seq, Noted(f"{seq} " * 100)))
        leaf: int = await store.database.read(
            lambda c: c.execute(
                "SELECT pageno FROM dbstat WHERE name = 'entries' AND pagetype = 'leaf' "
                "ORDER BY path LIMIT 1 OFFSET 20"
            ).fetchone()[0]
        )
    with store_path.open("r+b") as stream:
        stream.seek(4096 * (leaf - 1))
        stream.write(os.urandom(4096))
    async with open_store(store_path) as store:
        with pytest.raises(
            StoreError, match=r"'thread-1' is damaged at entry \d+ .*cannot be read"
        ):
            await store.log.load("thread-1")
        places = [fault.name for fault in (await verify(store.database)).faults]
    assert any(place.startswith("thread-1:e") for place in places)
