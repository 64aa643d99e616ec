"""A real server on a real port, in the test's own loop, and clients for it."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio
import httpx2
import msgspec
import pytest
from starlette.routing import BaseRoute
from tests.engine import conftest as engine_fixtures
from websockets.asyncio.client import ClientConnection, connect

from kodo.core.model import Model
from kodo.models.scripted import Scripted, Step
from kodo.server.access.guard import Door, Guard, Tokens
from kodo.server.app import build_app
from kodo.server.gateway.generation import Pace
from kodo.server.gateway.offer import Offer
from kodo.server.run import Address, bind, serve
from kodo.server.service import Bounds, Service

Json = dict[str, Any]
real_model = engine_fixtures.real_model


def steps(*lines: Json) -> Scripted:
    """Return a scripted model of these lines."""
    return Scripted(msgspec.convert(lines, tuple[Step, ...]))


@dataclass
class Running:
    """A server that runs: its client, and the way to its WebSocket."""

    service: Service
    http: httpx2.AsyncClient
    url: str
    stop: anyio.Event

    async def post(self, path: str, body: Json) -> httpx2.Response:
        """POST a JSON body."""
        return await self.http.post(path, json=body)

    async def events(self, path: str, body: Json) -> list[Json]:
        """POST a body that asks for a stream; returns its events."""
        found: list[Json] = []
        async with self.http.stream("POST", path, json={**body, "stream": True}) as answer:
            assert answer.status_code == 200, await answer.aread()
            async for line in answer.aiter_lines():
                if line.startswith("data: {"):
                    found.append(msgspec.json.decode(line[6:]))
        return found

    def socket(self, **headers: str) -> connect:
        """Return a connection to open with `async with`."""
        url = self.url.replace("http", "ws") + "/v1/responses"
        return connect(url, additional_headers=headers, compression=None, proxy=None)


async def say(socket: ClientConnection, **event: Any) -> None:
    """Send an event."""
    await socket.send(msgspec.json.encode(event).decode())


async def hear(socket: ClientConnection) -> Json:
    """Return the next event."""
    found: Json = msgspec.json.decode(await socket.recv())
    return found


async def hear_until(socket: ClientConnection, *kinds: str) -> list[Json]:
    """Return the events up to one of these types."""
    found: list[Json] = []
    with anyio.fail_after(20):
        while not found or found[-1]["type"] not in kinds:
            found.append(await hear(socket))
    return found


async def until(holds: Callable[[], bool]) -> None:
    """Wait for something in the server that no event tells of."""
    with anyio.fail_after(20):
        while not holds():  # noqa: ASYNC110
            await anyio.sleep(0.01)


@asynccontextmanager
async def running(
    model: Model | Sequence[Model],
    *,
    aliases: dict[str, tuple[str, ...]] | None = None,
    pace: Pace | None = None,
    bounds: Bounds | None = None,
    door: Door | None = None,
    tokens: Tokens | None = None,
    drain_s: float = 1.0,
    mount: Callable[[Service], Sequence[BaseRoute]] = lambda _: (),
    **more: Any,
) -> AsyncGenerator[Running]:
    """Serve a model under the name `scripted/m`, more of them as `scripted/m1`, ..."""
    models = [model] if not isinstance(model, Sequence) else list(model)
    names = ["scripted/m", *(f"scripted/m{at}" for at in range(1, len(models)))]
    by_name = dict(zip(names, models, strict=True))
    offer = Offer(by_name.__getitem__, "scripted/m", others=tuple(names[1:]), aliases=aliases or {})
    service = Service(offer, pace=pace or Pace(), bounds=bounds or Bounds(), **more)
    listener, address = bind(Address())
    app = Guard(build_app(service, mount(service)), service, door or Door(), tokens)
    ready, stop, ended = anyio.Event(), anyio.Event(), anyio.Event()

    async def run() -> None:
        await serve(app, service, listener, address, drain_s=drain_s, on_ready=ready.set, stop=stop)
        ended.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run)
        await ready.wait()
        try:
            async with httpx2.AsyncClient(
                base_url=address.url, trust_env=False, timeout=20
            ) as http:
                yield Running(service, http, address.url, stop)
        finally:
            with anyio.CancelScope(shield=True):  # a failed test ends its server, too
                stop.set()
                with anyio.move_on_after(10):
                    await ended.wait()


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """Run on the loop that the server runs on."""
    return ("asyncio", {"use_uvloop": True})
