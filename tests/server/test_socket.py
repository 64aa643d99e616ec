"""The WebSocket mode: chains, warm-up, lanes, steering, cancellation, heartbeats, limits."""

from collections.abc import AsyncGenerator

import anyio
import pytest
from tests.server.conftest import hear, hear_until, running, say, steps
from websockets.exceptions import ConnectionClosed

from kodo.core.messages import Assistant, Delta, Text
from kodo.core.model import ModelInfo, Prompt
from kodo.models.scripted import scripted_info
from kodo.server.gateway.generation import Pace
from kodo.server.service import Bounds

pytestmark = pytest.mark.anyio
END = ("response.completed", "response.incomplete", "response.failed", "error")


class Held:
    """A model that says its first words and then waits to be let go."""

    def __init__(self, *, silent: bool = False) -> None:
        self.go = anyio.Event()
        self.closed = anyio.Event()
        self.prompts: list[Prompt] = []
        self._silent = silent

    @property
    def info(self) -> ModelInfo:
        return scripted_info("held")

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Delta | Assistant, None]:
        self.prompts.append(prompt)
        try:
            if not self._silent:
                yield Delta("text", "first words")
            await self.go.wait()
            yield Assistant((Text("first words"),), self.info.id)
        finally:
            self.closed.set()

    async def aclose(self) -> None:
        pass


async def test_a_warm_up_and_a_chain_of_responses() -> None:
    model = steps({"text": "one"}, {"expect": "again", "text": "two"})
    async with running(model) as server, server.socket() as socket:
        warm = {"model": "m", "input": [{"role": "developer", "content": "be kind"}]}
        await say(socket, type="response.create", generate=False, **warm)
        ready = (await hear_until(socket, *END))[-1]["response"]
        assert (ready["status"], ready["output"]) == ("completed", [])
        await say(socket, type="session.unknown", anything=1)
        await say(
            socket,
            type="response.create",
            model="m",
            input="hi",
            store=False,
            previous_response_id=ready["id"],
        )
        first = (await hear_until(socket, *END))[-1]["response"]
        await say(
            socket,
            type="response.create",
            model="m",
            input="again",
            store=False,
            previous_response_id=first["id"],
        )
        second = (await hear_until(socket, *END))[-1]["response"]
        assert second["output"][0]["content"][0]["text"] == "two"
        assert [message.parts for message in model.prompts[-1].messages] == [
            (Text("hi"),),
            (Text("one"),),
            (Text("again"),),
        ]
        assert model.prompts[-1].instructions == "be kind"
        async with server.socket() as other:
            await say(
                other,
                type="response.create",
                model="m",
                input="x",
                previous_response_id=second["id"],
            )
            error = await hear(other)
            assert (error["type"], error["status"]) == ("error", 400)
            assert error["error"]["code"] == "previous_response_not_found"


async def test_a_stored_response_goes_on_over_another_connection_and_over_http() -> None:
    model = steps({"text": "one"}, {"text": "two"}, {"text": "three"})
    async with running(model) as server:
        async with server.socket() as socket:
            await say(socket, type="response.create", model="m", input="hi")
            one = (await hear_until(socket, *END))[-1]["response"]["id"]
        async with server.socket() as socket:
            await say(
                socket, type="response.create", model="m", input="b", previous_response_id=one
            )
            assert (await hear_until(socket, *END))[-1]["type"] == "response.completed"
        body = {"model": "m", "input": "c", "previous_response_id": one}
        assert (await server.post("/v1/responses", body)).status_code == 200
        assert len(model.prompts[-1].messages) == 3


async def test_lanes_run_side_by_side_and_one_lane_has_one_response() -> None:
    held = Held()
    async with running([held, steps({"text": "b"})]) as server, server.socket() as socket:
        await say(socket, type="response.create", model="m", input="x", stream_id="slow")
        events = await hear_until(socket, "response.output_text.delta")
        assert {event["stream_id"] for event in events} == {"slow"}
        await say(socket, type="response.create", model="m", input="x", stream_id="slow")
        assert (await hear(socket))["error"]["code"] == "response_in_progress"
        await say(socket, type="response.create", model="m1", input="x", stream_id="fast")
        events = await hear_until(socket, *END)
        assert {event["stream_id"] for event in events} == {"fast"}
        held.go.set()
        assert (await hear_until(socket, *END))[-1]["stream_id"] == "slow"


