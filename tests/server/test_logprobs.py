"""Log-probabilities and tool choices on both of OpenAI's APIs, and on the way to a provider."""

from typing import Any

import msgspec
import pytest
from tests.models.network import PlayedNetwork, response
from tests.server.conftest import Json, running, steps

from kodo.core.messages import Assistant, Score, user
from kodo.core.model import ModelInfo, Prompt, ToolChoice, ToolSpec
from kodo.models import chat_request, messages_request, responses_request
from kodo.models.openai_chat import OpenAIChat
from kodo.models.openai_responses import OpenAIResponses
from kodo.models.transport import Transport

pytestmark = pytest.mark.anyio
SCORES = [
    {"text": "Hel", "logprob": -0.5, "top": [{"text": "Hel", "logprob": -0.5}]},
    {"text": "lo", "logprob": -0.25, "octets": [108, 111]},
]
TOKENS = [
    {
        "token": "Hel",
        "logprob": -0.5,
        "bytes": [72, 101, 108],
        "top_logprobs": [{"token": "Hel", "logprob": -0.5, "bytes": [72, 101, 108]}],
    },
    {"token": "lo", "logprob": -0.25, "bytes": [108, 111], "top_logprobs": []},
]
STEP: Json = {"text": "Hello", "scores": SCORES}
INFO = ModelInfo("farm/m", "farm", 1000, 100, abilities=frozenset({"tools", "logprobs"}))
TOOL = ToolSpec("shell", "Run.", '{"type":"object","properties":{}}')


async def test_responses_tell_the_tokens_of_the_text() -> None:
    async with running(steps(STEP, STEP, STEP)) as server:
        asked: Json = {"model": "m", "input": "hi", "include": ["message.output_text.logprobs"]}
        whole = (await server.post("/v1/responses", {**asked, "top_logprobs": 1})).json()
        assert whole["output"][0]["content"][0]["logprobs"] == TOKENS
        told = await server.events("/v1/responses", asked)
        by_kind = {event["type"].removeprefix("response."): event for event in told}
        assert by_kind["output_text.delta"]["logprobs"] == TOKENS
        assert by_kind["output_text.done"]["logprobs"] == TOKENS
        assert by_kind["content_part.done"]["part"]["logprobs"] == TOKENS
        plain = (await server.post("/v1/responses", {"model": "m", "input": "hi"})).json()
        assert plain["output"][0]["content"][0]["logprobs"] == []


async def test_chat_tells_the_tokens_of_the_text() -> None:
    async with running(steps(STEP, STEP, STEP)) as server:
        asked: Json = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
        more = {**asked, "logprobs": True, "top_logprobs": 1}
        whole = (await server.post("/v1/chat/completions", more)).json()
        assert whole["choices"][0]["logprobs"] == {"content": TOKENS, "refusal": None}
        chunks = await server.events("/v1/chat/completions", more)
        told = [chunk["choices"][0]["logprobs"] for chunk in chunks]
        assert [one for one in told if one] == [{"content": TOKENS, "refusal": None}]
        plain = (await server.post("/v1/chat/completions", asked)).json()
        assert plain["choices"][0]["logprobs"] is None
        wrong = await server.post("/v1/chat/completions", {**asked, "top_logprobs": 1})
        assert wrong.status_code == 400


async def test_a_model_that_tells_none_is_named() -> None:
    model = steps()
    silent = msgspec.structs.replace(model.info, abilities=frozenset({"tools"}))
    async with running(type(model)((), info=silent)) as server:
        asked: Json = {"model": "m", "input": "hi", "top_logprobs": 1}
        error = (await server.post("/v1/responses", asked)).json()["error"]
        assert error["code"] == "unsupported_parameter"
        assert "scripted/steps" in error["message"]


def _played(*events: object) -> bytes:
    return response(b"".join(b"data: %b\n\n" % msgspec.json.encode(one) for one in events))


