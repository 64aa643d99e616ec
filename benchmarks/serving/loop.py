"""What a loop of 20 tool calls pays for its round trips: WebSocket against HTTP, in one run.

An instant model asks for a tool 20 times, with 30K tokens of history before. Three ways in turn:
HTTP keep-alive with server-sent events that sends the whole conversation each time (as stateless
clients do), the same with `previous_response_id`, and a WebSocket with it. Figures are those of a
whole loop: wall time, and CPU of the server and of the client.
Run: python -m benchmarks.serving.loop [HISTORY_TOKENS]
"""

import asyncio
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass

import anyio
import httpx2
import msgspec
import psutil
from websockets.asyncio.client import ClientConnection, connect

from kodo.core.messages import Assistant, Delta, Text, ToolCall, ToolResult
from kodo.core.model import ModelInfo, Prompt
from kodo.models.scripted import scripted_info
from kodo.server.access.guard import Door, Guard
from kodo.server.app import build_app
from kodo.server.gateway.offer import Offer
from kodo.server.run import Address, bind, loop_options, serve
from kodo.server.service import Service

CALLS, ROUNDS, PIECES = 20, 7, 10
TOOL: dict[str, object] = {
    "type": "function",
    "name": "shell",
    "parameters": {"type": "object", "properties": {"command": {"type": "string"}}},
}
ENDS = (b'"type":"response.completed"', b'"type":"error"', b'"type":"response.failed"')
Item = dict[str, object]


class Caller:
    """Says ten pieces, then asks for a tool, until it has had twenty results."""

    @property
    def info(self) -> ModelInfo:
        """What is said of it."""
        return scripted_info("caller")

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Delta | Assistant, None]:
        """Yield the pieces and the reply."""
        had = sum(isinstance(message, ToolResult) for message in prompt.messages)
        for _ in range(PIECES):
            yield Delta("text", "let us see ")
        said = Text("let us see " * PIECES)
        if had >= CALLS:
            yield Assistant((said,), self.info.id)
            return
        call = ToolCall(f"call_{had}", "shell", '{"command":"ls"}')
        yield Delta("call", call.arguments, call.id, call.name)
        yield Assistant((said, call), self.info.id, "tool_calls")

    async def aclose(self) -> None:
        """Nothing to give back."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one loop took, in milliseconds."""

    wall: float
    server_cpu: float
    client_cpu: float


Ask = Callable[[bytes], Awaitable[bytes]]
"""Sends a request; returns the end of its response: the last event."""


async def run_loop(ask: Ask, history: list[Item], *, whole: bool, kind: str) -> None:
    """Carry out one loop. `whole` sends everything each time, else only what is new."""
    told = list(history)
    new = list(history)
    previous: str | None = None
    for _ in range(CALLS + 1):
        body: Item = {
            "model": "caller",
            "stream": True,
            "store": not whole,
            "tools": [TOOL],
            "input": told if whole else new,
        }
        if kind:
            body["type"] = kind
        if previous is not None and not whole:
            body["previous_response_id"] = previous
        last = await ask(msgspec.json.encode(body))
        response = msgspec.json.decode(last[last.index(b"{") :])["response"]
        previous = response["id"]
        calls = [item for item in response["output"] if item["type"] == "function_call"]
        new = [
            {"type": "function_call_output", "call_id": call["call_id"], "output": "a.py b.py"}
            for call in calls
        ]
        told += [*response["output"], *new]
    if new:
        raise SystemExit("the model asks for more tools than it should")


def over_http(client: httpx2.AsyncClient) -> Ask:
    """Return the way over HTTP."""

    async def ask(body: bytes) -> bytes:
        async with client.stream("POST", "/v1/responses", content=body) as answer:
            data = b"".join([piece async for piece in answer.aiter_raw()])
        return data[data.rindex(b"data: ") :].strip()

    return ask


def over_socket(connection: ClientConnection) -> Ask:
    """Return the way over a WebSocket."""

    async def ask(body: bytes) -> bytes:
        await connection.send(body, text=True)
        while True:
            data = await connection.recv(decode=False)
            if any(end in data[:64] for end in ENDS):
                return data

    return ask


async def measure(process: psutil.Process, work: Awaitable[None]) -> Cost:
    """Return what `work` cost."""
    server = process.cpu_times()
    own, began = time.process_time(), time.perf_counter()
    await work
    wall, client = time.perf_counter() - began, time.process_time() - own
    after = process.cpu_times()
    used = after.user + after.system - server.user - server.system
    return Cost(wall * 1e3, used * 1e3, client * 1e3)


async def main(history_tokens: int) -> None:
    """Measure all ways in turn and print medians and ratios."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    argv = [sys.executable, "-m", "benchmarks.serving.loop", "serve", str(port)]
    process = _started(argv)
    text = "def f(x): return x + 1  # what came before\n" * 10
    turns = history_tokens * 4 // (len(text) + 2)
    history: list[Item] = [
        {"role": ("user", "assistant")[number % 2], "content": text} for number in range(turns)
    ]
    history.append({"role": "user", "content": "go on"})
    base = f"127.0.0.1:{port}"
    found: dict[str, list[Cost]] = {"http, whole": [], "http, by id": [], "websocket": []}
    try:
        async with httpx2.AsyncClient(
            base_url=f"http://{base}", trust_env=False, timeout=120
        ) as client:
            await _ready(client)
            http = over_http(client)
            for turn in range(ROUNDS + 1):
                for name in found:
                    if name == "websocket":
                        async with connect(
                            f"ws://{base}/v1/responses", compression=None, max_size=None, proxy=None
                        ) as opened:
                            way = run_loop(
                                over_socket(opened), history, whole=False, kind="response.create"
                            )
                            cost = await measure(process, way)
                    else:
                        way = run_loop(http, history, whole=name == "http, whole", kind="")
                        cost = await measure(process, way)
                    if turn:  # the first warms up
                        found[name].append(cost)
    finally:
        process.terminate()
    print(f"{CALLS + 1} requests a loop, {history_tokens} tokens before, medians of {ROUNDS}")
    for name, costs in found.items():
        shown = [
            f"{label} {statistics.median(getattr(cost, field) for cost in costs):.0f} ms"
            for label, field in (
                ("wall", "wall"),
                ("server CPU", "server_cpu"),
                ("client CPU", "client_cpu"),
            )
        ]
        print(f"{name}: {', '.join(shown)}")
    for name in ("http, whole", "http, by id"):
        pairs = list(zip(found["websocket"], found[name], strict=True))
        wall = statistics.median(one.wall / other.wall for one, other in pairs)
        cpu = statistics.median(
            (one.server_cpu + one.client_cpu) / (other.server_cpu + other.client_cpu)
            for one, other in pairs
        )
        print(f"websocket/{name}: wall {wall:.2f}, CPU of both sides {cpu:.2f}")


def _started(argv: list[str]) -> psutil.Process:
    return psutil.Process(subprocess.Popen(argv).pid)


async def _ready(client: httpx2.AsyncClient) -> None:
    for _ in range(600):
        try:
            await client.get("/healthz")
            return
        except httpx2.ConnectError:
            await asyncio.sleep(0.1)
    raise SystemExit("the server did not start")


async def _serve(port: int) -> None:
    model = Caller()
    service = Service(Offer(lambda _: model, "scripted/caller"))
    listener, address = bind(Address(port=port))
    app = Guard(build_app(service), service, Door(), None)
    await serve(app, service, listener, address, drain_s=1)


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        anyio.run(_serve, int(sys.argv[2]), backend_options=loop_options())
    else:
        asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 30_000))
