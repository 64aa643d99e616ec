"""Export and stats: everything that is kept is in the lines, and counted."""

import base64
import hashlib
import random
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kodo.base.errors import StoreError
from kodo.core.events import FileChange, FilesChanged, Noted
from kodo.core.thread import Entry, ThreadHeader
from kodo.store.files import Sighting
from kodo.store.store import Store
from kodo.store.upkeep.export import export
from kodo.store.upkeep.purge import Order, purge
from kodo.store.upkeep.refs import find
from kodo.store.upkeep.stats import count

pytestmark = pytest.mark.anyio

MakeHeader = Callable[..., ThreadHeader]
MakeEntry = Callable[..., Entry]

NOISE = random.Random(3).randbytes(9 << 20)


def lines_of(path: Path, key: str) -> list[dict[str, Any]]:
    lines = [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]
    return [line for line in lines if next(iter(line)) == key]


async def fill(store: Store, make_header: MakeHeader, make_entry: MakeEntry) -> list[Entry]:
    names = [await store.blobs.put(data) for data in (NOISE, b"", b"\x00\xff\r\n")]
    bodies = [None, Noted("long " * 5000), FilesChanged("c", (FileChange("a", None, names[2]),))]
    entries = [make_entry(seq, body) for seq, body in enumerate(bodies, 1)]
    await store.log.create(make_header())
    await store.log.extend("thread-1", entries)
    await store.files.record([Sighting("/work/b", names[1]), Sighting("/work/a", None)])
    return entries


async def test_everything_is_in_the_lines(
    store: Store, tmp_path: Path, make_header: MakeHeader, make_entry: MakeEntry
) -> None:
    entries = await fill(store, make_header, make_entry)
    secret = await store.blobs.put(b"a secret content")
    target = await store.database.read(lambda c: find(c, secret, thread=None, folder="/"))
    await purge(store.database, target, Order("me", "why", datetime(2026, 1, 1, tzinfo=UTC)))
    to = tmp_path / "all.jsonl"
    told = await export(store.database, to)
    assert (told.threads, told.entries, told.blobs, told.purges) == (1, 3, 4, 1)
    assert (told.file_versions, told.written_bytes) == (3, to.stat().st_size)
    assert [line["thread"] for line in lines_of(to, "thread")] == ["thread-1"]
    found = [msgspec.convert(line["entry"], Entry) for line in lines_of(to, "number")]
    assert found == entries
    assert [line["file"] for line in lines_of(to, "file")] == ["/work/a", "/work/b", "/work/a"]
    assert lines_of(to, "purge")[0]["key"] == secret
    contents: dict[str, bytes] = {}
    for line in lines_of(to, "blob"):
        contents[line["blob"]] = contents.get(line["blob"], b"") + base64.b64decode(line["data"])
    assert all(hashlib.sha256(data).hexdigest() == name for name, data in contents.items())
    assert {NOISE, b"", b"\x00\xff\r\n"} <= set(contents.values())


async def test_a_file_that_is_there_is_not_overwritten(store: Store, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("mine")
    with pytest.raises(FileExistsError):
        await export(store.database, tmp_path / "there")
    assert (tmp_path / "there").read_text() == "mine"


async def test_a_damaged_entry_ends_it_and_leaves_no_half_file(
    store: Store, tmp_path: Path, make_header: MakeHeader, make_entry: MakeEntry
) -> None:
    await fill(store, make_header, make_entry)
    await store.database.write(lambda c: c.execute("UPDATE entries SET packing = 9 WHERE seq = 2"))
    with pytest.raises(StoreError, match=r"entry 2 of thread 'thread-1' is damaged.*nothing was"):
        await export(store.database, tmp_path / "all.jsonl")
    assert not (tmp_path / "all.jsonl").exists()
    await store.log.append("thread-1", make_entry(4))  # and no transaction is left open


async def test_counts_are_what_is_there(
    store: Store, make_header: MakeHeader, make_entry: MakeEntry
) -> None:
    await fill(store, make_header, make_entry)
    stats = await count(store.database)
    assert (stats.threads, stats.entries, stats.blobs, stats.blob_pieces) == (1, 3, 4, 6)
    assert {kind.kind: kind.entries for kind in stats.kinds} == {
        "message": 1,
        "note": 1,
        "files_changed": 1,
    }
    assert (stats.files, stats.file_versions, stats.purges, stats.index_bytes) == (2, 3, 0, 0)
    assert stats.blob_packed_bytes > len(NOISE)
    assert stats.file_bytes + stats.waiting_bytes > len(NOISE)
