"""The APIs besides Responses: Chat Completions, Messages, completions, embeddings, the facade."""

from typing import Any

import pytest
from msgspec.structs import replace
from tests.server.conftest import running, steps

from kodo.core.model import Candidate, Hole
from kodo.models.scripted import Scripted, scripted_info

pytestmark = pytest.mark.anyio

LONG = "a reply that is longer than sixty-four characters, so that it comes in two pieces"
CALLS: dict[str, Any] = {
    "reasoning": "look first",
    "calls": [
        {"name": "shell", "arguments": {"cmd": "ls"}},
        {"name": "apply_patch", "arguments": {"input": "*** Begin Patch"}},
    ],
    "usage": {"input_tokens": 10, "cached_tokens": 4, "output_tokens": 5},
}
CHAT_TOOLS = [
    {"type": "function", "function": {"name": "shell", "parameters": {"type": "object"}}},
    {"type": "custom", "custom": {"name": "apply_patch"}},
]


async def test_chat_whole_and_streamed_are_the_same_answer() -> None:
    async with running(steps({"text": LONG}, {"text": LONG})) as server:
        body = {"model": "default", "messages": [{"role": "user", "content": "hi"}]}
        whole = (await server.post("/v1/chat/completions", body)).json()
        assert whole["choices"][0]["message"] == {"role": "assistant", "content": LONG}
        assert whole["choices"][0]["finish_reason"] == "stop"
        chunks = await server.events(
            "/v1/chat/completions", {**body, "stream_options": {"include_usage": True}}
        )
        pieces = [c["choices"][0]["delta"].get("content", "") for c in chunks if c["choices"]]
        assert "".join(pieces) == LONG
        assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
        assert chunks[-1]["choices"] == []
        assert chunks[-1]["usage"]["total_tokens"] == 0


async def test_chat_calls_of_functions_and_custom_tools_go_there_and_back() -> None:
    model = steps(CALLS, CALLS, {"expect": "two files", "text": "done"})
    async with running(model) as server:
        body: dict[str, Any] = {
            "model": "default",
            "messages": [
                {"role": "system", "content": "be brief"},
                {"role": "user", "content": "x"},
            ],
            "tools": CHAT_TOOLS,
        }
        message = (await server.post("/v1/chat/completions", body)).json()["choices"][0]["message"]
        assert message["reasoning_content"] == "look first"
        function, custom = message["tool_calls"]
        assert function["function"] == {"name": "shell", "arguments": '{"cmd":"ls"}'}
        assert custom["custom"] == {"name": "apply_patch", "input": "*** Begin Patch"}
        chunks = await server.events("/v1/chat/completions", body)
        heard = [d for c in chunks for d in c["choices"][0]["delta"].get("tool_calls", [])]
        assert {d["index"] for d in heard} == {0, 1}
        assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"
        body["messages"] += [
            message,
            {"role": "tool", "tool_call_id": function["id"], "content": "two files"},
            {"role": "tool", "tool_call_id": custom["id"], "content": "two files patched"},
        ]
        assert (await server.post("/v1/chat/completions", body)).json()["choices"][0]["message"][
            "content"
        ] == "done"
        prompt = model.prompts[-1]
        assert prompt.instructions == "be brief"
        assert prompt.messages[1].parts[1:] == model.prompts[-1].messages[1].parts[1:]


