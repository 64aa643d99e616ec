"""Recalled text: behind what repeats, before a short question, with the cache's mark in front."""

from typing import Any

import msgspec
import pytest

from kodo.core.messages import Assistant, Message, Reasoning, Text, ToolCall, ToolResult, User, user
from kodo.core.model import Prompt
from kodo.models.chat_request import chat_messages
from kodo.models.messages_request import turns
from kodo.models.recalled import QUESTION_CHARS, join_recalled

BLOCK = "[what was recalled]"
MARK = {"type": "ephemeral"}
CALL = Assistant((ToolCall("c1", "t", "{}"),), "a/m", "tool_calls")
RESULT = ToolResult("c1", "t", (Text("out"),))
THREAD: tuple[Message, ...] = (user("do it"), CALL, RESULT)


def joined(*messages: Message) -> tuple[Message, ...]:
    prompt = join_recalled(Prompt("", messages, recalled=BLOCK))
    assert prompt.recalled == ""
    return prompt.messages


def test_a_short_question_comes_last() -> None:
    assert joined(user("why?"))[-1] == User((Text(f"{BLOCK}\n"), Text("why?")))


def test_anything_else_comes_first() -> None:
    long = "x" * (QUESTION_CHARS + 1)
    assert [part.text for part in joined(user(long))[-1].parts if isinstance(part, Text)] == [
        long,
        f"\n{BLOCK}",
    ]
    newest = joined(*THREAD)[-1]
    assert isinstance(newest, ToolResult)
    assert newest.text == f"out\n\n{BLOCK}"
    assert joined(CALL)[-1] == user(BLOCK)


def test_without_recalled_text_nothing_changes() -> None:
    prompt = Prompt("", THREAD)
    assert join_recalled(prompt) is prompt


def test_reasoning_goes_back_on_the_chat_wire_as_without_it() -> None:
    thinking = Assistant((Reasoning("hm", "reasoning_content", "a"), *CALL.parts), "a/m")
    prompt = Prompt("", (user("do it"), thinking, RESULT), recalled=BLOCK)
    with_it = chat_messages(join_recalled(prompt), {})
    without = chat_messages(msgspec.structs.replace(prompt, recalled=""), {})
    assert with_it[:-1] == without[:-1]
    assert with_it[1]["reasoning_content"] == "hm"


def blocks(*messages: Message, recalled: str = BLOCK) -> list[list[dict[str, Any]]]:
    made: list[Any] = turns(messages, {}, recalled)
    return [message["content"] for message in made]


@pytest.mark.parametrize(
    ("messages", "place"),
    [
        (THREAD, (2, 0)),
        ((*THREAD, user("and now?")), (2, 0)),
        ((user("do it"), Assistant((Text("done"),), "a/m"), user("and now?")), (1, 0)),
        ((user("x" * (QUESTION_CHARS + 1)),), (0, 0)),
    ],
)
def test_the_mark_stands_on_what_the_next_prompt_repeats(
    messages: tuple[Message, ...], place: tuple[int, int]
) -> None:
    found = blocks(*messages)
    marked = [
        (turn, at)
        for turn, content in enumerate(found)
        for at, block in enumerate(content)
        if "cache_control" in block
    ]
    assert marked == [place]
    (at,) = [at for at, block in enumerate(found[-1]) if block.get("text") == BLOCK]
    plain = blocks(*messages, recalled="")[-1]
    left = [block for block in found[-1] if block.get("text") != BLOCK]
    assert [{**block, "cache_control": None} for block in left] == [
        {**block, "cache_control": None} for block in plain
    ]
    asked = messages[-1] == user("and now?")
    assert at == len(found[-1]) - (2 if asked else 1)


def test_a_lone_question_and_a_thought_take_no_mark() -> None:
    assert not any("cache_control" in block for block in blocks(user("why?"))[0])
    thought = Assistant((Reasoning("hm", "signed", "a"),), "a/m")
    found = blocks(user("do it"), thought, user("why?"))
    assert not any("cache_control" in block for content in found for block in content)
