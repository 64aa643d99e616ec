"""Functions found by what they do, over a real store: growing, ranking, edits, pages, vectors."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.store.index.conftest import Memory

from kodo.core.recall import Query
from kodo.store.database import Database
from kodo.store.index.recall import SqliteRecall
from kodo.store.index.semantic import postings
from kodo.store.index.semantic.functions import find_functions, fused, read_function
from kodo.store.index.semantic.grow import forget, grow
from kodo.store.index.semantic.tables import is_made
from kodo.store.index.semantic.vectors import count_vectors, embed_next, vectors_after

pytestmark = pytest.mark.anyio

TEXTS = '''"""Working on paragraphs."""

def dedent(text):
    """Remove common leading whitespace from every line."""
    return strip(text)

def shorten(text, width):
    """Collapse and truncate the text to fit in the width."""
    return text[:width]
'''
FILES = '''"""Working on directories."""

def rmtree(path):
    """Recursively delete a directory tree."""
    for entry in scan(path):
        unlink(entry)

def disk_usage(path):
    """Return total, used and free bytes."""
    return statvfs(path)
'''
QUESTION = "wipe a whole folder with everything in it"


@pytest.fixture
def connection(memory: Memory, store_path: Path) -> Iterator[sqlite3.Connection]:
    """A second look into the store's file."""
    assert memory
    store_path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(store_path)) as connection:
        yield connection


def _names(connection: sqlite3.Connection, question: str, page: int = 1) -> list[str]:
    found = [read_function(connection, one) for one in find_functions(connection, question, page)]
    return [one.name for one in found if one is not None]


async def _taken_in(memory: Memory) -> None:
    memory.write("texts.py", TEXTS)
    memory.write("files.py", FILES)
    await memory.recall.catch_up()


async def test_a_question_without_the_codes_words_finds_the_function(
    memory: Memory, connection: sqlite3.Connection
) -> None:
    await _taken_in(memory)
    assert _names(connection, QUESTION)[0] == "rmtree"
    assert _names(connection, "cut prose down so it is not too broad")[0] == "shorten"
    assert _names(connection, "how much room is left on the drive?")[0] == "disk_usage"
    assert _names(connection, "of the and") == []


async def test_a_search_shows_functions_by_their_first_lines(memory: Memory) -> None:
    await _taken_in(memory)
    hits = await memory.recall.search(Query(QUESTION))
    (hit,) = [one for one in hits if one.text.startswith("def rmtree")]
    assert (hit.ref, hit.path, hit.first_line, hit.kind) == ("f:files.py@1", "files.py", 3, "file")
    lines = await memory.recall.read(hit.ref, hit.first_line, hit.last_line)
    assert lines.decode().rstrip("\n") == hit.text.rstrip("\n")


async def test_texts_with_the_questions_words_lead(memory: Memory) -> None:
    await _taken_in(memory)
    await memory.output("the folder /srv/old was wiped with everything in it\n")
    hits = await memory.recall.search(Query("wipe folder everything", k=5))
    assert hits[0].kind == "tool"
    assert {hit.kind for hit in hits} == {"tool", "file"}


async def test_scopes_hold_for_functions_too(memory: Memory) -> None:
    await _taken_in(memory)
    for query in (Query(QUESTION, kinds=("user",)), Query(QUESTION, path="texts.py")):
        hits = await memory.recall.search(query)
        assert not [hit for hit in hits if "rmtree" in hit.text]


async def test_a_further_page_shows_what_the_first_did_not(memory: Memory) -> None:
    await _taken_in(memory)
    first = await memory.recall.search(Query(QUESTION, k=2))
    second = await memory.recall.search(Query(QUESTION, k=2, page=2))
    assert first
    assert second
    assert not {(hit.ref, hit.first_line) for hit in first} & {
        (hit.ref, hit.first_line) for hit in second
    }


