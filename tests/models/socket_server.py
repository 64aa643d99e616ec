"""A Responses server on loopback that speaks the WebSocket mode, or refuses it and speaks HTTP."""

import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import anyio.abc
from websockets.asyncio.server import ServerConnection, serve

Json = dict[str, Any]


@dataclass
class Talk:
    """What a server saw: each request, and on which connection (from 0) it came."""

    url: str = ""
    requests: list[Json] = field(default_factory=list[Json])
    lines: list[int] = field(default_factory=list[int])
    headers: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    gone: anyio.Event = field(default_factory=anyio.Event)


Answer = Callable[[ServerConnection, Json, int], Awaitable[None]]
"""Answers a request on a connection; the number counts the requests from 0."""


async def say(connection: ServerConnection, *events: Json) -> None:
    """Send events."""
    for event in events:
        await connection.send(json.dumps(event))


def message(text: str, response_id: str) -> list[Json]:
    """Return the events of a whole answer of one message."""
    item = {"type": "message", "content": [{"type": "output_text", "text": text}]}
    return [
        {"type": "response.created", "response": {"id": response_id}},
        {"type": "response.output_text.delta", "delta": text, "output_index": 0},
        {"type": "response.output_item.done", "item": item, "output_index": 0},
        completed(response_id),
    ]


def call(name: str, call_id: str, response_id: str) -> list[Json]:
    """Return the events of a whole answer of one call."""
    item = {"type": "function_call", "call_id": call_id, "name": name, "arguments": "{}"}
    return [{"type": "response.output_item.done", "item": item}, completed(response_id)]


def completed(response_id: str) -> Json:
    """Return the event that ends an answer."""
    usage = {"input_tokens": 3, "output_tokens": 1}
    return {"type": "response.completed", "response": {"id": response_id, "usage": usage}}


def error(code: str, status: int = 400, message: str = "told by the test") -> Json:
    """Return an error event."""
    said = {"type": "invalid_request_error", "code": code, "message": message}
    return {"type": "error", "status": status, "error": said}


async def answer_in_turn(connection: ServerConnection, request: Json, number: int) -> None:
    """Answer every request with a message of its own number."""
    await say(connection, *message(f"answer {number}", f"resp_{number}"))


@asynccontextmanager
async def socket_server(answer: Answer = answer_in_turn) -> AsyncGenerator[Talk]:
    """Serve the WebSocket mode on a free loopback port."""
    talk = Talk()
    lines = 0

    async def handle(connection: ServerConnection) -> None:
        nonlocal lines
        line, lines = lines, lines + 1
        assert connection.request is not None
        talk.headers.append({k.lower(): v for k, v in connection.request.headers.raw_items()})
        async for text in connection:
            request: Json = json.loads(text)
            talk.requests.append(request)
            talk.lines.append(line)
            await answer(connection, request, len(talk.requests) - 1)
        talk.gone.set()

    async with serve(handle, "127.0.0.1", 0, compression=None, close_timeout=0.05) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        talk.url = f"http://127.0.0.1:{port}/v1"
        yield talk


@asynccontextmanager
async def http_only(status: int, body: bytes) -> AsyncGenerator[list[str]]:
    """Serve answers to POST, refusing GET with `status`.

    Yields the list of what is asked, with the server's address as its first entry.
    """
    asked: list[str] = []

    async def handle(stream: anyio.abc.ByteStream) -> None:
        async with stream:
            data = b""
            while b"\r\n\r\n" not in data:
                data += await stream.receive()
            head, _, rest = data.partition(b"\r\n\r\n")
            method = head.split(b" ")[0].decode()
            asked.append(method)
            length = next(
                (
                    int(line.split(b":")[1])
                    for line in head.split(b"\r\n")
                    if line.lower().startswith(b"content-length")
                ),
                0,
            )
            while len(rest) < length:
                rest += await stream.receive()
            await stream.send(_http(status, b"{}") if method == "GET" else _http(200, body))

    async with (
        await anyio.create_tcp_listener(local_host="127.0.0.1") as listener,
        anyio.create_task_group() as tasks,
    ):
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        asked.append(f"http://127.0.0.1:{port}/v1")
        tasks.start_soon(listener.serve, handle)
        yield asked
        tasks.cancel_scope.cancel()


def _http(status: int, body: bytes, lines: Sequence[str] = ()) -> bytes:
    kind = "text/event-stream" if status == 200 else "application/json"
    head = [
        f"HTTP/1.1 {status} Whatever",
        f"content-type: {kind}",
        f"content-length: {len(body)}",
        "connection: close",
        *lines,
    ]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body
