"""The exact and the regex search: what is found is there, what is there is found."""

import random

import pytest

from kodo.base.errors import ToolError

from .conftest import Memory

pytestmark = pytest.mark.anyio


async def test_any_substring_is_found(memory: Memory) -> None:
    draw = random.Random(1)
    words = ["alpha_beta", "Gamma", "x1", "((", "=>", "日本語", "-", '"q"', "e\u0301", "\t", "v2.5"]
    text = "\n".join(" ".join(draw.choice(words) for _ in range(8)) for _ in range(300))
    await memory.output(text)
    await memory.say("something else")
    for _ in range(60):
        start = draw.randrange(len(text) - 50)
        wanted = text[start : start + draw.randrange(3, 50)]
        hits = await memory.find(wanted, mode="exact", k=3)
        assert hits, wanted
        assert hits[0].ref == "e1"


async def test_an_exact_search_is_exact(memory: Memory) -> None:
    await memory.output("timeout_s: float = 30\n")
    await memory.output("timeout_s : float = 30\nTIMEOUT_S: float = 30\n")
    assert await memory.refs("timeout_s: float", mode="exact") == ["e1"]
    assert await memory.refs("timeout_s: floats", mode="exact") == []
    assert await memory.refs("ut_s: fl", mode="exact") == ["e1"]


async def test_a_text_over_several_lines_is_found_where_it_begins(memory: Memory) -> None:
    memory.write("a.py", "def one():\n" + "    a = 1\n" * 9 + "\n\ndef two():\n    pass\n")
    await memory.recall.catch_up()
    (hit,) = await memory.find("    a = 1\n\n\ndef two():", mode="exact")
    assert (hit.ref, hit.first_line) == ("f:a.py@1", 1)


async def test_current_versions_come_before_replaced_ones(memory: Memory) -> None:
    for text in ("lagoon one\n", "lagoon two\n", "none\n"):
        memory.write("a.txt", text)
        await memory.recall.catch_up()
    memory.write("b.txt", "lagoon three\n")
    await memory.recall.catch_up()
    refs = await memory.refs("lagoon", mode="exact")
    assert refs[0] == "f:b.txt@1"
    assert set(refs[1:]) == {"f:a.txt@1", "f:a.txt@2"}


async def test_a_regex_fits_lines(memory: Memory) -> None:
    await memory.output("GET /v1/orders 503\nGET /v1/users 200\n")
    await memory.output("POST /v1/orders 200\n")
    assert await memory.refs(r"/orders\s+5\d\d$", mode="regex") == ["e1"]
    assert set(await memory.refs(r"^(GET|POST) ", mode="regex")) == {"e1", "e2"}
    assert await memory.refs(r"503.GET", mode="regex") == []


async def test_scope_and_number_hold_for_both(memory: Memory) -> None:
    memory.write("a.py", "needle_here\n")
    await memory.recall.catch_up()
    for _ in range(5):
        await memory.output("needle_here")
    await memory.say("needle_here too")
    for mode in ("exact", "regex"):
        assert await memory.refs("needle_here", mode=mode, path="*.py") == ["f:a.py@1"]
        assert await memory.refs("needle_here", mode=mode, kinds=("user",)) == ["e6"]
        assert len(await memory.find("needle_here", mode=mode, k=2)) == 2


async def test_a_bad_expression_and_an_empty_text_are_refused(memory: Memory) -> None:
    with pytest.raises(ToolError, match="is not a regular expression"):
        await memory.find("(", mode="regex")
    with pytest.raises(ToolError, match="empty"):
        await memory.find("", mode="exact")
