"""The prompt of a call: eviction in batches, equal prefixes, every call keeps its result."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from kodo.agent.context import KEPT_RESULTS, REPLY_SHARE, Context, message_tokens, stub
from kodo.agent.turn import estimate_tokens
from kodo.core.messages import (
    Assistant,
    Image,
    Message,
    Text,
    ToolCall,
    ToolResult,
    user,
)
from kodo.core.model import ModelInfo, Prompt
from kodo.models.scripted import broken_exchange
from tests.agent.stage import MadeTool, Stage

WINDOW = 40_000
INFO = ModelInfo("test/small", "test", WINDOW, 1_000_000, abilities=frozenset({"tools"}))


@pytest.fixture
def context(workspace: Path) -> Context:
    return Context(Stage(workspace, [], [MadeTool("t")], info=INFO).agent)


def turns(count: int, line: str = "line {number}\n", lines: int = 400) -> Iterator[list[Message]]:
    """Yield the thread as it grows by one call and its result at a time."""
    messages: list[Message] = [user("the task")]
    for number in range(count):
        call = ToolCall(f"c{number}", "t", "{}")
        output = "".join(line.format(number=f"{number}.{at}") for at in range(lines))
        messages.append(Assistant((call,), "test/small", "tool_calls"))
        messages.append(ToolResult(call.id, "t", (Text(output),), details='{"x":1}'))
        yield list(messages)


def tokens(prompt: Prompt) -> int:
    return sum(message_tokens(message) for message in prompt.messages)


def test_a_thread_that_fits_is_sent_as_it_is(context: Context) -> None:
    messages = next(turns(1))
    prompt = context.build(messages, "thread")
    assert prompt.messages == tuple(messages)
    assert prompt.cache_key == "thread"
    assert [tool.name for tool in prompt.tools] == ["t"]
    assert prompt.instructions == "be brief"


def test_every_call_keeps_its_result_and_the_task_stays(context: Context) -> None:
    for messages in turns(60):
        prompt = context.build(messages, "")
        assert broken_exchange(prompt.messages) is None
        assert len(prompt.messages) == len(messages)
        assert prompt.messages[0] == user("the task")
        # what the model has just asked for is never a stub
        assert prompt.messages[-KEPT_RESULTS:] == tuple(messages[-KEPT_RESULTS:])


def test_the_prompt_leaves_room_for_the_reply(context: Context) -> None:
    fixed = estimate_tokens("be brief") + sum(
        estimate_tokens(spec.parameters + spec.description)
        for spec in context.build([user("x")], "").tools
    )
    for messages in turns(60):
        prompt = context.build(messages, "")
        assert tokens(prompt) + fixed <= WINDOW * (1 - REPLY_SHARE)


def test_between_evictions_the_prefix_stays_the_same_to_the_byte(context: Context) -> None:
    encode = msgspec.json.Encoder().encode
    before: list[bytes] = []
    evictions = 0
    for messages in turns(80):
        now = [encode(message) for message in context.build(messages, "").messages]
        if now[: len(before)] != before:
            evictions += 1
        before = now
    # Each eviction frees so much that several calls follow with an equal prefix.
    assert 2 <= evictions <= 80 // 6


def test_a_stub_once_made_stays_as_it_is(context: Context) -> None:
    stubs: dict[int, Message] = {}
    for messages in turns(60):
        shown = context.build(messages, "").messages
        for index, message in stubs.items():
            assert shown[index] == message
        for index, (whole, seen) in enumerate(zip(messages, shown, strict=True)):
            if whole != seen:
                stubs[index] = seen
    assert stubs


def test_evict_says_what_it_freed_and_when_there_is_nothing_left(context: Context) -> None:
    messages = list(turns(12))[-1]
    before = tokens(context.build(messages, ""))
    freed = context.evict(messages, 10)
    assert freed >= 10
    assert tokens(context.build(messages, "")) == before - freed
    while context.evict(messages, 10**9):
        pass
    assert context.evict(messages, 1) == 0


def test_call_ids_that_are_used_again_do_not_mix_results_up(context: Context) -> None:
    messages: list[Message] = [user("the task")]
    for number in range(20):
        messages.append(Assistant((ToolCall("call_0", "t", "{}"),), "test/small", "tool_calls"))
        output = Text(f"only in {number}\n" * 2500)
        messages.append(ToolResult("call_0", "t", (output,)))
    prompt = context.build(messages, "")
    results = [message for message in prompt.messages if isinstance(message, ToolResult)]
    assert ["older output" in result.text for result in results].count(True) > 3
    assert all(f"only in {number}\n" in result.text for number, result in enumerate(results))


def test_results_too_short_for_a_stub_free_nothing(context: Context) -> None:
    messages = list(turns(20, "x", 1))[-1]
    assert context.evict(messages, 10**9) == 0


def test_a_stub_keeps_head_tail_name_and_outcome() -> None:
    lines = "".join(f"line {number}\n" for number in range(1000))
    result = ToolResult("c1", "shell", (Text(lines),), "error", '{"exit_code":1}')
    short = stub(result)
    assert (short.call_id, short.name, short.outcome) == ("c1", "shell", "error")
    assert f"[older output of shell, {len(lines)} bytes, shortened to save room]" in short.text
    assert "line 0\n" in short.text
    assert "line 999\n" in short.text
    assert len(short.text) < 700


def test_an_image_gives_way_too() -> None:
    picture = ToolResult("c1", "read", (Text("a.png\n" * 400), Image("image/png", "0" * 64)))
    assert message_tokens(picture) > 1000
    short = stub(picture)
    assert not any(isinstance(part, Image) for part in short.parts)
