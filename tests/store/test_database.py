"""The file behind its thread: one commit for those who wait, and one clear line for each fault."""

import os
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from kodo.base.errors import StoreError
from kodo.store.database import Database
from kodo.store.schema import APPLICATION_ID, MIGRATIONS
from kodo.store.store import Store, open_store

pytestmark = pytest.mark.anyio


def put(number: int) -> Callable[[sqlite3.Connection], int]:
    def act(connection: sqlite3.Connection) -> int:
        connection.execute("INSERT INTO workspaces VALUES (?, 0, x'')", (str(number).encode(),))
        return number

    return act


def count(connection: sqlite3.Connection) -> int:
    return connection.execute("SELECT count(*) FROM workspaces").fetchone()[0]


async def test_nothing_is_made_before_it_is_needed(store_path: Path) -> None:
    async with open_store(store_path):
        pass
    assert not store_path.parent.exists()
    async with open_store(store_path) as store:
        assert await store.log.list() == []
    assert store_path.stat().st_mode & 0o777 == 0o600
    assert store_path.parent.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in store_path.parent.iterdir()] == ["store.db"]


async def test_the_loop_goes_on_while_the_file_is_busy(store: Store) -> None:
    gate = threading.Event()

    async def wait() -> None:
        assert await store.database.read(lambda _: gate.wait(timeout=30))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wait)
        await anyio.lowlevel.checkpoint()
        gate.set()  # reached only because the wait is not on the loop


async def test_writes_that_wait_share_a_commit_and_fail_alone(store: Store) -> None:
    gate = threading.Event()
    results: list[int | str] = []
    commits: list[str] = []

    def held(_: sqlite3.Connection) -> bool:
        return gate.wait(timeout=30)

    async def write(act: Callable[[sqlite3.Connection], int]) -> None:
        try:
            results.append(await store.database.write(act))
        except (StoreError, ValueError) as error:
            results.append(type(error).__name__)

    def broken(connection: sqlite3.Connection) -> int:
        put(8)(connection)
        raise ValueError("after a change")

    def trace(statement: str) -> None:
        if statement == "COMMIT":
            commits.append(statement)

    await store.database.read(lambda connection: connection.set_trace_callback(trace))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(store.database.read, held)
        await anyio.lowlevel.checkpoint()
        for act in (put(1), put(2), put(1), broken, put(3)):
            tasks.start_soon(write, act)
        await anyio.lowlevel.checkpoint()
        gate.set()
    await store.database.read(lambda connection: connection.set_trace_callback(None))
    assert sorted(map(str, results)) == ["1", "2", "3", "StoreError", "ValueError"]
    assert await store.database.read(count) == 3
    assert len(commits) == 1


async def test_a_full_disk_is_told_and_nothing_is_half_there(store: Store) -> None:
    await store.database.write(put(1))
    pages: int = await store.database.read(
        lambda connection: connection.execute("PRAGMA page_count").fetchone()[0]
    )
    await store.database.read(
        lambda connection: connection.execute(f"PRAGMA max_page_count = {pages}").fetchone()
    )
    with pytest.raises(StoreError, match=r"no space left for the store .*move KODO_HOME"):
        await store.blobs.put(os.urandom(1 << 20))
    await store.database.read(
        lambda connection: connection.execute("PRAGMA max_page_count = 1000000").fetchone()
    )
    assert await store.database.read(count) == 1
    await store.database.write(put(2))


async def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    async with open_store(tmp_path / "file" / "store.db") as store:
        for _ in range(2):  # a later call tries again, and tells again
            with pytest.raises(StoreError, match=r"cannot open the store .*KODO_HOME"):
                await store.log.list()


async def test_a_folder_in_place_of_the_file_is_told(store_path: Path) -> None:
    store_path.mkdir(parents=True)
    async with open_store(store_path) as store:
        with pytest.raises(StoreError, match="cannot open the store"):
            await store.log.list()


