"""The habits of the servers that speak Chat Completions."""

import pytest
from tests.models.contract import WIRES, collect, played, prompt
from tests.models.network import PlayedNetwork, response

from kodo.base.errors import ModelError
from kodo.core.messages import (
    Assistant,
    Image,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
    Usage,
    User,
    user,
)
from kodo.core.model import ModelInfo, Prompt
from kodo.models.chat_request import chat_messages, request_body

pytestmark = pytest.mark.anyio
CHAT = next(wire for wire in WIRES if wire.name == "chat")
PLAIN = ModelInfo("mine/m", "mine", 1000, 100)


async def reply_to(body: bytes) -> Assistant:
    names = iter("123456789")
    model = CHAT.model(played(PlayedNetwork(response(body))), new_id=lambda: next(names))
    return (await collect(model, prompt()))[1]


async def reply_of(*chunks: str) -> Assistant:
    lines = "".join(f"data: {chunk}\n\n" for chunk in chunks)
    return await reply_to(lines.encode())


async def test_no_done_and_no_usage() -> None:
    reply = await reply_to(CHAT.body("no_done.sse"))
    assert (reply.text, reply.stop, reply.usage) == ("Hello, wörld 😀", "end", Usage())


async def test_calls_without_ids_get_some() -> None:
    reply = await reply_to(CHAT.body("no_ids.sse"))
    assert reply.calls == (
        ToolCall("call_1", "read", '{"path":"a.py"}'),
        ToolCall("call_2", "read", '{"path":"b.py"}'),
    )
    assert reply.stop == "tool_calls"


@pytest.mark.parametrize("file", ["same_index.sse", "no_index.sse"])
async def test_calls_are_told_apart_by_id(file: str) -> None:
    reply = await reply_to(CHAT.body(file))
    assert [(c.id, c.arguments) for c in reply.calls] == [
        ("x1", '{"path":"a.py"}'),
        ("x2", '{"path":"b.py"}'),
    ]


async def test_an_id_may_come_late_and_may_be_repeated() -> None:
    def call(fields: str) -> str:
        return f'{{"choices":[{{"delta":{{"tool_calls":[{{"index":0,{fields}}}]}}}}]}}'

    reply = await reply_of(
        call('"function":{"name":"read","arguments":"{"}'),
        call('"id":"x","function":{"arguments":"\\"a\\":"}'),
        call('"id":"x","function":{"name":"read","arguments":"1}"}'),
        "[DONE]",
    )
    assert reply.calls == (ToolCall("x", "read", '{"a":1}'),)


async def test_reasoning_under_either_name_and_not_twice() -> None:
    reply = await reply_of(
        '{"choices":[{"delta":{"reasoning":"a","reasoning_content":"a"}}]}',
        '{"choices":[{"delta":{"reasoning":"b","reasoning_content":"b"}}]}',
        '{"choices":[{"delta":{"content":"c"},"finish_reason":"stop"}]}',
    )
    assert reply.parts == (Reasoning("ab", "reasoning_content", "maker_chat"), Text("c"))


async def test_content_in_pieces_and_whole_messages() -> None:
    reply = await reply_of(
        '{"choices":[{"delta":{"content":[{"type":"text","text":"a"},{"type":"image"}]}}]}',
        '{"choices":[{"message":{"role":"assistant","content":"b"},"finish_reason":"eos"}]}',
    )
    assert (reply.text, reply.stop) == ("ab", "end")


async def test_nulls_and_no_choices_are_borne() -> None:
    reply = await reply_of(
        '{"choices":null,"usage":null,"error":null}',
        '{"choices":[{"delta":null,"finish_reason":null}]}',
        '{"choices":[{"delta":{"content":null,"tool_calls":null},"finish_reason":"stop"}]}',
        '{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,'
        '"prompt_tokens_details":null}}',
    )
    assert (reply.parts, reply.usage.input_tokens, reply.usage.output_tokens) == ((), 3, 2)


async def test_a_cost_that_the_gateway_names_counts() -> None:
    reply = await reply_of(
        '{"choices":[{"delta":{"content":"x"},"finish_reason":"stop"}],'
        '"usage":{"prompt_tokens":3,"completion_tokens":2,"cost":0.5}}'
    )
    assert reply.usage.cost_usd == 0.5


async def test_a_content_filter_is_a_refusal() -> None:
    reply = await reply_of('{"choices":[{"delta":{},"finish_reason":"content_filter"}]}')
    assert reply.stop == "refusal"


def test_reasoning_goes_back_only_within_the_task_and_under_its_name() -> None:
    thought = Reasoning("hm", "reasoning_content", "mine")
    turn = Assistant((thought, ToolCall("c", "t", "{}")), "mine/m")
    result = ToolResult("c", "t", (Text("out"),))
    rows = chat_messages(Prompt("", (user("a"), turn, result)), {})
    assert rows[1]["reasoning_content"] == "hm"
    rows = chat_messages(Prompt("", (user("a"), turn, result, user("b"))), {})
    assert "reasoning_content" not in rows[1]


def test_images_of_results_follow_all_results() -> None:
    call = Assistant((ToolCall("c", "t", "{}"), ToolCall("d", "t", "{}")), "mine/m")
    shown = ToolResult("c", "t", (Image("image/png", "b"),))
    other = ToolResult("d", "t", (Text("out"),))
    rows = chat_messages(Prompt("", (call, shown, other, User((Text("?"),)))), {"b": "eHg="})
    assert [row["role"] for row in rows] == ["assistant", "tool", "tool", "user", "user"]
    url = {"url": "data:image/png;base64,eHg="}
    assert rows[3]["content"] == [{"type": "image_url", "image_url": url}]


def test_what_only_some_servers_take() -> None:
    asked = Prompt("", (user("x"),), output_tokens=9, temperature=0.5, seed=1, stop=("a",))
    body = request_body(PLAIN, asked, {})
    assert (body["max_tokens"], body["temperature"], body["seed"]) == (9, 0.5, 1)
    assert "prompt_cache_key" not in body
    official = ModelInfo("openai/gpt-5", "openai", 1, 1, abilities=frozenset({"reasoning"}))
    body = request_body(official, asked, {})
    assert body["max_completion_tokens"] == 9
    assert not {"max_tokens", "temperature"} & set(body)


def test_a_grammar_needs_the_ability() -> None:
    asked = Prompt("", (user("x"),), grammar="root ::= [a]")
    with pytest.raises(ModelError, match="'mine/m' cannot be held to a grammar"):
        request_body(PLAIN, asked, {})
    able = ModelInfo("mine/m", "mine", 1000, 100, abilities=frozenset({"grammar"}))
    assert request_body(able, asked, {})["grammar"] == "root ::= [a]"
