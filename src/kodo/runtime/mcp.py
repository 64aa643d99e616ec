"""MCP servers of a session: connected by their settings, each command in a jail of its own.

Only loaded where some are configured. Guards that a server gets no variable, host or folder that
the user did not name for it.
"""

import re
import ssl
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from urllib.parse import urlsplit

import anyio
import anyio.abc
from msgspec.structs import replace as with_fields

from kodo import __version__
from kodo.base.errors import ConfigError, ToolError
from kodo.base.hashing import new_id
from kodo.core.tool import Tool
from kodo.runtime.cage import open_cage
from kodo.runtime.config import Settings
from kodo.runtime.models import ca_file, proxy_for
from kodo.tools.mcp.carrier import Carrier, Lost
from kodo.tools.mcp.client import Client
from kodo.tools.mcp.http import Http
from kodo.tools.mcp.hub import Hub, open_hub
from kodo.tools.mcp.pins import Pins
from kodo.tools.mcp.setting import McpServer
from kodo.tools.mcp.stdio import Stdio
from kodo.tools.mcp.tool_search import ToolSearch

_LOOPBACK = re.compile(r"localhost|127\..*|::1")


def servers_of(settings: Settings) -> dict[str, McpServer]:
    """Return the servers that are on. Raises ConfigError for one that cannot be meant."""
    for name, server in settings.config.mcp.items():
        if fault := server.fault(name):
            raise ConfigError(f"the MCP server {name!r}: {fault} ([mcp.{name}] in your config)")
    return {name: server for name, server in settings.config.mcp.items() if server.enabled}


def pins_of(settings: Settings) -> Pins:
    """Return the accepted descriptions."""
    return Pins(settings.paths.projects.parent / "mcp-tools.json")


class Toolbox(Mapping[str, Tool]):
    """A session's own tools and those of its servers; iterates over what a prompt lists.

    A tool that is not listed can be called too, once it is known.
    """

    def __init__(self, own: Mapping[str, Tool], hub: Hub) -> None:
        self._own = own
        self._hub = hub
        self._search = ToolSearch(hub)

    def _listed(self) -> dict[str, Tool]:
        found = {**self._own, **{tool.name: tool for tool in self._hub.offered()}}
        if self._hub.searching:
            found[self._search.name] = self._search
        return found

    def __getitem__(self, name: str) -> Tool:
        """Return a tool. Raises KeyError."""
        if name == self._search.name:
            return self._search
        own = self._own.get(name)
        return own if own is not None else self._hub.tools[name]

    def __iter__(self) -> Iterator[str]:
        """Yield the listed names."""
        return iter(self._listed())

    def __len__(self) -> int:
        """Return how many are listed."""
        return len(self._listed())


class Vouched:
    """The names of tools whose servers the user trusts."""

    def __init__(self, servers: Mapping[str, McpServer]) -> None:
        self._starts = tuple(f"mcp__{name}__" for name, at in servers.items() if at.trusted)

    def __contains__(self, name: object) -> bool:
        """Tell whether a tool belongs to a trusted server."""
        return isinstance(name, str) and bool(self._starts) and name.startswith(self._starts)


@asynccontextmanager
async def open_toolbox(
    settings: Settings, own: Mapping[str, Tool], *, contained: bool
) -> AsyncGenerator[Toolbox]:
    """Yield the tools of a session; servers are connected in the background."""
    connect = partial(open_client, settings)
    async with open_hub(
        servers_of(settings), connect, pins_of(settings), contained=contained
    ) as hub:
        yield Toolbox(own, hub)


@asynccontextmanager
async def open_client(settings: Settings, name: str, server: McpServer) -> AsyncGenerator[Client]:
    """Yield a connection. Raises ToolError, ConfigError, SandboxError."""
    if server.url:
        async with anyio.create_task_group() as tasks:
            async with _handshake(_http(settings, name, server, tasks), server, tasks) as client:
                yield client
            tasks.cancel_scope.cancel()
        return
    config = with_fields(settings.config, allow_hosts=server.hosts, sandbox=server.sandbox)
    async with (
        open_cage(replace(settings, config=config)) as cage,
        anyio.create_task_group() as tasks,
    ):
        argv = [server.command, *server.args]
        carrier = Stdio(cage.sandbox, argv, _variables(settings, server), tasks, f"mcp-{new_id()}")
        async with _handshake(carrier, server, tasks) as client:
            yield client
        tasks.cancel_scope.cancel()


@asynccontextmanager
async def _handshake(
    carrier: Carrier, server: McpServer, tasks: anyio.abc.TaskGroup
) -> AsyncGenerator[Client]:
    client = Client(carrier, tasks, __version__)
    try:
        try:
            await client.open(server.start_timeout_s)
        except Lost as error:
            told = client.stderr()
            raise ToolError(f"{error}; it said: {told}" if told else str(error)) from error
        yield client
    finally:
        await client.aclose()


def _variables(settings: Settings, server: McpServer) -> dict[str, str]:
    known = {name: settings.environment.get(name) for name in server.pass_env}
    return {**{name: value for name, value in known.items() if value is not None}, **server.env}


def _http(settings: Settings, name: str, server: McpServer, tasks: anyio.abc.TaskGroup) -> Http:
    host = urlsplit(server.url).hostname or ""
    if settings.config.offline and not _LOOPBACK.fullmatch(host):
        raise ConfigError(f"the MCP server {name!r} is at {host!r}, and kodo is offline")
    headers = dict(server.headers)
    if server.token_env:
        token = settings.environment.get(server.token_env)
        if token is None:
            raise ConfigError(
                f"the MCP server {name!r} needs the variable {server.token_env}, which is not set"
            )
        headers["authorization"] = f"Bearer {token.strip()}"
    bundle = ca_file(settings)
    return Http(
        server.url,
        headers,
        tasks,
        timeout_s=max(server.start_timeout_s, server.call_timeout_s),
        proxy=proxy_for(settings, server.url),
        verify=ssl.create_default_context(cafile=bundle) if bundle else True,
    )