async def test_messages_whole_and_streamed() -> None:
    model = steps(CALLS, CALLS, {"expect": "two files", "text": "done"})
    async with running(model) as server:
        body: dict[str, Any] = {
            "model": "default",
            "max_tokens": 100,
            "system": [
                {"type": "text", "text": "be brief", "cache_control": {"type": "ephemeral"}}
            ],
            "messages": [{"role": "user", "content": [{"type": "text", "text": "x"}]}],
            "tools": [
                {"name": "shell", "input_schema": {"type": "object"}},
                {"name": "apply_patch", "input_schema": {"type": "object"}},
                {"type": "web_search_20250305", "name": "web_search"},
            ],
        }
        whole = (await server.post("/v1/messages", body)).json()
        assert [block["type"] for block in whole["content"]] == ["thinking", "tool_use", "tool_use"]
        assert whole["stop_reason"] == "tool_use"
        assert whole["usage"]["input_tokens"] == 6
        assert whole["usage"]["cache_read_input_tokens"] == 4
        events = await server.events("/v1/messages", body)
        assert [e["type"] for e in events][:2] == ["message_start", "content_block_start"]
        assert events[-1]["type"] == "message_stop"
        starts = [e["content_block"]["type"] for e in events if e["type"] == "content_block_start"]
        assert starts == ["thinking", "tool_use", "tool_use"]
        results = [
            {"type": "tool_result", "tool_use_id": block["id"], "content": "two files"}
            for block in whole["content"][1:]
        ]
        body["messages"] += [
            {"role": "assistant", "content": whole["content"]},
            {"role": "user", "content": results},
        ]
        done = (await server.post("/v1/messages", body)).json()
        assert done["content"] == [{"type": "text", "text": "done"}]
        assert [spec.name for spec in model.prompts[0].tools] == ["shell", "apply_patch"]
        count = (await server.post("/v1/messages/count_tokens", body)).json()["input_tokens"]
        assert 20 < count < 200
        wrong = await server.post("/v1/messages", {**body, "max_tokens": None})
        assert wrong.status_code == 400
        assert wrong.json()["error"]["type"] == "invalid_request_error"


class Filler(Scripted):
    """A model that fills holes with what it was asked."""

    async def complete(self, hole: Hole, samples: int = 1) -> list[Candidate]:
        return [Candidate(f"{hole.prefix}|{hole.suffix}|{at}") for at in range(samples)]


async def test_completions_fill_holes_where_the_model_can() -> None:
    info = replace(scripted_info("filler"), abilities=frozenset({"complete"}))
    filler = Filler((), info=info)
    async with running([steps({"text": "later"}), filler]) as server:
        body = {"model": "m1", "prompt": "def f(", "suffix": "return x", "n": 2}
        choices = (await server.post("/v1/completions", body)).json()["choices"]
        assert [c["text"] for c in choices] == ["def f(|return x|0", "def f(|return x|1"]
        refused = await server.post("/v1/completions", {**body, "model": "m", "n": 1})
        assert refused.status_code == 400
        assert "cannot fill a hole" in refused.json()["error"]["message"]
        plain = {"model": "m", "prompt": "sooner or ", "echo": True}
        assert (await server.post("/v1/completions", plain)).json()["choices"][0]["text"] == (
            "sooner or later"
        )


async def test_what_editors_ask_for() -> None:
    async with running(steps()) as server:
        assert (await server.http.get("/api/version")).json() == {"version": "0.6.4"}
        tags = (await server.http.get("/api/tags")).json()["models"]
        assert [tag["model"] for tag in tags] == ["scripted/m", "default"]
        shown = (await server.post("/api/show", {"model": "default"})).json()
        assert "tools" in shown["capabilities"]
        assert shown["model_info"]["scripted.context_length"] == 1_000_000
        embeddings = await server.post("/v1/embeddings", {"model": "default", "input": "x"})
        assert embeddings.status_code == 400
        assert embeddings.json()["error"]["code"] == "unsupported_endpoint"
        listed = (await server.http.get("/v1/models")).json()["data"]
        assert [entry["id"] for entry in listed] == ["scripted/m", "default"]
        one = (await server.http.get("/v1/models/scripted/m")).json()
        assert one["context_window"] == 1_000_000
        assert (await server.http.get("/v1/models/other")).status_code == 404
        assert (await server.http.get("/v1/nothing")).status_code == 404
        assert (await server.http.get("/healthz")).status_code == 200
        assert (await server.http.get("/readyz")).status_code == 200
