"""The ranked search over a real store: exact details first, whoever said them and wherever."""

import pytest

from kodo.base.errors import ToolError
from kodo.core.recall import Query

from .conftest import Memory

pytestmark = pytest.mark.anyio

FILLER = "\n".join(f"line {n} of ordinary text about nothing in particular" for n in range(200))


async def test_each_kind_of_text_is_found_under_its_reference(memory: Memory) -> None:
    await memory.say("please keep the quartz budget at 48213")
    await memory.reply("the tundra limit is what I changed")
    await memory.output("WARN worker-17 basalt queue is full\n")
    memory.write("src/ember.py", "EMBER_LIMIT = 3\n")
    await memory.recall.catch_up()
    for text, kind, ref in [
        ("quartz budget", "user", "e1"),
        ("tundra limit", "assistant", "e2"),
        ("basalt queue", "tool", "e3"),
        ("ember limit", "file", "f:src/ember.py@1"),
    ]:
        (hit, *_) = await memory.find(text)
        assert (hit.kind, hit.ref) == (kind, ref)
    (hit,) = await memory.find("EMBER_LIMIT", kinds=("file",))
    assert (hit.path, hit.first_line, hit.last_line, hit.entry, hit.thread) == (
        *("src/ember.py", 1, 1, 0, ""),
    )
    assert hit.anchored
    assert hit.current
    assert hit.at


async def test_a_search_sees_what_was_appended_just_before_it(memory: Memory) -> None:
    for number in range(3):
        seq = await memory.say(f"the harbor code is {number}{number}{number}71")
        assert (await memory.refs(f"harbor code {number}{number}{number}71"))[0] == f"e{seq}"


@pytest.mark.parametrize(
    ("line", "questions"),
    [
        (
            "MAX_RETRY_QUARTZ = 48213",
            ["MAX_RETRY_QUARTZ", "max retry of quartz", "48213", "48,213"],
        ),
        ("const retryTundraBudget = 77;", ["retry budget of tundra", "retryTundraBudget?"]),
        (
            "deployed 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b to ember",
            ["9f86d081", "what is 1884c7d6", "55ad015a3bf4f1b", "9F86D081"],
        ),
        ("job 88120 failed: connection reset at 10.0.3.17", ["job 88120", "who is 10.0.3.17"]),
        ("E-4711: the ledger is closed", ["what does e-4711 mean", "E-4711"]),
        ("HTTP 503 from /v1/orders", ["503", "/v1/orders"]),
        ("see services/billing/amber_engine.py", ["amber_engine.py", "services/billing"]),
        ("数据库连接超时，错误码E1042", ["数据库连接", "错误码", "E1042"]),
        ("Die Größe des Übergabepuffers", ["übergabepuffer größe", "Übergabepuffers"]),
        ("timeout = 1_500_000  # microseconds", ["1_500_000", "1500000"]),
        ('say "the cobalt bridge is closed" twice', ['"the cobalt bridge is closed"']),
    ],
)
async def test_a_detail_among_much_text_is_first(
    memory: Memory, line: str, questions: list[str]
) -> None:
    await memory.output(f"{FILLER}\n{line}\n{FILLER}")
    await memory.output(FILLER.replace("ordinary", "extraordinary"))
    for question in questions:
        hits = await memory.find(question, k=3)
        assert hits, question
        assert line in hits[0].text, question


async def test_the_line_that_has_all_of_it_beats_those_that_have_parts(memory: Memory) -> None:
    for other in ("amber", "basalt", "cedar", "delta", "ember", "fjord"):
        await memory.output(f"{FILLER}\nquartz {other} budget: 1\n{other} tundra budget: 2\n")
    wanted = await memory.output(f"{FILLER}\nquartz tundra budget: 3\n{FILLER}")
    (hit, *_) = await memory.find("what is the budget of the quartz tundra?", k=3)
    assert hit.ref == f"e{wanted}"


async def test_common_words_do_not_push_an_exact_hit_out(memory: Memory) -> None:
    await memory.output("\n".join(f"the server answers request {n}" for n in range(2000)))
    wanted = await memory.say("zanzibarGate")
    text = "which request of the server answers about the zanzibarGate"
    assert f"e{wanted}" in await memory.refs(text, k=3)


