"""The fault matrix: clients that vanish, stall, send garbage or too much; a server that ends."""

import gc
import socket as sockets
from typing import Any

import anyio
import msgspec
import pytest
from tests.server.conftest import hear, hear_until, running, say, steps, until
from tests.server.test_socket import END, Held
from websockets.exceptions import ConnectionClosed

from kodo.server.gateway.generation import Pace
from kodo.server.service import Bounds

pytestmark = pytest.mark.anyio
REQUEST: dict[str, Any] = {"model": "m", "input": "x"}


async def test_a_connection_that_drops_mid_stream_ends_the_model() -> None:
    held = Held()
    async with running(held) as server:
        socket = await server.socket()
        await say(socket, type="response.create", **REQUEST)
        await hear_until(socket, "response.output_text.delta")
        socket.transport.abort()
        with anyio.fail_after(10):
            await held.closed.wait()
        held.closed = anyio.Event()
        with anyio.move_on_after(0.3):
            await server.events("/v1/responses", REQUEST)  # the client gives up
        with anyio.fail_after(10):
            await held.closed.wait()
        held.closed = anyio.Event()
        with anyio.move_on_after(0.3):
            await server.post(
                "/v1/chat/completions",
                {"model": "m", "messages": [{"role": "user", "content": "x"}]},
            )
        with anyio.fail_after(10):
            await held.closed.wait()
        await until(lambda: server.service.in_flight == 0)


async def test_garbage_is_answered_and_the_connection_lives() -> None:
    async with running(steps({"text": "still here"})) as server, server.socket() as socket:
        for frame in ("", "{", "[]", "null", '{"type":7}', '{"no":"type"}', "\ud7ff" * 100):
            await socket.send(frame)
            error = await hear(socket)
            assert (error["type"], error["status"]) == ("error", 400), frame
        await socket.send("[" * 50_000)
        assert (await hear(socket))["status"] == 400
        await say(socket, type="response.create", **REQUEST)
        assert (await hear_until(socket, *END))[-1]["type"] == "response.completed"


@pytest.mark.parametrize(("frame", "code"), [(b"\x00\x01", 1003), ("x" * 5000, 1009)])
async def test_frames_that_end_a_connection(frame: bytes | str, code: int) -> None:
    bounds = Bounds(max_body_bytes=4000)
    async with running(steps(), bounds=bounds) as server, server.socket() as socket:
        await socket.send(frame)
        with pytest.raises(ConnectionClosed) as closed:
            await hear(socket)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == code


async def test_half_open_and_broken_handshakes_do_no_harm() -> None:
    async with running(steps({"text": "fine"})) as server:
        address = ("127.0.0.1", int(server.url.rpartition(":")[2]))
        opened: list[sockets.socket] = []
        for data in (
            b"",
            b"GET /v1/resp",
            b"\x16\x03\x01\x02\x00",
            b"POST /v1/responses HTTP/1.1\r\n",
        ):
            client = sockets.create_connection(address)
            client.sendall(data)
            opened.append(client)
        answer = await server.post("/v1/responses", REQUEST)
        assert answer.status_code == 200
        for client in opened:
            client.close()


async def test_a_reader_that_does_not_read_is_dropped_and_harms_nobody() -> None:
    text = "x" * 4_000_000
    pace = Pace(reader_s=0.2)
    async with running([steps({"text": text}), steps({"text": "fine"})], pace=pace) as server:
        address = ("127.0.0.1", int(server.url.rpartition(":")[2]))
        client = sockets.create_connection(address)
        body = msgspec.json.encode({**REQUEST, "stream": True})
        head = f"POST /v1/responses HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}\r\n"
        client.sendall(head.encode() + b"\r\n" + body)
        answer = await server.post("/v1/responses", {**REQUEST, "model": "m1"})
        assert answer.status_code == 200
        calls = 'model="scripted/steps",status="'
        await until(lambda: server.service.metrics.text(0).count(calls) == 2)
        await until(lambda: server.service.in_flight == 0)
        client.close()


async def test_a_server_that_ends_lets_answers_finish_and_begins_none() -> None:
    held = Held()
    async with running(held, drain_s=10) as server, server.socket() as socket:
        await say(socket, type="response.create", **REQUEST)
        await hear_until(socket, "response.output_text.delta")
        server.stop.set()
        await until(lambda: server.service.draining)
        await say(socket, type="response.create", stream_id="b", **REQUEST)
        assert (await hear(socket))["error"]["code"] == "shutting_down"
        held.go.set()
        assert (await hear_until(socket, *END))[-1]["type"] == "response.completed"
        with pytest.raises(ConnectionClosed) as closed:
            await hear(socket)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code in (1001, 1012)


async def test_a_thousand_connections_leave_nothing_behind() -> None:
    async with running(steps(*[{"text": "a"}] * 1000)) as server:

        async def visit() -> None:
            async with server.socket() as socket:
                await say(socket, type="response.create", **REQUEST)
                await hear_until(socket, *END)

        async def visits(count: int) -> int:
            for _ in range(count // 20):
                async with anyio.create_task_group() as tasks:
                    for _ in range(20):
                        tasks.start_soon(visit)
            await until(lambda: server.service.metrics.connections == 0)
            gc.collect()
            return sum(type(one).__name__ in ("Connection", "Lane") for one in gc.get_objects())

        assert await visits(1000) == 0
