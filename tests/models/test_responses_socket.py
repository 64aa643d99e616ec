"""The WebSocket mode of the Responses API, against a real server on loopback."""

import asyncio
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.models.contract import KEY, WIRES, Clock, collect, listener, prompt
from tests.models.socket_server import (
    answer_in_turn,
    call,
    error,
    http_only,
    message,
    say,
    socket_server,
)
from websockets.asyncio.server import ServerConnection

from kodo.base.errors import AuthError, ModelError, Overloaded
from kodo.core.events import Retrying
from kodo.core.messages import Assistant, Delta, Message, Text, ToolCall, ToolResult, Usage, user
from kodo.models.dialogue import NoDialogue
from kodo.models.openai_responses import OpenAIResponses
from kodo.models.responses_socket import ResponsesSocket
from kodo.models.transport import Transport

pytestmark = pytest.mark.anyio
WIRE = next(wire for wire in WIRES if wire.name == "responses")
SSE = (Path(__file__).parent / "wire/responses/text.sse").read_bytes()
Json = dict[str, Any]


def model(
    url: str, *, clock: Clock | None = None, idle_s: float = 20, **more: Any
) -> OpenAIResponses:
    """Return a model that speaks the WebSocket mode."""
    sleep = (clock or Clock()).sleep
    transport = Transport(sleep=sleep, random=lambda: 0.0, idle_timeout_s=idle_s)
    made = WIRE.model(transport, base_url=url, open_dialogue=ResponsesSocket, **more)
    assert isinstance(made, OpenAIResponses)
    return made


async def ask(spoken: OpenAIResponses, *messages: Message, **more: Any) -> Assistant:
    """Return the reply to a prompt."""
    return (await collect(spoken, prompt(*messages, **more)))[1]


def texts(request: Json) -> list[str]:
    """Return the texts of a request's input."""
    return [piece["text"] for item in request["input"] for piece in item.get("content", ())]


async def test_a_conversation_sends_only_what_is_new() -> None:
    async def answer(connection: ServerConnection, request: Json, number: int) -> None:
        if number == 0:
            await say(connection, *call("read", "call_1", "resp_0"))
        else:
            await answer_in_turn(connection, request, number)

    async with socket_server(answer) as talk:
        spoken = model(talk.url)
        first = await ask(spoken, user("one"))
        assert first.parts == (ToolCall("call_1", "read", "{}"),)
        said: list[Message] = [user("one"), first, ToolResult("call_1", "read", (Text("out"),))]
        second = await ask(spoken, *said)
        assert (second.text, second.usage.input_tokens) == ("answer 1", 3)
        await ask(spoken, *said, second, user("more"))
        await spoken.aclose()
    assert talk.lines == [0, 0, 0]
    assert [request["type"] for request in talk.requests] == ["response.create"] * 3
    assert "previous_response_id" not in talk.requests[0]
    assert talk.requests[1]["previous_response_id"] == "resp_0"
    assert talk.requests[1]["input"] == [
        {"type": "function_call_output", "call_id": "call_1", "output": "out"}
    ]
    assert talk.requests[2]["previous_response_id"] == "resp_1"
    assert texts(talk.requests[2]) == ["more"]
    assert talk.headers[0]["authorization"] == f"Bearer {KEY}"
    assert "sec-websocket-extensions" not in talk.headers[0]


@pytest.mark.parametrize("changed", ["another thread", "other settings"])
async def test_what_does_not_continue_the_chain_is_sent_whole(changed: str) -> None:
    async with socket_server() as talk:
        spoken = model(talk.url)
        first = await ask(spoken, user("one"))
        if changed == "another thread":
            await ask(spoken, user("ONE"), first, user("two"))
        else:
            await ask(spoken, user("one"), first, user("two"), output_tokens=99)
        await spoken.aclose()
    assert talk.lines == [0, 0]
    assert "previous_response_id" not in talk.requests[1]
    assert len(talk.requests[1]["input"]) == 3


