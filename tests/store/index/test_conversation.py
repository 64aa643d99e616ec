"""What was said is found by the messages around it, and by the day that a question names."""

from datetime import UTC, datetime

import pytest

from kodo.core.events import Event, MessageAdded
from kodo.core.messages import user
from kodo.core.thread import Entry, ThreadHeader

from .conftest import Memory

pytestmark = pytest.mark.anyio


async def test_an_answer_without_the_words_comes_up_beside_what_was_asked(memory: Memory) -> None:
    for number in range(30):
        await memory.say(f"nothing much today, rain again, number {number}")
    await memory.say("we went for a picnic with friends from the choir")
    await memory.reply("lovely, and what did you all do there?")
    answer = await memory.say("charades, mostly, and everybody laughed")
    for number in range(30):
        await memory.reply(f"more small talk about cooking, number {number}")
    found = await memory.refs("what did the friends do at the choir picnic", k=3)
    assert f"e{answer}" in found


async def test_the_day_that_a_question_names_is_that_of_the_entry(memory: Memory) -> None:
    await memory.store.log.create(
        ThreadHeader("diary", datetime(2025, 1, 1, tzinfo=UTC), str(memory.workspace))
    )
    for month in range(1, 13):
        at = datetime(2025, month, 13, 9, tzinfo=UTC)
        colour = "abcdefghijkl"[month - 1] * 3
        text = f"today I painted another picture of the harbour, with colour {colour}"
        parent = f"m{month - 1}" if month > 1 else None
        event = Event(month, "run", at, MessageAdded(user(text)))
        await memory.store.log.append("diary", Entry(f"m{month}", parent, event))
    for question in (
        "which picture of the harbour was painted on October 13, 2025?",
        "which picture of the harbour was painted in October",
        "what was painted on 13th of October 2025 of the harbour",
    ):
        (first, *_) = await memory.find(question)
        assert (first.thread, first.entry) == ("diary", 10)


async def test_other_threads_and_other_kinds_stay_out_of_a_narrow_scope(memory: Memory) -> None:
    await memory.say("the choir picnic was fun", "one")
    await memory.say("the choir picnic was rained out", "two")
    assert {hit.thread for hit in await memory.find("choir picnic", thread="two")} == {"two"}
    await memory.reply("a choir picnic, splendid", "two")
    assert {hit.kind for hit in await memory.find("choir picnic", kinds=("assistant",))} == {
        "assistant"
    }


async def test_nothing_is_shown_twice_and_pages_go_on(memory: Memory) -> None:
    for number in range(60):
        await memory.say(f"the choir sings on evening number {number} of the festival")
    first = await memory.refs("when does the choir sing at the festival", k=10)
    second = await memory.refs("when does the choir sing at the festival", k=10, page=2)
    assert len(set(first)) == len(first) == 10
    assert not set(first) & set(second)
