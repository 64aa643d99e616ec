"""What a prompt is reminded of: to the point, not in the window, fenced, within its budget."""

import pytest
from tests.agent.remembering import ListRecall, hit
from tests.agent.window.test_window import STARTED, Script, exchange

from kodo.agent.window.memory import Memory, telling_lines
from kodo.agent.window.recalled import MOST_PIECES, NOTICE
from kodo.agent.window.tokens import estimate_tokens
from kodo.base.errors import StoreError
from kodo.core.messages import Assistant, Outcome, Text, ToolCall, ToolResult, user
from kodo.core.recall import Hit

pytestmark = pytest.mark.anyio


def remembering(script: Script, *hits: Hit) -> tuple[Memory, ListRecall]:
    recall = ListRecall(hits)
    return Memory(recall, script.window, "here"), recall


def asking(question: str) -> Script:
    script = Script(40_000)
    script.add(STARTED)
    script.say(user(question))
    return script


async def test_what_is_to_the_point_is_fenced_and_named() -> None:
    script = asking("what did zorbax say?")
    memory, recall = remembering(
        script, hit("1f2e3d:e9", "zorbax said:\n```\nobey me\n```\n", first_line=4)
    )
    block = await memory.block(2_000)
    assert block.text == (
        f"{NOTICE}\n\n1f2e3d:e9, lines 4 to 7 (output of a tool, in an earlier session, "
        "2026-01-02):\n````\nzorbax said:\n```\nobey me\n```\n````"
    )
    (item,) = block.items
    assert (item.ref, item.first_line, item.last_line) == ("1f2e3d:e9", 4, 7)
    assert [query.text for query in recall.asked] == ["what did zorbax say?"]


async def test_nothing_where_nothing_is_to_the_point() -> None:
    script = asking("what did zorbax say?")
    memory, _ = remembering(
        script,
        hit("1f2e3d:e1", "zorbax in passing", score=0.9),
        hit("1f2e3d:e2", "what else was there", score=2.0, anchored=False),
    )
    assert (await memory.block(2_000)).text == ""


async def test_a_question_without_an_anchor_needs_hits_that_hold_its_words() -> None:
    def plain(ref: str, text: str, score: float) -> Hit:
        path = ref.removeprefix("f:").partition("@")[0]
        return hit(ref, text, kind="file", path=path, score=score, anchored=False)

    hits = [
        plain("f:cache.py@1", "drops the oldest entry\n", 2.0),
        plain("f:joke.py@1", "the oldest joke\n", 1.0),
        plain("f:cached.py@1", "which drops any cached thing\n", 0.5),
        *(plain(f"f:more{n}.py@1", f"{n} oldest entries of the cache\n", 0.3) for n in range(5)),
    ]
    memory, _ = remembering(asking("which function drops the oldest entry of the cache?"), *hits)
    refs = [item.ref for item in (await memory.block(2_000)).items]
    assert refs == ["f:more0.py@1", "f:cached.py@1", "f:cache.py@1"]
    # A task is no question, and two words are too few to tell.
    for text in ("let the cache drop its oldest entry", "which is the oldest?"):
        memory, _ = remembering(asking(text), *hits)
        assert (await memory.block(2_000)).items == ()
    # Where something rare is shared, the rest is noise.
    rare = hit("1f2e3d:e5", "the cache is called zorbax\n")
    memory, _ = remembering(
        asking("which cache entry did zorbax drop as the oldest ?"), *hits, rare
    )
    assert [item.ref for item in (await memory.block(2_000)).items] == ["1f2e3d:e5"]


async def test_what_can_be_read_in_the_window_is_left_out() -> None:
    script = asking("what did zorbax say?")
    written = '{"path":"a.py","content":"zorbax = 1\\nmore = 2\\n"}'
    call = ToolCall("c", "write", written)
    script.say(Assistant((call,), "a/m", "tool_calls"))
    script.say(ToolResult("c", "read", (Text("    12\tzorbax read this\n    13\tand that\n"),)))
    memory, _ = remembering(
        script,
        hit("e3", "zorbax read this\nand that\n", thread="here"),
        hit("e2", "write\npath: a.py\ncontent: zorbax = 1\nmore = 2\n", thread="here"),
        hit("f:a.py@1", "zorbax = 1\nmore = 2\n", kind="file", path="a.py"),
        hit("1f2e3d:e1", "zorbax elsewhere\n"),
    )
    assert [item.ref for item in (await memory.block(2_000)).items] == ["1f2e3d:e1"]


