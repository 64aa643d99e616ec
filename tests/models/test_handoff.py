"""Threads made fit for another provider."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kodo.base.errors import ModelError
from kodo.core.messages import (
    Assistant,
    Image,
    Message,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
    User,
    user,
)
from kodo.core.model import ModelInfo, Prompt, ToolSpec
from kodo.models.handoff import PLAIN_CALL_ID, prepare, read_images

INFO = ModelInfo("a/m", "a", 1000, 100)


def ready(*messages: Message, images: bool = False) -> tuple[Message, ...]:
    return prepare(Prompt("", messages), INFO, images=images).messages


def test_own_reasoning_stays_and_foreign_reasoning_goes() -> None:
    thoughts = (Reasoning("mine", "s", "a"), Reasoning("theirs", "s", "b"), Text("x"))
    assert ready(Assistant(thoughts, "a/m")) == (
        Assistant((Reasoning("mine", "s", "a"), Text("x")), "a/m"),
    )
    assert ready(Assistant(thoughts, "a/other")) == (Assistant((Text("x"),), "a/other"),)


def test_messages_that_become_empty_go() -> None:
    thought = Assistant((Reasoning("hm", "s", "a"),), "a/m")
    assert ready(user(" \n"), thought, User(()), Assistant((), "a/m")) == ()


def test_ids_become_plain_and_unique_and_stay_the_same() -> None:
    def turn(call_id: str) -> tuple[Message, Message]:
        return Assistant((ToolCall(call_id, "t", "{}"),), "b/m"), ToolResult(call_id, "t", ())

    thread = (
        *turn("fc:1/é"),
        *turn("fc:1_é"),
        *turn("c" * 90),
        *turn("c1"),
        *turn("c1"),
        *turn(""),
    )
    messages = ready(*thread)
    calls = [m.calls[0].id for m in messages if isinstance(m, Assistant)]
    results = [m.call_id for m in messages if isinstance(m, ToolResult)]
    assert calls == results
    assert len(set(calls)) == 6
    assert all(PLAIN_CALL_ID.fullmatch(call) for call in calls)
    assert calls[3] == "c1"
    longer = ready(*thread, user("more"))
    assert longer[:-1] == messages


def test_a_result_says_that_there_was_nothing() -> None:
    call = Assistant((ToolCall("c", "t", "{}"),), "a/m")
    assert ready(call, ToolResult("c", "t", (Text(""),), "error", "{}"))[1] == ToolResult(
        "c", "t", (Text("(no output)"),), "error"
    )


def test_images_become_notes_for_those_who_cannot_see() -> None:
    picture = User((Image("image/png", "b"),))
    assert ready(picture, images=True) == (picture,)
    (noted,) = ready(picture)
    assert noted == user("[an image (image/png) was left out: this model reads text only]")


def test_instructions_tools_and_schema_are_repaired() -> None:
    spec = ToolSpec("t", "\ud800", '{"description":"\ud800"}')
    made = prepare(Prompt("\ud800", (), (spec,), schema='{"a":"\ud800"}'), INFO, images=False)
    assert made.instructions == "\ufffd"
    assert made.tools[0].description == "\ufffd"
    assert "\ufffd" in made.tools[0].parameters
    assert made.schema == '{"a":"\ufffd"}'


@given(st.lists(st.text(alphabet="aB1_-| .ä🙂\ud800\0", max_size=3), max_size=6))
def test_any_ids_keep_their_pairs(ids: list[str]) -> None:
    thread: list[Message] = []
    for call_id in ids:
        thread.append(Assistant((ToolCall(call_id, "t", "{}"),), "b/m"))
        thread.append(ToolResult(call_id, "t", ()))
    messages = ready(*thread)
    calls = [m.calls[0].id for m in messages if isinstance(m, Assistant)]
    assert calls == [m.call_id for m in messages if isinstance(m, ToolResult)]
    assert len(set(calls)) == len(ids)


@pytest.mark.anyio
async def test_each_image_is_read_once_and_has_a_limit() -> None:
    read: list[str] = []

    async def small(name: str) -> bytes:
        read.append(name)
        return b"abc"

    async def large(name: str) -> bytes:
        return b"x" * (21 << 20)

    picture = Image("image/png", "b")
    prompt = Prompt("", (User((picture, picture)), ToolResult("c", "t", (picture,))))
    assert await read_images(prompt, small) == {"b": "YWJj"}
    assert read == ["b"]
    with pytest.raises(ModelError, match="22020096 bytes"):
        await read_images(prompt, large)