async def test_an_edited_function_is_found_as_it_is_now(
    memory: Memory, connection: sqlite3.Connection
) -> None:
    await _taken_in(memory)
    memory.write("files.py", FILES.replace("rmtree", "raze").replace("disk_usage", "room"))
    await memory.recall.catch_up()
    names = _names(connection, QUESTION)
    assert names[0] == "raze"
    assert "rmtree" not in names
    memory.write("files.py", FILES)  # back to what it was
    await memory.recall.catch_up()
    assert _names(connection, QUESTION)[0] == "rmtree"


async def test_a_deleted_file_has_no_functions(
    memory: Memory, connection: sqlite3.Connection
) -> None:
    await _taken_in(memory)
    (memory.workspace / "files.py").unlink()
    await memory.recall.catch_up()
    assert "rmtree" not in _names(connection, QUESTION)


async def test_growing_goes_on_where_it_stopped_and_ends(memory: Memory, store_path: Path) -> None:
    await _taken_in(memory)
    database = Database(store_path)
    assert not await grow(database)
    await database.write(lambda connection: forget(connection, [10_000]))
    assert not await grow(database)  # nothing of that was known
    content: int = await database.read(
        lambda connection: connection.execute(
            "SELECT content FROM semantic_paths WHERE path LIKE '%files.py'"
        ).fetchone()[0]
    )
    await database.write(lambda connection: forget(connection, [content]))
    assert await database.read(postings.size) == 1  # nothing is left of anything
    assert await grow(database)
    assert await database.read(postings.size) == 5
    await database.aclose()


async def test_a_dropped_index_takes_the_functions_with_it(
    memory: Memory, connection: sqlite3.Connection
) -> None:
    await _taken_in(memory)
    await memory.recall.rebuild()
    assert is_made(connection)
    assert _names(connection, QUESTION)[0] == "rmtree"


async def test_many_functions_move_to_the_second_level(memory: Memory, store_path: Path) -> None:
    source = "".join(f"def handle_{n}(value):\n    return value\n" for n in range(1200))
    memory.write("many.py", source)
    memory.write("files.py", FILES)
    await memory.recall.catch_up()
    hits = await memory.recall.search(Query(QUESTION))
    assert any("rmtree" in hit.text for hit in hits)
    with closing(sqlite3.connect(store_path)) as connection:
        levels = connection.execute("SELECT DISTINCT level FROM semantic_words").fetchall()
        assert (1,) in levels
        row = postings.read(connection, ["handl"])["handl"]
        assert list(row.functions) == sorted(set(row.functions))
        assert len(row.functions) == len(row.weights) == 1200


def test_fusion_puts_first_what_both_rank_high() -> None:
    assert fused(([1, 2, 3], [3, 1, 4])) == [1, 3, 2, 4]


class Letters:
    """An embedder that tells texts apart by how often each letter is in them."""

    def encode(self, text: str) -> bytes:
        """Return 26 counts."""
        return bytes(
            min(255, text.lower().count(letter)) for letter in "abcdefghijklmnopqrstuvwxyz"
        )


class Nearest(Letters):
    """Ranks by those counts, in the way a real model's vectors are ranked."""

    def nearest(self, connection: sqlite3.Connection, text: str, most: int) -> list[int]:
        """Return the functions with the most similar counts."""
        asked = Letters().encode(text)
        rows = vectors_after(connection, 0)
        scored = [(sum(a * b for a, b in zip(asked, vector, strict=True)), n) for n, vector in rows]
        return [number for _, number in sorted(scored, reverse=True)[:most]]


async def test_vectors_are_made_once_a_description_and_join_the_ranking(
    memory: Memory, store_path: Path
) -> None:
    await _taken_in(memory)
    database = Database(store_path)
    assert await embed_next(database, Letters())
    assert not await embed_next(database, Letters())
    assert await database.read(count_vectors) == 4
    memory.write("files.py", FILES + "\n# a remark\n")
    await memory.recall.catch_up()
    assert not await embed_next(database, Letters())  # the descriptions are the same
    await database.aclose()
    recall = SqliteRecall(store_path, memory.workspace, near=Nearest())
    hits = await recall.search(Query("zzz qqq"))  # words that nothing has: vectors alone
    assert len([hit for hit in hits if hit.text.startswith("def ")]) == 4
    await recall.aclose()
