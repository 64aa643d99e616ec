"""References name the same bytes for ever, and `read` gives exactly those."""

import pytest

from kodo.base.errors import ToolError
from kodo.core.check import Evidence
from kodo.core.events import CheckRun, SnapshotTaken
from kodo.core.messages import Assistant, Reasoning, Text, ToolCall
from kodo.store.index.recall import SqliteRecall

from .conftest import Memory

pytestmark = pytest.mark.anyio


async def test_every_hit_reads_back_as_its_text(memory: Memory) -> None:
    memory.write("a.py", "def one():\n    return 'pewter'\n\n\ndef two():\n    return 'pewter'\n")
    await memory.recall.catch_up()
    await memory.say("pewter?\nsecond line\n")
    await memory.output("x\n" * 100 + "pewter\n" + "y\n" * 5000, keep=True)
    for hit in await memory.find("pewter", k=50):
        data = await memory.recall.read(hit.ref, hit.first_line, hit.last_line)
        assert data.decode() == hit.text


async def test_lines_are_exact_whatever_ends_them(memory: Memory) -> None:
    data = b"one\r\ntwo\rstill two\nthree \xff\xfe\n\nfive"
    name = await memory.store.blobs.put(data)
    seq = await memory.output(f"[the whole output is kept as {name[:16]}]")
    read = memory.recall.read
    assert await read(f"e{seq}") == data
    assert await read(f"e{seq}", 1, 1) == b"one\r\n"
    assert await read(f"e{seq}", 2, 3) == b"two\rstill two\nthree \xff\xfe\n"
    assert await read(f"e{seq}", 5) == b"five"
    assert await read(f"e{seq}", 4, 99) == b"\nfive"
    with pytest.raises(ToolError, match="has 5 lines, and no line 6"):
        await read(f"e{seq}", 6)
    with pytest.raises(ToolError, match="no range"):
        await read(f"e{seq}", 3, 2)


async def test_lines_are_found_across_the_pieces_of_a_large_output(memory: Memory) -> None:
    lines = [b"%07d %s\n" % (number, b"x" * 60) for number in range(90_000)]
    name = await memory.store.blobs.put(b"".join(lines))
    seq = await memory.output(f"[the whole output is kept as {name[:16]}]")
    for first, last in [(1, 2), (61_679, 61_682), (89_999, 90_000)]:
        wanted = b"".join(lines[first - 1 : last])
        assert await memory.recall.read(f"e{seq}", first, last) == wanted


async def test_a_reply_reads_as_it_was_said_with_its_calls(memory: Memory) -> None:
    call = ToolCall("1", "write", '{"path": "a.txt", "text": "one\\ntwo", "mode": 420}')
    parts = (Reasoning("hm"), Text("I write it."), call, ToolCall("2", "odd", "{not json"))
    seq = await memory.tell(Assistant(parts, "test/model"))
    assert await memory.recall.read(f"e{seq}") == (
        b"hm\nI write it.\nwrite\npath: a.txt\ntext: one\ntwo\nmode: 420\nodd {not json"
    )


async def test_versions_of_a_file_have_numbers(memory: Memory) -> None:
    for text in ("one", "two", "three"):
        memory.write("a/b.txt", text)
        await memory.recall.catch_up()
    read = memory.recall.read
    assert await read("f:a/b.txt") == b"three"
    assert await read("f:a/b.txt@1") == b"one"
    assert await read(f"f:{memory.workspace}/a/b.txt@2") == b"two"
    with pytest.raises(ToolError, match="has 3 versions, and no version 4"):
        await read("f:a/b.txt@4")
    with pytest.raises(ToolError, match=r"no version of the file 'c\.txt'"):
        await read("f:c.txt")


async def test_entries_of_other_threads_are_named_with_their_thread(memory: Memory) -> None:
    await memory.say("here")
    await memory.say("there", "01jc8vq2k3aaaabbbbccccdddd")
    (hit, *_) = await memory.find("there")
    assert hit.ref == "01jc8vq2k3aaaabb:e1"
    assert await memory.recall.read(hit.ref) == b"there"
    assert await memory.recall.read("01jc8v:e1") == b"there"
    assert await memory.recall.read("e1") == b"here"


async def test_a_reference_means_the_same_in_a_later_session(memory: Memory) -> None:
    await memory.say("what was said")
    recall = SqliteRecall(memory.store.database.path, memory.workspace)
    try:
        assert await recall.read("thread-1:e1") == b"what was said"
        with pytest.raises(ToolError, match="names no thread"):
            await recall.read("e1")
    finally:
        await recall.aclose()


@pytest.mark.parametrize("ref", ["", "42", "e", "x42", "f:", "nobody-at-all:e1", "e99"])
async def test_what_is_no_reference_is_refused(memory: Memory, ref: str) -> None:
    await memory.say("hello")
    with pytest.raises(ToolError):
        await memory.recall.read(ref)


async def test_an_event_without_text_says_so(memory: Memory) -> None:
    seq = await memory.add(SnapshotTaken("0" * 64, "before"))
    with pytest.raises(ToolError, match="holds no text: it is an event of kind 'snapshot'"):
        await memory.recall.read(f"e{seq}")


async def test_what_a_check_printed_is_remembered(memory: Memory) -> None:
    evidence = Evidence("pytest -q", 1, 0.1, tail="FAILED tests/test_kestrel.py::test_it")
    seq = await memory.add(CheckRun("tests", "block", (evidence,)))
    assert await memory.refs("test_kestrel.py") == [f"e{seq}"]
    assert (await memory.recall.read(f"e{seq}")).startswith(b"$ pytest -q\nFAILED")
