"""Files of format 1 become files of format 2 in place: whole, whatever dies, whoever else opens."""

import hashlib
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import anyio
import msgspec
import pytest

from kodo.base.errors import StoreError
from kodo.core.events import FileChange, FilesChanged, Noted, Stored
from kodo.core.thread import Entry, ThreadHeader
from kodo.store.packing import pack
from kodo.store.schema import APPLICATION_ID, MIGRATIONS
from kodo.store.store import open_store
from kodo.store.threads import kind_of, microseconds
from kodo.store.upkeep.verify import verify

pytestmark = pytest.mark.anyio

MakeHeader = Callable[..., ThreadHeader]
MakeEntry = Callable[..., Entry]

OPEN = """
import anyio, sys
from pathlib import Path
from kodo.store.store import open_store

async def main():
    async with open_store(Path(sys.argv[1])) as store:
        print("begin", flush=True)
        await store.log.list()

anyio.run(main)
"""


def write_version_1(path: Path, header: ThreadHeader, entries: list[Entry]) -> None:
    """Write a thread as a kodo of format 1 did."""
    path.parent.mkdir(exist_ok=True)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("BEGIN")
    for statement in MIGRATIONS[0]:
        assert isinstance(statement, str)
        connection.execute(statement)
    packed = msgspec.json.encode(header)
    connection.execute(
        "INSERT INTO threads (id, cwd, title, at_us, header) VALUES (?, ?, '', ?, ?)",
        (header.id, header.cwd, microseconds(header.created_at), packed),
    )
    chain = hashlib.sha256(hashlib.sha256(packed).digest()).digest()
    for entry in entries:
        body = msgspec.json.encode(entry)
        chain = hashlib.sha256(chain + hashlib.sha256(body).digest()).digest()
        row = (entry.event.seq, entry.id, kind_of(entry), microseconds(entry.event.at), chain)
        connection.execute(
            "INSERT INTO entries (thread, seq, id, kind, at_us, chain, packing, body) "
            "VALUES (1, ?, ?, ?, ?, ?, ?, ?)",
            (*row, *pack(body)),
        )
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute("PRAGMA user_version = 1")
    connection.execute("COMMIT")
    connection.close()


def open_and_kill(path: Path, spin: int) -> None:
    with subprocess.Popen([sys.executable, "-c", OPEN, str(path)], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"begin\n"
        sum(range(spin))  # any instant of what it does
        child.send_signal(signal.SIGKILL)


def version_of(path: Path) -> int:
    connection = sqlite3.connect(path)
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    connection.close()
    return version


async def test_entries_and_edits_are_taken_over(
    store_path: Path, make_header: MakeHeader, make_entry: MakeEntry
) -> None:
    a, b, c = (letter * 64 for letter in "abc")
    edits: list[Stored] = [
        FilesChanged("c", (FileChange("new.py", None, a), FileChange("old.py", b, c))),
        Noted("a long text " * 3000),
        FilesChanged("c", (FileChange("new.py", a, None), FileChange("old.py", a, b))),
        FilesChanged("c", (FileChange("odd.py", None, "not a name"),)),
    ]
    entries = [make_entry(seq, body) for seq, body in enumerate(edits, 1)]
    write_version_1(store_path, make_header(), entries)
    async with open_store(store_path) as store:
        assert (await store.log.load("thread-1"))[1] == entries
        new = await store.files.versions("/work/new.py")
        old = await store.files.versions("/work/old.py")
        await store.log.append("thread-1", make_entry(5))
        assert (await store.log.verify()).damages == ()
    assert [(one.blob, one.entry, one.how) for one in new] == [
        (a, 1, "changed"),
        (None, 3, "changed"),
    ]
    assert [(one.blob, one.entry, one.how) for one in old] == [
        (b, 1, "seen"),
        (c, 1, "changed"),
        (a, 3, "seen"),
        (b, 3, "changed"),
    ]
    assert version_of(store_path) == len(MIGRATIONS)


async def test_damage_of_before_stays_damage(
    store_path: Path, make_header: MakeHeader, make_entry: MakeEntry
) -> None:
    write_version_1(store_path, make_header(), [make_entry(seq) for seq in range(1, 8)])
    connection = sqlite3.connect(store_path)
    connection.execute("UPDATE entries SET body = x'7b7d' WHERE seq = 3")
    connection.execute("UPDATE entries SET packing = 1 WHERE seq = 5")
    connection.commit()
    connection.close()
    async with open_store(store_path) as store:
        assert [damage.seq for damage in (await store.log.verify()).damages] == [3, 5]
        with pytest.raises(StoreError, match="damaged at entry 3"):
            await store.log.load("thread-1")


@pytest.mark.parametrize("spin", [0, 200_000, 1_000_000, 3_000_000])
async def test_killed_in_the_middle_it_is_whole(
    store_path: Path, make_header: MakeHeader, make_entry: MakeEntry, spin: int
) -> None:
    entries = [make_entry(seq, Noted(f"{seq} " * 1500)) for seq in range(1, 1000)]
    write_version_1(store_path, make_header(), entries)
    open_and_kill(store_path, spin)
    assert version_of(store_path) in (1, len(MIGRATIONS))
    async with open_store(store_path) as store:
        assert (await store.log.load("thread-1"))[1] == entries
        assert (await verify(store.database)).faults == ()


async def test_several_that_open_it_at_once_migrate_it_once(
    store_path: Path, make_header: MakeHeader, make_entry: MakeEntry
) -> None:
    entries = [make_entry(seq, Noted(f"{seq} " * 500)) for seq in range(1, 300)]
    write_version_1(store_path, make_header(), entries)

    async def open_it() -> None:
        async with open_store(store_path) as store:
            assert (await store.log.load("thread-1"))[1] == entries

    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(open_it)
    assert version_of(store_path) == len(MIGRATIONS)