async def test_a_warm_up_reads_and_says_nothing() -> None:
    async def answer(connection: ServerConnection, request: Json, number: int) -> None:
        if request.get("generate") is False:
            await say(connection, {"type": "response.completed", "response": {"id": "warm"}})
        else:
            await answer_in_turn(connection, request, number)

    async with socket_server(answer) as talk:
        spoken = model(talk.url)
        assert (await ask(spoken, user("one"), output_tokens=0)).parts == ()
        await ask(spoken, user("one"), user("two"))
        await spoken.aclose()
    assert talk.requests[1]["previous_response_id"] == "warm"
    assert texts(talk.requests[1]) == ["two"]
    assert "generate" not in talk.requests[1]


@pytest.mark.parametrize(
    "code", ["previous_response_not_found", "websocket_connection_limit_reached"]
)
async def test_a_chain_that_the_server_lost_is_sent_again(code: str) -> None:
    async def answer(connection: ServerConnection, request: Json, number: int) -> None:
        if number == 1:
            await say(connection, error(code))
        else:
            await answer_in_turn(connection, request, number)

    async with socket_server(answer) as talk:
        spoken = model(talk.url)
        first = await ask(spoken, user("one"))
        second = await ask(spoken, user("one"), first, user("two"))
        await spoken.aclose()
    assert second.text == "answer 2"
    assert texts(talk.requests[2]) == ["one", "answer 0", "two"]
    assert "previous_response_id" not in talk.requests[2]


async def test_a_connection_that_died_meanwhile_is_noticed_before_use() -> None:
    async def answer(connection: ServerConnection, request: Json, number: int) -> None:
        await answer_in_turn(connection, request, number)
        if number == 0:
            await connection.close(1001, "going away")

    async with socket_server(answer) as talk:
        spoken = model(talk.url)
        first = await ask(spoken, user("one"))
        with anyio.fail_after(5):
            await talk.gone.wait()
        await ask(spoken, user("one"), first, user("two"))
        await spoken.aclose()
    assert talk.lines == [0, 1]
    assert "previous_response_id" not in talk.requests[1]


async def test_a_connection_lost_before_the_answer_is_opened_again() -> None:
    async def answer(connection: ServerConnection, request: Json, number: int) -> None:
        if number == 0:
            connection.transport.abort()
        else:
            await answer_in_turn(connection, request, number)

    clock, heard = Clock(), list[Retrying]()
    async with socket_server(answer) as talk:
        spoken = model(talk.url, clock=clock, on_retry=listener(heard))
        reply = await ask(spoken, user("one"))
        await spoken.aclose()
    assert reply.text == "answer 1"
    assert (talk.lines, len(heard)) == ([0, 1], 1)


async def test_a_wire_that_keeps_breaking_is_given_up() -> None:
    async def answer(connection: ServerConnection, request: Json, number: int) -> None:
        connection.transport.abort()

    async with socket_server(answer) as talk:
        spoken = model(talk.url, websocket_only=True)
        with pytest.raises(NoDialogue, match="breaks off"):
            await ask(spoken, user("one"))
        await spoken.aclose()
    assert len(talk.requests) == 2


async def test_an_answer_that_breaks_in_the_middle_is_an_error() -> None:
    async def answer(connection: ServerConnection, request: Json, number: int) -> None:
        await say(connection, *message("half", "resp_0")[:2])
        await connection.close(1011)

    async with socket_server(answer) as talk:
        spoken = model(talk.url)
        with pytest.raises(Overloaded, match="1011") as caught:
            await ask(spoken, user("one"))
        await spoken.aclose()
    assert caught.value.retryable is False
    assert len(talk.requests) == 1


async def test_a_busy_server_is_asked_again_after_the_wait_it_names() -> None:
    async def answer(connection: ServerConnection, request: Json, number: int) -> None:
        if number == 0:
            await say(connection, error("rate_limit_exceeded", 429, "try again in 1.5s"))
        else:
            await answer_in_turn(connection, request, number)

    clock = Clock()
    async with socket_server(answer) as talk:
        spoken = model(talk.url, clock=clock)
        assert (await ask(spoken, user("one"))).text == "answer 1"
        await spoken.aclose()
    assert clock.waits == [1.5]


