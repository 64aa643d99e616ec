"""Following the log: once, whatever dies and however many do it; made anew; and taken out."""

import sqlite3
from pathlib import Path

import anyio
import pytest

from kodo.core.events import FileChange, FilesChanged
from kodo.core.recall import Query
from kodo.store.database import Database
from kodo.store.index import tables
from kodo.store.index.ingest import ensure, follow
from kodo.store.index.recall import SqliteRecall
from kodo.store.upkeep.purge import Order, purge
from kodo.store.upkeep.refs import find

from .conftest import BEGAN, Memory

pytestmark = pytest.mark.anyio


def dump(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Return what the index says, without the numbers it chose."""
    connection = sqlite3.connect(path)
    try:
        queries = {
            "uses": "SELECT source, index_uses.number, hex(sha) FROM index_uses "
            "JOIN index_contents ON index_contents.number = content",
            "places": "SELECT hex(index_contents.sha), index_places.start, first_line, last_line, "
            "hex(index_chunks.sha) FROM index_places "
            "JOIN index_contents ON index_contents.number = index_places.content "
            "JOIN index_chunks ON index_chunks.number = chunk",
            "marks": "SELECT name, value FROM index_state WHERE name IN ('entries', 'versions')",
        }
        return {name: sorted(connection.execute(query)) for name, query in queries.items()}
    finally:
        connection.close()


async def fill(memory: Memory) -> None:
    """Say, print and write things."""
    for number in range(40):
        await memory.output("".join(f"out {number} {line} quartz{number}\n" for line in range(60)))
    memory.write("a.py", "def quartz():\n    return 1\n")
    memory.write("b.txt", "quartz 1\n" * 50)
    await memory.recall.catch_up()


async def test_small_batches_make_the_same_index_as_one(memory: Memory, tmp_path: Path) -> None:
    await fill(memory)
    at_once = dump(memory.store.database.path)
    database = Database(memory.store.database.path)
    await database.write(tables.drop)
    await ensure(database)
    while await follow(database, 1):
        pass
    await database.aclose()
    assert dump(memory.store.database.path) == at_once


async def test_rebuilding_makes_the_same_index(memory: Memory) -> None:
    await fill(memory)
    before = dump(memory.store.database.path)
    await memory.recall.rebuild()
    assert dump(memory.store.database.path) == before
    assert (await memory.refs("quartz7"))[0] == "e8"


async def test_an_index_of_another_format_grows_anew(memory: Memory) -> None:
    await fill(memory)
    before = dump(memory.store.database.path)
    connection = sqlite3.connect(memory.store.database.path)
    connection.execute("UPDATE index_state SET value = 0 WHERE name = 'format'")
    connection.execute("DELETE FROM index_places")
    connection.commit()
    connection.close()
    assert (await memory.refs("quartz7"))[0] == "e8"
    await memory.recall.catch_up()
    assert dump(memory.store.database.path) == before


async def test_several_processes_may_follow_at_once(memory: Memory) -> None:
    for number in range(60):
        await memory.output(f"{number} pillar{number}\n" * 40)
    others = [Database(memory.store.database.path) for _ in range(3)]

    async def keep_up(database: Database) -> None:
        await ensure(database)
        while await follow(database, 4096):
            pass

    async with anyio.create_task_group() as tasks:
        for database in others:
            tasks.start_soon(keep_up, database)
        for number in range(60, 80):
            await memory.output(f"{number} pillar{number}\n" * 40)
    for database in others:
        await database.aclose()
    for number in (0, 33, 59, 60, 79):
        assert (await memory.refs(f"pillar{number}"))[0] == f"e{number + 1}"
    uses = dump(memory.store.database.path)["uses"]
    assert len(uses) == len(set(uses)) == 80


async def test_a_write_that_fails_leaves_no_trace(memory: Memory) -> None:
    await memory.output("beacon one")
    await memory.find("beacon")
    before = dump(memory.store.database.path)
    await memory.output("beacon two")
    connection = sqlite3.connect(memory.store.database.path)
    connection.execute(
        "CREATE TRIGGER refuse BEFORE INSERT ON index_uses BEGIN SELECT RAISE(ABORT, 'no'); END"
    )
    connection.commit()
    database = Database(memory.store.database.path)
    with pytest.raises(Exception, match="no"):
        await follow(database)
    assert dump(memory.store.database.path) == before
    connection.execute("DROP TRIGGER refuse")
    connection.commit()
    connection.close()
    await database.aclose()
    assert await memory.refs("beacon two") == ["e2", "e1"]


async def test_the_whole_of_a_cut_output_is_indexed(memory: Memory) -> None:
    text = "".join(f"line {n}\n" for n in range(5000)) + "the falcon is at the end\n"
    seq = await memory.output(text, keep=True)
    (hit, *_) = await memory.find("falcon")
    assert hit.ref == f"e{seq}"
    assert hit.first_line <= 5001 <= hit.last_line


async def test_a_purged_blob_that_an_entry_names_is_no_fault(memory: Memory) -> None:
    await memory.output("[the whole output is kept as 0123456789abcdef]")
    await memory.say("glacier")
    assert await memory.refs("glacier") == ["e2"]


async def test_equal_texts_are_indexed_once_and_found_everywhere(memory: Memory) -> None:
    for thread in ("thread-1", "thread-2"):
        for _ in range(3):
            await memory.output("island island\n", thread)
    (hit,) = await memory.find("island")
    assert hit.ref == "e3"
    (hit,) = await memory.find("island", thread="thread-2")
    assert hit.ref == "thread-2:e3"
    connection = sqlite3.connect(memory.store.database.path)
    assert connection.execute("SELECT count(*) FROM index_chunks").fetchone() == (1,)
    connection.close()


async def test_a_changed_file_adds_only_its_changed_chunks(memory: Memory) -> None:
    functions = [
        f"def f{n}():\n" + "".join(f"    a{n} = {line}\n" for line in range(12)) + "\n\n"
        for n in range(20)
    ]
    before = "".join(functions).encode()
    after = before.replace(b"a7 = 5", b"a7 = 555")
    names = [await memory.store.blobs.put(data) for data in (before, after)]
    await memory.add(FilesChanged("1", (FileChange("a.py", None, names[0]),)))
    await memory.find("a7")
    count = "SELECT count(*) FROM index_chunks"
    connection = sqlite3.connect(memory.store.database.path)
    first = connection.execute(count).fetchone()[0]
    await memory.add(FilesChanged("2", (FileChange("a.py", names[0], names[1]),)))
    hits = await memory.find("a7 555")
    assert (hits[0].ref, hits[0].current) == ("f:a.py@2", True)
    assert connection.execute(count).fetchone()[0] == first + 1
    connection.close()
    (hit, *_) = await memory.find("a9")
    assert (hit.ref, hit.current) == ("f:a.py@2", True)


SECRET = "sk-zanzibar-9f86d081884c7d65"


def words_in(path: Path, word: str) -> bool:
    """Tell whether the index of words still has a word, in whatever part of it."""
    connection = sqlite3.connect(path)
    try:
        rows = connection.execute("SELECT block FROM index_words_data").fetchall()
        return any(word.encode() in bytes(row[0]) for row in rows)
    finally:
        connection.close()


async def test_what_is_purged_leaves_the_index_with_its_words(memory: Memory) -> None:
    await memory.say("an ordinary question")
    seq = await memory.output(f"the key is {SECRET}\n" + "more text\n" * 100)
    assert (await memory.refs(SECRET))[0] == f"e{seq}"
    database = memory.store.database
    target = await database.read(
        lambda connection: find(connection, f"e{seq}", thread="thread-1", folder="/")
    )
    await purge(database, target, Order("tester", "a key", BEGAN))
    assert await memory.refs(SECRET) == []
    assert await memory.find("zanzibar", mode="exact") == []
    assert await memory.refs("ordinary question") == ["e1"]
    path = database.path
    assert not words_in(path, "zanzibar")
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT data FROM index_segments").fetchall()
    assert not any(b"zanzibar" in row[0] for row in rows)
    connection.close()


async def test_a_removed_session_leaves_the_index(memory: Memory) -> None:
    await memory.say("jigsaw of the first")
    await memory.say("jigsaw of the second", "thread-2")
    await memory.output("shared by both\n")
    await memory.output("shared by both\n", "thread-2")
    assert len(await memory.find("jigsaw")) == 2
    await memory.store.log.remove("thread-2")
    assert await memory.refs("jigsaw") == ["e1"]
    assert await memory.refs("shared by both") == ["e2"]
    assert not words_in(memory.store.database.path, "second")


async def test_a_thread_that_was_removed_is_not_mistaken_for_the_next(memory: Memory) -> None:
    await memory.say("kernel one", "thread-2")
    await memory.find("kernel")
    await memory.store.log.remove("thread-2")
    await memory.say("kernel two", "thread-3")
    assert await memory.refs("kernel") == ["thread-3:e1"]


async def test_two_memories_of_one_project_see_each_other(
    memory: Memory, workspace: Path, store_path: Path
) -> None:
    other = SqliteRecall(store_path, workspace, thread="thread-2")
    try:
        await memory.say("magnet")
        (hit,) = await other.search(Query("magnet"))
        assert hit.ref == "thread-1:e1"
    finally:
        await other.aclose()