async def test_a_gateway_passes_them_through_on_both_wires() -> None:
    chunk = {"choices": [{"delta": {"content": "Hello"}, "logprobs": {"content": TOKENS}}]}
    end: Json = {"choices": [{"delta": {}, "finish_reason": "stop"}]}
    chat = PlayedNetwork(_played(chunk, end))
    delta = {"type": "response.output_text.delta", "delta": "Hello", "logprobs": TOKENS}
    done = {"type": "response.completed", "response": {"id": "resp_1"}}
    responses = PlayedNetwork(_played(delta, done))
    prompt = Prompt("", (user("hi"),), top_logprobs=1)
    scores = msgspec.convert(TOKENS, tuple[Any, ...])
    for model in (
        OpenAIChat(INFO, base_url="http://farm.test/v1", transport=Transport(network=chat)),
        OpenAIResponses(
            INFO, base_url="http://farm.test/v1", transport=Transport(network=responses)
        ),
    ):
        reply = [piece async for piece in model.stream(prompt)][-1]
        assert isinstance(reply, Assistant)
        assert [score.text for score in reply.scores] == [one["token"] for one in scores]
        assert reply.scores[0].top == (Score("Hel", -0.5, (72, 101, 108)),)
        await model.aclose()
    assert b'"top_logprobs":1' in chat.streams[0].sent
    assert b'"include":["message.output_text.logprobs"]' in responses.streams[0].sent


@pytest.mark.parametrize(
    ("choice", "chat", "responses", "messages"),
    [
        (ToolChoice("none"), "none", "none", {"type": "none"}),
        (ToolChoice("required"), "required", "required", {"type": "any"}),
        (
            ToolChoice("named", "shell"),
            {"type": "function", "function": {"name": "shell"}},
            {"type": "function", "name": "shell"},
            {"type": "tool", "name": "shell"},
        ),
    ],
)
def test_a_gateway_passes_the_choice_on(
    choice: ToolChoice, chat: object, responses: object, messages: object
) -> None:
    prompt = Prompt("", (user("hi"),), (TOOL,), tool_choice=choice)
    assert chat_request.request_body(INFO, prompt, {})["tool_choice"] == chat
    assert responses_request.request_body(INFO, prompt, {})["tool_choice"] == responses
    assert messages_request.request_body(INFO, prompt, {})["tool_choice"] == messages


async def test_choices_of_all_apis_reach_the_model() -> None:
    call: Json = {"calls": [{"name": "shell"}]}
    model = steps(call, call, call, {"text": "no"})
    function: Json = {"type": "function", "name": "shell", "parameters": {"type": "object"}}
    other = {**function, "name": "other"}
    talk = [{"role": "user", "content": "hi"}]
    async with running(model) as server:
        allowed = {"type": "allowed_tools", "mode": "required", "tools": [function]}
        body: Json = {"model": "m", "input": "hi", "tools": [function, other]}
        answer = await server.post("/v1/responses", {**body, "tool_choice": allowed})
        assert answer.json()["tool_choice"]["mode"] == "required"
        body = {
            "model": "m",
            "messages": talk,
            "tools": [{"type": "function", "function": function}],
        }
        named = {"type": "function", "function": {"name": "shell"}}
        await server.post("/v1/chat/completions", {**body, "tool_choice": named})
        tools = [{"name": "shell", "input_schema": {"type": "object"}}]
        body = {"model": "m", "messages": talk, "max_tokens": 9, "tools": tools}
        await server.post("/v1/messages", {**body, "tool_choice": {"type": "any"}})
        await server.post("/v1/messages", {**body, "tool_choice": {"type": "none"}})
    assert [prompt.tool_choice for prompt in model.prompts] == [
        ToolChoice("required"),
        ToolChoice("named", "shell"),
        ToolChoice("required"),
        ToolChoice("none"),
    ]
    assert [spec.name for spec in model.prompts[0].tools] == ["shell"]