async def test_errors_are_told_as_over_http() -> None:
    async def answer(connection: ServerConnection, request: Json, number: int) -> None:
        await say(connection, error("invalid_api_key", 401))

    async with socket_server(answer) as talk:
        spoken = model(talk.url)
        with pytest.raises(AuthError, match="401"):
            await ask(spoken, user("one"))
        await spoken.aclose()


async def test_silence_ends_the_call_though_pings_come() -> None:
    async def answer(connection: ServerConnection, request: Json, number: int) -> None:
        while True:
            await connection.ping()
            await asyncio.sleep(0.01)  # the peer's own pace, which the client must not hear

    async with socket_server(answer) as talk:
        spoken = model(talk.url, idle_s=0.2)
        with pytest.raises(ModelError, match="sent nothing for"):
            await ask(spoken, user("one"))
        await spoken.aclose()


async def test_leaving_an_answer_closes_the_connection() -> None:
    hold = anyio.Event()

    async def answer(connection: ServerConnection, request: Json, number: int) -> None:
        await say(connection, *message("first words", "resp")[:2])
        await connection.wait_closed()
        hold.set()

    async with socket_server(answer) as talk:
        spoken = model(talk.url)
        stream = spoken.stream(prompt(user("one")))
        assert isinstance(await anext(stream), Delta)
        await stream.aclose()
        with anyio.fail_after(5):
            await hold.wait()
        await spoken.aclose()


async def test_calls_at_the_same_time_have_connections_of_their_own() -> None:
    async with socket_server() as talk:
        spoken = model(talk.url)
        replies: list[Assistant] = []

        async def one(text: str) -> None:
            replies.append(await ask(spoken, user(text)))

        async with anyio.create_task_group() as tasks:
            for text in ("a", "b", "c"):
                tasks.start_soon(one, text)
        await spoken.aclose()
    assert sorted(reply.text for reply in replies) == ["answer 0", "answer 1", "answer 2"]
    assert sorted(talk.lines) == [0, 1, 2]


@pytest.mark.parametrize("status", [426, 404, 400, 501, 200])
async def test_a_server_without_the_mode_is_asked_by_http_ever_after(status: int) -> None:
    async with http_only(status, SSE) as asked:
        spoken = model(asked[0])
        await ask(spoken, user("one"))
        await ask(spoken, user("two"))
        await spoken.aclose()
        assert asked[1:] == ["GET", "POST", "POST"]


@pytest.mark.parametrize(("status", "told"), [(404, 1), (426, 1), (401, 0)])
async def test_a_server_that_has_no_socket_is_told_of(status: int, told: int) -> None:
    heard: list[None] = []
    async with http_only(status, SSE) as asked:
        spoken = model(asked[0], on_refusal=lambda: heard.append(None))
        with suppress(ModelError):
            await ask(spoken, user("one"))
        await spoken.aclose()
    assert len(heard) == told


async def test_where_only_a_websocket_will_do_its_refusal_is_the_error() -> None:
    async with http_only(426, SSE) as asked:
        spoken = model(asked[0], websocket_only=True)
        with pytest.raises(NoDialogue, match="426"):
            await ask(spoken, user("one"))
        await spoken.aclose()
        assert asked[1:] == ["GET"]


async def test_a_warm_up_over_http_costs_nothing() -> None:
    async with http_only(426, SSE) as asked:
        spoken = model(asked[0])
        reply = await ask(spoken, user("one"), output_tokens=0)
        await spoken.aclose()
        assert (reply.parts, reply.usage) == ((), Usage())
        assert asked[1:] == ["GET"]


async def test_long_answers_in_many_frames_arrive_whole() -> None:
    async def answer(connection: ServerConnection, request: Json, number: int) -> None:
        text = "é🙂" * 40_000
        for event in message(text, "resp"):
            data = json.dumps(event, ensure_ascii=False)
            await connection.send([data[i : i + 10_000] for i in range(0, len(data), 10_000)])

    async with socket_server(answer) as talk:
        spoken = model(talk.url)
        assert (await ask(spoken, user("one"))).text == "é🙂" * 40_000
        await spoken.aclose()
