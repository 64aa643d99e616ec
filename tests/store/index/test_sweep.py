"""A sweep sees each chunk of its scope once, in order, and all of them."""

import pytest

from kodo.core.recall import Hit, Query

from .conftest import Memory

pytestmark = pytest.mark.anyio


async def swept(memory: Memory, **scope: object) -> list[Hit]:
    """Return a sweep as a list."""
    query = Query("", **scope)  # pyright: ignore[reportArgumentType]
    return [hit async for hit in memory.recall.everything(query)]


async def test_everything_is_covered_once_and_in_order(memory: Memory) -> None:
    texts = ["".join(f"{entry} line {n}\n" for n in range(150)) for entry in range(5)]
    for text in texts:
        await memory.output(text)
    for number in range(3):
        memory.write(f"f{number}.py", f"def f{number}():\n    return {number}\n")
    await memory.recall.catch_up()
    hits = await swept(memory)
    assert [hit.ref for hit in hits[-3:]] == ["f:f0.py@1", "f:f1.py@1", "f:f2.py@1"]
    for entry, text in enumerate(texts, 1):
        pieces = [hit for hit in hits if hit.ref == f"e{entry}"]
        lines: dict[int, str] = {}
        for hit in pieces:
            rows = hit.text.rstrip("\n").split("\n")
            lines |= dict(zip(range(hit.first_line, hit.last_line + 1), rows, strict=True))
        assert list(lines.values()) == text.rstrip("\n").split("\n")
    assert [hit.entry for hit in hits if hit.entry] == sorted(
        hit.entry for hit in hits if hit.entry
    )


async def test_what_is_there_twice_is_seen_once(memory: Memory) -> None:
    for _ in range(3):
        await memory.output("the same again\n")
    memory.write("a.txt", "the same again\n")
    await memory.recall.catch_up()
    assert [hit.ref for hit in await swept(memory)] == ["e1"]


async def test_more_than_a_page_is_covered(memory: Memory) -> None:
    for number in range(450):
        await memory.output(f"number {number}")
    assert [hit.entry for hit in await swept(memory)] == list(range(1, 451))


async def test_a_scope_narrows_it_and_replaced_versions_are_left_out(memory: Memory) -> None:
    memory.write("a.txt", "one\n")
    await memory.recall.catch_up()
    then = await memory.say("then")
    memory.write("a.txt", "two\n")
    await memory.recall.catch_up()
    await memory.say("later", "thread-2")
    assert [hit.ref for hit in await swept(memory, kinds=("file",))] == ["f:a.txt@2"]
    assert [hit.text for hit in await swept(memory, as_of=f"e{then}")] == ["then", "one\n"]
    assert [hit.text for hit in await swept(memory, thread="thread-2")] == ["later"]
