"""All MCP servers of a session: connected in the background, connected again once, listed, called.

Does not know how a server is reached. Guards that no server slows the start of a run, that a large
list of tools does not fill the window, and that one server's failure is its own.
"""

from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import anyio
import msgspec

from kodo.base.errors import KodoError, ToolError
from kodo.core.tool import Effect, Tool
from kodo.tools.mcp.carrier import Lost
from kodo.tools.mcp.client import Client, KnownTool
from kodo.tools.mcp.peer import OnProgress
from kodo.tools.mcp.pins import Pins
from kodo.tools.mcp.remote import RemoteTool
from kodo.tools.mcp.setting import McpServer
from kodo.tools.mcp.wire import CallResult

Connect = Callable[[str, McpServer], AbstractAsyncContextManager[Client]]
BUDGET_TOKENS = 2_000
"""Above this the tools are found by search instead of being listed in every prompt."""


def tokens_of(tool: Tool) -> int:
    """Return about how many tokens a tool takes in a prompt."""
    return (len(tool.name) + len(tool.description) + len(tool.parameters)) // 4 + 8


class Seat(msgspec.Struct):
    """One server: its connection, its tools, or why it has none. `settled`: no longer starting."""

    name: str
    server: McpServer
    settled: anyio.Event = msgspec.field(default_factory=anyio.Event)
    client: Client | None = None
    tools: dict[str, RemoteTool] = {}
    failure: str = ""
    tries: int = 0


class Hub:
    """Tools by name; what the model is shown is `offered`. Made by `open_hub`."""

    def __init__(self, servers: Mapping[str, McpServer], pins: Pins, *, contained: bool) -> None:
        self._contained = contained
        self.seats = {name: Seat(name, server) for name, server in servers.items()}
        self._pins = pins
        self._found: set[str] = set()

    @property
    def tools(self) -> dict[str, RemoteTool]:
        """Every tool that is known now."""
        return {name: tool for seat in self.seats.values() for name, tool in seat.tools.items()}

    @property
    def searching(self) -> bool:
        """Whether tools are found by search: there are too many, or some server is starting."""
        size = sum(tokens_of(tool) for tool in self.tools.values())
        return size > BUDGET_TOKENS or any(
            not seat.settled.is_set() for seat in self.seats.values()
        )

    def offered(self) -> Iterator[Tool]:
        """Yield the tools that a prompt lists."""
        tools = self.tools
        small = sum(tokens_of(tool) for tool in tools.values()) <= BUDGET_TOKENS
        yield from (tool for name, tool in tools.items() if small or name in self._found)

    def show(self, names: list[str]) -> None:
        """List these in prompts from now on."""
        self._found.update(names)

    async def settle(self) -> None:
        """Wait until no server is starting any more."""
        for seat in self.seats.values():
            await seat.settled.wait()

    async def keep(self, seat: Seat, connect: Connect) -> None:
        """Hold a connection to a server; after a loss a new one, once."""
        while seat.tries < 2:
            seat.tries += 1
            try:
                async with connect(seat.name, seat.server) as client:
                    await self._list(seat, client)
                    seat.client, seat.failure = client, ""
                    seat.settled.set()
                    while not client.lost:
                        await anyio.sleep(0.2)
                        if client.changed:
                            await self._list(seat, client)
                    seat.failure = _why(client.lost, client)
            except (KodoError, OSError) as error:
                seat.failure = str(error)
            except ExceptionGroup as group:
                seat.failure = "; ".join(map(str, group.exceptions))
            finally:
                seat.client = None
        seat.settled.set()

    async def _list(self, seat: Seat, client: Client) -> None:
        known = await client.tools(seat.server.start_timeout_s)
        doubts = self._pins.doubts(seat.name, seat.server, known)
        made = [self._make(seat, tool, doubts.get(tool.name, "")) for tool in known]
        seat.tools = {tool.name: tool for tool in made}

    def _make(self, seat: Seat, known: KnownTool, doubt: str) -> RemoteTool:
        server = seat.server
        effect: Effect = "net" if server.reaches_out or not self._contained else "read"
        if effect == "read" and server.sandbox == "workspace-write":
            effect = "exec"

        async def call(name: str, arguments: dict[str, Any], progress: OnProgress) -> CallResult:
            client = seat.client
            if client is None:
                raise ToolError(f"the MCP server {seat.name!r} is not there: {seat.failure}")
            try:
                return await client.call(name, arguments, server.call_timeout_s, progress)
            except Lost as error:
                raise ToolError(
                    f"the MCP server {seat.name!r} was lost during the call, which may have had "
                    f"effects: {_why(str(error), client)}"
                ) from error
            except ToolError as error:
                raise ToolError(f"the MCP server {seat.name!r}: {error}") from error

        async def accept(tool: KnownTool) -> None:
            self._pins.accept(seat.name, seat.server, tool)

        return RemoteTool(seat.name, known, effect, server.call_timeout_s, call, doubt, accept)


def _why(text: str, client: Client) -> str:
    told = client.stderr().strip()
    return f"{text}; it said: {told[-500:]}" if told else text


@asynccontextmanager
async def open_hub(
    servers: Mapping[str, McpServer], connect: Connect, pins: Pins, *, contained: bool
) -> AsyncGenerator[Hub]:
    """Yield the hub; the servers are connected meanwhile, in the background.

    `contained` tells whether their jail holds them.
    """
    hub = Hub(servers, pins, contained=contained)
    async with anyio.create_task_group() as tasks:
        for seat in hub.seats.values():
            tasks.start_soon(hub.keep, seat, connect)
        try:
            yield hub
        finally:
            tasks.cancel_scope.cancel()
