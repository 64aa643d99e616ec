"""What is special to the Responses API."""

import pytest
from tests.models.contract import WIRES, answered, collect, played, prompt
from tests.models.network import PlayedNetwork, response

from kodo.base.errors import ContextOverflow, ModelError
from kodo.core.messages import Reasoning, Text, ToolCall, Usage, user
from kodo.core.model import ModelInfo, Prompt
from kodo.models import payload
from kodo.models.exchange import Endpoint
from kodo.models.responses_reply import ResponsesEvent, ResponsesReader
from kodo.models.responses_request import input_items, request_body

pytestmark = pytest.mark.anyio
WIRE = next(wire for wire in WIRES if wire.name == "responses")
PLAIN = ModelInfo("openai/m", "openai", 1000, 100)


def take(*events: bytes) -> ResponsesReader:
    """Feed decoded events as a WebSocket would."""
    reader = ResponsesReader(PLAIN, Endpoint("openai", "http://x.test", {}))
    for event in events:
        list(reader.take(payload.decode(event, ResponsesEvent, "an event")))
    return reader


async def test_the_least_that_a_server_may_send_is_enough() -> None:
    network = PlayedNetwork(response(WIRE.body("minimal.sse")))
    deltas, reply = await collect(WIRE.model(played(network)), prompt())
    assert [delta.text for delta in deltas] == ["done"]
    assert (reply.text, reply.usage) == ("done", Usage())


async def test_encrypted_reasoning_goes_back_before_its_call() -> None:
    network = PlayedNetwork(response(WIRE.body("calls.sse")))
    reply = (await collect(WIRE.model(played(network)), prompt()))[1]
    network = PlayedNetwork(response(WIRE.body("text.sse")))
    await collect(WIRE.model(played(network)), prompt(user("go"), *answered(reply)))
    body = network.request_body()
    assert [item["type"] for item in body["input"]] == [
        "message",
        "reasoning",
        "message",
        "function_call",
        "function_call",
        "function_call_output",
        "function_call_output",
    ]
    assert body["input"][1] == {
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": "Two files."}],
        "encrypted_content": "gAAAAABsealed==",
    }
    assert body["include"] == ["reasoning.encrypted_content"]
    assert body["store"] is False
    assert body["instructions"] == "Be brief."


def test_what_a_model_without_reasoning_is_asked() -> None:
    asked = Prompt("", (user("x"),), temperature=0.3, output_tokens=1, cache_key="t1", stop=("a",))
    body = request_body(PLAIN, asked, {})
    assert (body["temperature"], body["max_output_tokens"]) == (0.3, 16)
    assert body["prompt_cache_key"] == "t1"
    assert not {"include", "tools", "text", "stop", "seed"} & set(body)


def test_reasoning_without_a_seal_stays_here() -> None:
    reader = take(
        b'{"type":"response.output_item.done","item":{"type":"reasoning","summary":[],'
        b'"content":[{"type":"reasoning_text","text":"open"}]}}',
        b'{"type":"response.output_item.done","item":{"type":"function_call","id":"f",'
        b'"name":"t","arguments":""}}',
        b'{"type":"response.completed","response":{}}',
    )
    reply = reader.finish()
    assert reply is not None
    assert reply.parts == (Reasoning("open", None, "openai"), ToolCall("f", "t", "{}"))
    assert [item["type"] for item in input_items((reply,), {})] == ["function_call"]


def test_output_in_the_last_event_only() -> None:
    reader = take(
        b'{"type":"response.completed","response":{"output":[{"type":"message","content":'
        b'[{"type":"output_text","text":"all"}]}]}}'
    )
    reply = reader.finish()
    assert reply is not None
    assert reply.parts == (Text("all"),)


def test_text_whose_item_never_ends() -> None:
    reader = take(
        b'{"type":"response.output_text.delta","delta":"half "}',
        b'{"type":"response.output_text.delta","delta":"done"}',
        b'{"type":"response.completed"}',
    )
    reply = reader.finish()
    assert reply is not None
    assert reply.text == "half done"


def test_a_filter_that_stops_the_reply_is_a_refusal() -> None:
    reader = take(
        b'{"type":"response.incomplete","response":{"incomplete_details":'
        b'{"reason":"content_filter"}}}'
    )
    reply = reader.finish()
    assert reply is not None
    assert reply.stop == "refusal"


def test_failures_inside_the_stream() -> None:
    with pytest.raises(ContextOverflow):
        take(
            b'{"type":"response.failed","response":{"error":{"code":"context_length_exceeded",'
            b'"message":"too long"}}}'
        )
    with pytest.raises(ModelError, match="no explanation"):
        take(b'{"type":"error"}')
    with pytest.raises(ContextOverflow) as caught:
        take(
            b'{"type":"error","status":400,"error":{"code":"context_length_exceeded",'
            b'"message":"too long"}}'
        )
    assert caught.value.status == 400


def test_unknown_events_change_nothing() -> None:
    assert take(b'{"type":"response.new_thing","delta":"x"}', b"{}").finish() is None