async def test_cancelling_ends_the_response_and_the_model() -> None:
    held = Held()
    async with running(held) as server, server.socket() as socket:
        await say(socket, type="response.create", model="m", input="x")
        begun = await hear_until(socket, "response.output_text.delta")
        await say(socket, type="response.cancel", response_id=begun[0]["response"]["id"])
        ended = (await hear_until(socket, *END))[-1]
        assert ended["response"]["status"] == "cancelled"
        assert ended["response"]["output"][0]["content"][0]["text"] == "first words"
        with anyio.fail_after(5):
            await held.closed.wait()


async def test_steering_ends_a_response_and_begins_its_successor() -> None:
    held = Held()
    async with running(held) as server, server.socket() as socket:
        await say(socket, type="response.create", model="m", input="x")
        begun = await hear_until(socket, "response.output_text.delta")
        first = begun[0]["response"]["id"]
        await say(socket, type="response.steer", previous_response_id="resp_no", input="y")
        failed = await hear(socket)
        assert (failed["type"], failed["error"]["code"]) == (
            "response.steer.failed",
            "response_not_found",
        )
        await say(socket, type="response.steer", previous_response_id=first, input="rather this")
        assert (await hear(socket))["type"] == "response.steer.accepted"
        steered = (await hear_until(socket, *END))[-1]
        assert steered["response"]["incomplete_details"] == {"reason": "steered"}
        held.go.set()
        successor = (await hear_until(socket, *END))[-1]["response"]
        assert successor["previous_response_id"] == first
        assert [message.parts for message in held.prompts[-1].messages] == [
            (Text("x"),),
            (Text("first words"),),
            (Text("rather this"),),
        ]
        await say(socket, type="response.steer", previous_response_id=successor["id"], input="y")
        assert (await hear(socket))["error"]["code"] == "response_already_completed"


async def test_silence_is_filled_with_events_and_not_with_pings() -> None:
    held = Held(silent=True)
    async with running(held, pace=Pace(heartbeat_s=0.02)) as server, server.socket() as socket:
        await say(socket, type="response.create", model="m", input="x")
        kinds = [(await hear(socket))["type"] for _ in range(6)]
        assert kinds == ["response.created", *["response.in_progress"] * 5]
        held.go.set()
        await hear_until(socket, "response.completed")


async def test_a_model_that_stalls_is_named() -> None:
    held = Held(silent=True)
    pace = Pace(heartbeat_s=0.02, stall_s=0.06)
    async with running(held, pace=pace) as server:
        async with server.socket() as socket:
            await say(socket, type="response.create", model="m", input="x")
            failed = (await hear_until(socket, *END))[-1]
            assert failed["type"] == "response.failed"
            assert failed["response"]["error"]["code"] == "upstream_stalled"
        body = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
        answer = await server.post("/v1/chat/completions", body)
        assert answer.status_code == 504
        assert "scripted/held" in answer.json()["error"]["message"]


async def test_an_old_connection_is_sent_away_and_clients_may_come_back() -> None:
    bounds = Bounds(connection_age_s=-1.0)
    async with running(steps(), bounds=bounds) as server, server.socket() as socket:
        await say(socket, type="response.create", model="m", input="x")
        error = await hear(socket)
        assert error["error"]["code"] == "websocket_connection_limit_reached"
        with pytest.raises(ConnectionClosed) as closed:
            await hear(socket)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1001


async def test_a_failing_model_fails_the_response_with_its_code() -> None:
    overflow = {"error": {"status": 400, "message": "maximum context length is 10 tokens"}}
    async with running(steps(overflow, overflow)) as server, server.socket() as socket:
        await say(socket, type="response.create", model="m", input="x")
        failed = (await hear_until(socket, *END))[-1]
        assert failed["response"]["error"]["code"] == "context_length_exceeded"
        answer = await server.post("/v1/responses", {"model": "m", "input": "x"})
        assert answer.status_code == 400
        assert answer.json()["error"]["code"] == "context_length_exceeded"
