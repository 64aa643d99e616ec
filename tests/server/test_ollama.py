"""Ollama's chat, as its clients use it: lines of JSON, tools without ids, loading a model."""

from typing import Any

import msgspec
import pytest
from tests.server.conftest import Json, Running, running, steps

from kodo.core.messages import Text, ToolCall, ToolResult, User

pytestmark = pytest.mark.anyio
TALK: list[Json] = [{"role": "user", "content": "hi"}]


async def lines(server: Running, path: str, body: Json) -> list[Json]:
    """POST a body; returns the lines of the answer."""
    answer = await server.post(path, {"model": "default:latest", **body})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [msgspec.json.decode(line) for line in answer.text.splitlines()]


async def test_a_chat_streams_lines_and_ends_with_the_counts() -> None:
    used = {"input_tokens": 7, "output_tokens": 3}
    async with running(steps({"reasoning": "hm", "text": "Hello", "usage": used})) as server:
        found = await lines(server, "/api/chat", {"messages": TALK})
    assert [one["done"] for one in found] == [*([False] * (len(found) - 1)), True]
    assert "".join(one["message"]["content"] for one in found) == "Hello"
    assert "".join(one["message"].get("thinking", "") for one in found) == "hm"
    last = found[-1]
    assert (last["done_reason"], last["prompt_eval_count"], last["eval_count"]) == ("stop", 7, 3)
    assert last["total_duration"] > 0
    assert last["model"] == "default:latest"


async def test_tools_go_there_and_back_without_ids() -> None:
    call: Json = {"name": "ls", "arguments": {"path": "."}}
    model = steps({"calls": [call, call]}, {"text": "two files"})
    tool = {"type": "function", "function": {"name": "ls", "parameters": {"type": "object"}}}
    async with running(model) as server:
        found = await lines(server, "/api/chat", {"messages": TALK, "tools": [tool]})
        calls = [each for one in found for each in one["message"].get("tool_calls", [])]
        assert calls == [{"function": {"name": "ls", "arguments": {"path": "."}}}] * 2
        talk = [
            *TALK,
            {"role": "assistant", "content": "", "tool_calls": calls},
            {"role": "tool", "content": "a.py", "tool_name": "ls"},
            {"role": "tool", "content": "b.py", "tool_name": "ls"},
        ]
        body = {"model": "m", "messages": talk, "tools": [tool], "stream": False}
        answer = (await server.post("/api/chat", body)).json()
        assert (answer["message"]["content"], answer["done"]) == ("two files", True)
    said = model.prompts[-1].messages
    assert [type(message).__name__ for message in said] == [
        "User",
        "Assistant",
        "ToolResult",
        "ToolResult",
    ]
    results = [message for message in said if isinstance(message, ToolResult)]
    assert [(one.call_id, one.text) for one in results] == [("call_1", "a.py"), ("call_2", "b.py")]
    assert isinstance(said[1].parts[0], ToolCall)


async def test_one_prompt_with_options_and_a_form() -> None:
    model = steps({"text": "{}"}, {"text": "{}"})
    options = {"temperature": 0.5, "seed": 3, "num_predict": 9, "stop": ["END"], "num_ctx": 4096}
    async with running(model) as server:
        body: Json = {"prompt": "p", "system": "Be short.", "options": options, "format": "json"}
        found = await lines(server, "/api/generate", body)
        assert "".join(one["response"] for one in found) == "{}"
        schema: Json = {"type": "object", "properties": {}}
        image: Json = {"images": ["aGk="], "format": schema, "options": {"num_predict": -1}}
        await lines(server, "/api/generate", {**body, **image})
    first, second = model.prompts
    assert (first.instructions, first.temperature, first.seed) == ("Be short.", 0.5, 3)
    assert (first.output_tokens, first.stop, first.schema) == (9, ("END",), '{"type":"object"}')
    assert first.messages == (User((Text("p"),)),)
    assert (second.output_tokens, second.schema) == (None, msgspec.json.encode(schema).decode())
    assert len(second.messages[0].parts) == 2


@pytest.mark.parametrize(
    ("path", "body", "status", "named"),
    [
        ("/api/chat", {"model": "gpt-9", "messages": TALK}, 404, "scripted/m"),
        ("/api/chat", {"model": "m", "messages": 5}, 400, "messages"),
        ("/api/chat", {"model": "m", "messages": TALK, "format": "xml"}, 400, "xml"),
        ("/api/generate", {"model": "m", "prompt": "a", "suffix": "b"}, 400, "suffix"),
        ("/api/chat", {"model": "m", "messages": [{"role": "tool", "content": "x"}]}, 400, "call"),
    ],
)
async def test_what_is_wrong_is_told_in_its_words(
    path: str, body: dict[str, Any], status: int, named: str
) -> None:
    async with running(steps()) as server:
        answer = await server.post(path, body)
        assert answer.status_code == status
        assert named in answer.json()["error"]


async def test_a_model_is_loaded_by_asking_nothing() -> None:
    async with running(steps()) as server:
        for path in ("/api/chat", "/api/generate"):
            answer = (await server.post(path, {"model": "m"})).json()
            assert (answer["done"], answer["done_reason"]) == (True, "stop")