@pytest.mark.parametrize("content", [b"not a database at all" * 100, b"SQLite format 3\x00"])
async def test_a_corrupt_file_is_told_and_left_alone(store_path: Path, content: bytes) -> None:
    store_path.parent.mkdir()
    store_path.write_bytes(content)
    async with open_store(store_path) as store:
        with pytest.raises(StoreError, match=r"is damaged .*move it aside"):
            await store.log.list()
    assert store_path.read_bytes() == content


async def test_a_truncated_file_is_told(store_path: Path) -> None:
    async with open_store(store_path) as store:
        await store.blobs.put(os.urandom(1 << 20))
    os.truncate(store_path, 3 * 4096)
    async with open_store(store_path) as store:
        with pytest.raises(StoreError, match="is damaged"):
            await store.blobs.verify()


async def test_a_newer_file_is_refused_kindly(store_path: Path) -> None:
    async with open_store(store_path) as store:
        await store.log.list()
    connection = sqlite3.connect(store_path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    async with open_store(store_path) as store:
        with pytest.raises(StoreError, match=rf"newer kodo \(format 99.*{len(MIGRATIONS)}\): upd"):
            await store.log.list()


async def test_a_file_of_another_program_is_refused(store_path: Path) -> None:
    store_path.parent.mkdir()
    connection = sqlite3.connect(store_path)
    connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    async with open_store(store_path) as store:
        with pytest.raises(StoreError, match="not a store of kodo"):
            await store.log.list()


async def test_a_lock_that_stays_is_told(store_path: Path) -> None:
    async with open_store(store_path, busy_timeout_s=0.05) as store:
        await store.database.write(put(1))
        other = sqlite3.connect(store_path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match=r"locked by another process for more than 0.05 s"):
            await store.database.write(put(2))
        assert await store.database.read(count) == 1  # readers never wait
        other.execute("ROLLBACK")
        other.close()
        await store.database.write(put(2))


async def test_a_closed_store_says_so(store_path: Path) -> None:
    async with open_store(store_path) as store:
        await store.log.list()
    with pytest.raises(StoreError, match="is closed"):
        await store.log.list()
    await store.database.aclose()


async def test_several_openings_of_a_new_file_do_not_disturb_each_other(store_path: Path) -> None:
    databases = [Database(store_path) for _ in range(8)]
    async with anyio.create_task_group() as tasks:
        for number, database in enumerate(databases):
            tasks.start_soon(database.write, put(number))
    assert await databases[0].read(count) == 8
    for database in databases:
        await database.aclose()


GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("version", range(1, len(MIGRATIONS) + 1))
async def test_a_file_of_every_version_still_opens(store_path: Path, version: int) -> None:
    store_path.parent.mkdir()
    connection = sqlite3.connect(store_path)
    connection.executescript((GOLDEN / f"store_v{version}.sql").read_text())
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {version}")
    connection.close()
    async with open_store(store_path) as store:
        header, entries = await store.log.load("golden-thread")
        assert header.title == "keep this"
        assert [entry.event.seq for entry in entries] == [1, 2, 3]
        assert (await store.log.verify()).damages == ()
        assert await store.blobs.verify() == []
        name = "5659ff235047795988c2896b3e140adb5bb648584d210370f995526dc08f043f"
        assert await store.blobs.get(name) == b"golden\n" * 500


async def test_the_newest_tables_are_those_of_the_golden_file(store: Store) -> None:
    """A change of the tables needs a new step in MIGRATIONS and a golden file of its own."""

    def tables(connection: sqlite3.Connection) -> list[str]:
        query = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'"
        return sorted(" ".join(row[0].split()) for row in connection.execute(query))

    golden = sqlite3.connect(":memory:")
    golden.executescript((GOLDEN / f"store_v{len(MIGRATIONS)}.sql").read_text())
    assert await store.database.read(tables) == tables(golden)
    golden.close()