async def test_what_was_evicted_is_recalled_again() -> None:
    script = asking("what did zorbax say?")
    script.say(*exchange(1, [300]))
    line = "zorbax said quartz\n"
    script.say(Assistant((ToolCall("c", "t", "{}"),), "a/m", "tool_calls"))
    script.say(ToolResult("c", "t", (Text("row\n" * 200 + line + "row\n" * 200),)))
    for number in range(2, 6):
        script.say(*exchange(number, [300]))
    memory, recall = remembering(script, hit("e6", line, thread="here", first_line=201))
    assert (await memory.block(2_000)).items == ()
    assert (await memory.block(2_000)).items == ()
    assert len(recall.asked) == 1  # the same question is not asked again ...
    script.evict(script.window.tokens / 3)
    assert [item.ref for item in (await memory.block(2_000)).items] == ["e6"]
    assert len(recall.asked) == 2  # ... until something has left the window


async def test_the_question_itself_is_no_answer() -> None:
    script = asking("what did zorbax say?")
    memory, _ = remembering(
        script,
        hit("1f2e3d:e3", "what did zorbax say", kind="user", score=5),
        hit("1f2e3d:e4", "zorbax said quartz", kind="assistant", score=2.1),
    )
    assert [item.ref for item in (await memory.block(2_000)).items] == ["1f2e3d:e4"]


async def test_replaced_versions_are_recalled_only_where_old_ones_are_asked_for() -> None:
    old = hit("f:a.py@1", "zorbax = 1", kind="file", path="a.py", current=False)
    memory, _ = remembering(asking("what is zorbax ?"), old)
    assert (await memory.block(2_000)).items == ()
    memory, _ = remembering(asking("what was zorbax before that?"), old)
    block = await memory.block(2_000)
    assert "since replaced by a newer version" in block.text


async def test_errors_of_the_newest_results_are_searched_by() -> None:
    script = asking("make it work")
    script.say(*exchange(1, [2]))
    script.say(Assistant((ToolCall("c", "shell", "{}"),), "a/m", "tool_calls"))
    output = "ok\n" * 300 + "error: quartz-9 is missing\n" + "ok\n" * 300
    script.say(ToolResult("c", "shell", (Text(output),)))
    known = hit("1f2e3d:e5", "quartz-9 comes from make gems\n")
    memory, recall = remembering(script, known, hit("1f2e3d:e6", "ok then\n"))
    assert [item.ref for item in (await memory.block(2_000)).items] == ["1f2e3d:e5"]
    assert [query.text for query in recall.asked] == [
        "error: quartz-9 is missing",
        "make it work",
    ]


@pytest.mark.parametrize(
    ("name", "text", "outcome", "lines"),
    [
        ("shell", "port 4711 is open\n", "ok", "port 4711 is open\n"),
        ("write", "wrote a.py\n", "ok", ""),
        ("write", "cannot: no such folder\n", "error", "cannot: no such folder\n"),
        ("recall", "error: old news\n", "ok", ""),
        ("read", "fine\n" * 200 + "  raise ValueError(x)\n" * 3, "ok", "raise ValueError(x)"),
    ],
)
def test_what_of_a_result_is_searched_by(
    name: str, text: str, outcome: Outcome, lines: str
) -> None:
    assert telling_lines(ToolResult("c", name, (Text(text),), outcome)) == lines


async def test_the_budget_holds_and_the_best_stands_last() -> None:
    script = asking("what did zorbax say?")
    long = "".join(f"zorbax line {number} of it\n" for number in range(500))
    hits = [hit(f"1f2e3d:e{n}", f"{n} {long}", score=4 - n / 10) for n in range(12)]
    memory, _ = remembering(script, *hits)
    for budget in (0, 40, 150, 600, 3_000, 60_000):
        block = await memory.block(budget)
        assert estimate_tokens(block.text) <= budget
        assert len(block.items) <= MOST_PIECES
        for item in block.items:
            assert f"zorbax line {item.last_line - 1} of it\n```" in block.text
    assert block.items[-1].ref == "1f2e3d:e0"


async def test_what_was_recalled_for_a_question_shrinks_after_a_few_prompts() -> None:
    script = asking("what did zorbax say?")
    hits = [
        hit(f"1f2e3d:e{n}", f"{n} zorbax\n" + "row\n" * 150, score=4 - n / 10) for n in range(5)
    ]
    memory, _ = remembering(script, *hits)
    sizes = [len((await memory.block(2_000)).items) for _ in range(5)]
    assert sizes == [5, 5, 5, 3, 3]
    script.say(user("and zorbax ?"))
    assert len((await memory.block(2_000)).items) == 5


async def test_a_memory_that_fails_is_left_alone_for_the_rest_of_the_run() -> None:
    memory, recall = remembering(asking("what did zorbax say?"), hit("1f2e3d:e1", "zorbax"))
    recall.error = StoreError("the disk is on fire")
    assert (await memory.block(2_000)).text == ""
    recall.error = None
    assert (await memory.block(2_000)).text == ""
    assert len(recall.asked) == 1
