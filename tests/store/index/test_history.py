"""History: all versions, in order, and only those."""

import pytest

from kodo.base.errors import ToolError
from kodo.core.events import FileChange, FilesChanged
from kodo.core.messages import Assistant, ToolCall

from .conftest import Memory

pytestmark = pytest.mark.anyio


async def texts(memory: Memory, subject: str) -> list[str]:
    """Return the texts of a history."""
    return [hit.text.strip() for hit in await memory.recall.history(subject)]


@pytest.mark.parametrize("count", [2, 4, 8])
async def test_all_values_of_a_key_come_in_order(memory: Memory, count: int) -> None:
    for number in range(count):
        filler = "\n".join(f"noise {number} {n} max_harbor" for n in range(30))
        text = f"{filler}\nmax_harbor_conn = {number * 7}\n{filler}"
        await (memory.say, memory.reply, memory.output)[number % 3](text)
    assert await texts(memory, "max_harbor_conn") == [
        f"max_harbor_conn = {number * 7}" for number in range(count)
    ]


@pytest.mark.parametrize(
    "line",
    [
        "cobalt.port = 5",
        "cobalt.port: 5",
        '"cobalt.port": 5,',
        "cobalt.port := 5",
        "cobalt.port -> 5",
        "set cobalt.port to 5",
        "the cobalt.port is 5",
        "`cobalt.port` was raised to 5",
    ],
)
async def test_many_ways_to_set_a_key_count_and_naming_it_does_not(
    memory: Memory, line: str
) -> None:
    await memory.output("reading cobalt.port")
    await memory.output(line)
    await memory.output("if x == cobalt.port: return")
    assert await texts(memory, "cobalt.port") == [line]


async def test_a_key_that_is_nowhere_set_has_the_places_that_name_it(memory: Memory) -> None:
    await memory.output("one onyx_gate here")
    await memory.output("another onyx_gate there")
    assert await texts(memory, "onyx_gate") == ["one onyx_gate here", "another onyx_gate there"]


async def test_longer_names_and_other_spellings_are_other_keys(memory: Memory) -> None:
    await memory.output("LIMIT = 1\nlimit = 2\nLIMITS = 3\nMAX_LIMIT = 4")
    assert await texts(memory, "LIMIT") == ["LIMIT = 1"]


async def test_words_name_a_key_as_well(memory: Memory) -> None:
    await memory.say("the deploy window of zephyr is 14:30")
    await memory.say("the deploy window of ember is 9:00")
    await memory.say("zephyr's deploy window is now 16:00")
    assert await texts(memory, "zephyr deploy window") == [
        "the deploy window of zephyr is 14:30",
        "zephyr's deploy window is now 16:00",
    ]


async def test_a_file_read_again_is_no_new_setting(memory: Memory) -> None:
    memory.write("a.cfg", "[x]\nraven = 1\n")
    await memory.recall.catch_up()
    await memory.output("     1\t[x]\n     2\traven = 1\n")
    call = ToolCall("1", "apply_patch", '{"patch": "-raven = 1\\n+raven = 2"}')
    await memory.tell(Assistant((call,), "test/model"))
    memory.write("a.cfg", "[x]\nraven = 2\n")
    await memory.recall.catch_up()
    await memory.say("now the other end of it")
    memory.write("a.cfg", "[x]\nother = 0\nraven = 2\n")
    await memory.recall.catch_up()
    values = [text[-1] for text in await texts(memory, "raven")]
    assert values == ["1", "2"]


async def test_all_versions_of_a_file_come_in_order(memory: Memory) -> None:
    names = [await memory.store.blobs.put(f"version {n}\n".encode()) for n in range(1, 5)]
    for before, after in zip([None, *names], names, strict=False):
        await memory.add(FilesChanged("call", (FileChange("src/app.py", before, after),)))
    hits = await memory.recall.history("src/app.py")
    assert [hit.ref for hit in hits] == [f"f:src/app.py@{n}" for n in range(1, 5)]
    assert [hit.text for hit in hits] == [f"version {n}\n" for n in range(1, 5)]
    assert [hit.current for hit in hits] == [False, False, False, True]
    assert [hit.entry for hit in hits] == [1, 2, 3, 4]
    assert [hit.ref for hit in await memory.recall.history("app.py", limit=2)] == [
        "f:src/app.py@3",
        "f:src/app.py@4",
    ]


async def test_a_long_file_shows_its_beginning(memory: Memory) -> None:
    memory.write("long.txt", "".join(f"line {n}\n" for n in range(5000)))
    await memory.recall.catch_up()
    (hit,) = await memory.recall.history("long.txt")
    assert hit.first_line == 1
    assert hit.text == (await memory.recall.read("f:long.txt@1", 1, hit.last_line)).decode()
    assert len(hit.text) <= 4096


async def test_of_many_the_newest_are_shown(memory: Memory) -> None:
    for number in range(9):
        await memory.say(f"zenith = {number}")
    hits = await memory.recall.history("zenith", limit=3)
    assert [hit.text for hit in hits] == ["zenith = 6", "zenith = 7", "zenith = 8"]


@pytest.mark.parametrize("subject", ["nothing_of_the_sort", "", "  ", "no/such/file.py"])
async def test_what_is_unknown_is_told(memory: Memory, subject: str) -> None:
    await memory.say("hello")
    with pytest.raises(ToolError):
        await memory.recall.history(subject)