async def test_the_newest_version_comes_first_and_old_ones_are_found(memory: Memory) -> None:
    memory.write("a.py", "def limit():\n    return 'cobalt 1'\n")
    await memory.recall.catch_up()
    memory.write("a.py", "def limit():\n    return 'cobalt 22'\n")
    await memory.recall.catch_up()
    hits = await memory.find("limit cobalt")
    assert [(hit.ref, hit.current) for hit in hits] == [("f:a.py@2", True), ("f:a.py@1", False)]


async def test_the_same_lines_are_shown_once(memory: Memory) -> None:
    memory.write("a.py", f"{FILLER}\nsaffron = 5\n")
    await memory.recall.catch_up()
    numbered = "\n".join(f"{n:>6}\t{line}" for n, line in enumerate(["x", "saffron = 5", "y"], 1))
    await memory.output(numbered)
    assert len(await memory.find("saffron")) == 1


async def test_kinds_paths_threads_and_time_narrow_a_search(memory: Memory) -> None:
    memory.write("src/one.py", "velvet = 1\n")
    memory.write("docs/two.md", "velvet two\n")
    await memory.recall.catch_up()
    first = await memory.say("velvet three")
    second = await memory.output("velvet four")
    await memory.say("velvet five", "thread-2-with-a-long-name")
    assert await memory.refs("velvet", kinds=("user",), thread="thread-1") == [f"e{first}"]
    assert await memory.refs("velvet", kinds=("tool",)) == [f"e{second}"]
    assert await memory.refs("velvet", path="*.md") == ["f:docs/two.md@1"]
    assert await memory.refs("velvet", path="src/**") == ["f:src/one.py@1"]
    assert await memory.refs("velvet", thread="thread-2-with") == ["thread-2-with-a-long-name:e1"]
    past = await memory.refs("velvet", as_of=f"e{first}")
    assert f"e{first}" in past
    assert f"e{second}" not in past


async def test_a_narrow_scope_is_searched_beyond_the_best_of_everything(memory: Memory) -> None:
    for number in range(120):
        await memory.output(f"willow willow willow {number}")
    memory.write("deep/found.txt", f"{FILLER}\nwillow\n")
    await memory.recall.catch_up()
    assert await memory.refs("willow", path="deep/*") == ["f:deep/found.txt@1"]


async def test_as_of_an_entry_what_was_current_then_counts(memory: Memory) -> None:
    memory.write("a.cfg", "onyx = 1\n")
    await memory.recall.catch_up()
    then = await memory.say("now it is one")
    memory.write("a.cfg", "onyx = 2\n")
    await memory.recall.catch_up()
    await memory.say("now it is two")
    assert await memory.refs("onyx", kinds=("file",), as_of=f"e{then}") == ["f:a.cfg@1"]
    assert (await memory.refs("onyx", kinds=("file",)))[0] == "f:a.cfg@2"


async def test_what_nobody_said_is_not_found(memory: Memory) -> None:
    await memory.say("hello")
    assert await memory.find("xylophone") == []
    assert await memory.find("???") == []


@pytest.mark.parametrize(
    "text", ['a" OR "b', "NEAR(a b)", "* ^ - :", "(", "'", "inner: x AND", "\0"]
)
async def test_no_text_is_taken_for_the_index_s_own_language(memory: Memory, text: str) -> None:
    await memory.say("nothing of the sort")
    await memory.find(text)


@pytest.mark.parametrize("query", [Query("x", k=0), Query("x", k=10_000)])
async def test_a_number_of_hits_out_of_range_is_refused(memory: Memory, query: Query) -> None:
    with pytest.raises(ToolError, match="give 1 to"):
        await memory.recall.search(query)


@pytest.mark.parametrize("options", [{"thread": "nobody-here"}, {"as_of": "e99"}])
async def test_an_unknown_scope_is_named(memory: Memory, options: dict[str, str]) -> None:
    await memory.say("hello")
    with pytest.raises(ToolError, match=r"nobody-here|no entry 99"):
        await memory.find("hello", **options)
