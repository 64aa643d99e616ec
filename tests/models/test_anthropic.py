"""What is special to the Messages API."""

import json

import pytest
from tests.models.contract import READ_TOOL, WIRES, answered, collect, played, prompt
from tests.models.network import PlayedNetwork, response

from kodo.core.messages import Assistant, Reasoning, Text, ToolCall, ToolResult, user
from kodo.core.model import ModelInfo, Prompt
from kodo.models import payload
from kodo.models.anthropic import Anthropic
from kodo.models.messages_request import EARLIER, GO_ON, request_body, turns

pytestmark = pytest.mark.anyio
WIRE = next(wire for wire in WIRES if wire.name == "messages")
MARK = {"type": "ephemeral"}
PLAIN = ModelInfo("anthropic/m", "anthropic", 1000, 100)


async def test_thinking_goes_back_signed_and_results_stand_together() -> None:
    network = PlayedNetwork(response(WIRE.body("calls.sse")))
    reply = (await collect(WIRE.model(played(network)), prompt()))[1]
    network = PlayedNetwork(response(WIRE.body("text.sse")))
    thread = (user("go"), *answered(reply), user("faster"))
    await collect(WIRE.model(played(network)), prompt(*thread))
    go, said, results = network.request_body()["messages"]
    assert go["content"] == [{"type": "text", "text": "go"}]
    assert said["content"][0] == {
        "type": "thinking",
        "thinking": "Two files.",
        "signature": "EqQBsealed==",
    }
    assert [b["type"] for b in said["content"]] == ["thinking", "text", "tool_use", "tool_use"]
    assert said["content"][2]["input"] == {"path": "a.py"}
    assert [b["type"] for b in results["content"]] == ["tool_result", "tool_result", "text"]


async def test_redacted_thinking_goes_back_as_it_came() -> None:
    network = PlayedNetwork(response(WIRE.body("redacted.sse")))
    reply = (await collect(WIRE.model(played(network)), prompt()))[1]
    blocks = turns((user("a"), reply, user("b")), {})[1]["content"]
    assert isinstance(blocks, list)
    assert blocks[0] == {"type": "redacted_thinking", "data": "EmwKsecret"}


def test_three_marks_for_the_cache() -> None:
    tools = (READ_TOOL, READ_TOOL)
    body = request_body(PLAIN, Prompt("Be brief.", (user("a"), user("b")), tools), {})
    assert body["system"] == [{"type": "text", "text": "Be brief.", "cache_control": MARK}]
    sent = json.loads(payload.encode(body["tools"]))
    assert ["cache_control" in tool for tool in sent] == [False, True]
    assert body["messages"] == [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "a"},
                {"type": "text", "text": "b", "cache_control": MARK},
            ],
        }
    ]
    assert body["max_tokens"] == 100


def test_a_failed_call_is_marked_and_broken_arguments_are_wrapped() -> None:
    call = Assistant((ToolCall("c", "t", "{"),), "a/b")
    _, said, result = turns((call, ToolResult("c", "t", (Text("no"),), "denied")), {})
    assert said["content"] == [
        {"type": "tool_use", "id": "c", "name": "t", "input": {"unparsed": "{"}}
    ]
    blocks = result["content"]
    assert isinstance(blocks, list)
    assert blocks[0]["is_error"] is True


def test_unsigned_thinking_stays_here() -> None:
    _, said, _ = turns((Assistant((Reasoning("hm"), Text("x")), "a/b"),), {})
    assert said["content"] == [{"type": "text", "text": "x"}]


def test_a_person_speaks_first_and_last() -> None:
    first, _, last = turns((Assistant((Text("x"),), "a/b"),), {})
    assert first["content"] == [{"type": "text", "text": EARLIER}]
    assert last["content"] == [{"type": "text", "text": GO_ON, "cache_control": MARK}]


def test_only_models_that_reason_are_asked_to_think() -> None:
    asked = Prompt("", (user("x"),), temperature=1.5, stop=("a", "\n"))
    body = request_body(PLAIN, asked, {})
    assert (body["temperature"], body["stop_sequences"]) == (1.0, ["a"])
    assert "thinking" not in body
    able = ModelInfo("anthropic/m", "anthropic", 1000, 100, abilities=frozenset({"reasoning"}))
    body = request_body(able, asked, {})
    assert body["thinking"] == {"type": "adaptive", "display": "summarized"}
    assert "temperature" not in body


@pytest.mark.parametrize(
    ("base_url", "path"),
    [
        ("http://maker.test", "/v1/messages"),
        ("http://maker.test/", "/v1/messages"),
        ("http://maker.test/v1/", "/v1/messages"),
        ("http://maker.test/api/v1/messages", "/api/v1/messages"),
        ("http://maker.test/v1?beta=1", "/v1/messages?beta=1"),
    ],
)
async def test_the_base_url_may_end_early_or_late(base_url: str, path: str) -> None:
    network = PlayedNetwork(response(WIRE.body("text.sse")))
    model = Anthropic(PLAIN, base_url=base_url, api_key="k", transport=played(network))
    await collect(model, prompt())
    head = network.request_head()
    assert head.startswith(f"POST {path} HTTP/1.1")
    assert "x-api-key: k" in head
    assert "anthropic-version: 2023-06-01" in head
