"""A connection to one MCP server: shake hands, list what it has, call its tools.

Knows the port of a carrier, no process and no socket. Guards that lists end, however many pages a
server invents, and that names and descriptions hold no hidden characters.
"""

from typing import Any, TypeVar

import anyio
import msgspec
from anyio.abc import TaskGroup

from kodo.base.errors import ToolError
from kodo.base.hashing import sha256_hex
from kodo.base.text import cut_middle, repair_surrogates
from kodo.core.messages import Value
from kodo.tools.mcp.carrier import Carrier
from kodo.tools.mcp.peer import OnProgress, Peer
from kodo.tools.mcp.wire import (
    VERSIONS,
    CallResult,
    Initialized,
    Item,
    ItemPage,
    ReadResult,
    ToolPage,
)

T = TypeVar("T")
MAX_PAGES = 50
MAX_TOOLS = 2_000
MAX_DESCRIPTION_BYTES = 8 << 10


class KnownTool(Value, frozen=True):
    """A tool of a server as the model is told of it. `parameters` is JSON text."""

    name: str
    description: str
    parameters: str

    @property
    def digest(self) -> str:
        """A SHA-256 over all that the model reads of it."""
        return sha256_hex(msgspec.json.encode((self.name, self.description, self.parameters)))


class Client:
    """An open connection. `changed` tells that the server's list of tools is another one."""

    def __init__(self, carrier: Carrier, tasks: TaskGroup, version: str) -> None:
        self.info = Initialized()
        self.changed = False
        self._version = version
        self._carrier = carrier
        self._peer = Peer(carrier, self._note_change)
        tasks.start_soon(self._peer.run)

    def _note_change(self, method: str) -> None:
        self.changed = self.changed or method == "notifications/tools/list_changed"

    @property
    def lost(self) -> str:
        """Why the connection is gone; "" while it stands."""
        return self._peer.lost

    def stderr(self) -> str:
        """Return the last of what the server wrote for people."""
        return self._carrier.stderr()

    async def open(self, timeout_s: float) -> None:
        """Shake hands. Raises ToolError, also for a version that we do not speak."""
        params: dict[str, Any] = {
            "protocolVersion": VERSIONS[0],
            "capabilities": {},
            "clientInfo": {"name": "kodo", "version": self._version},
        }
        answer = await self._peer.request("initialize", params, timeout_s)
        self.info = _read(answer, Initialized, "initialize")
        if self.info.protocol_version not in VERSIONS:
            raise ToolError(
                f"it speaks the protocol version {self.info.protocol_version!r}; kodo speaks "
                + ", ".join(VERSIONS)
            )
        self._carrier.agree(self.info.protocol_version)
        await self._peer.notify("notifications/initialized")

    async def tools(self, timeout_s: float) -> tuple[KnownTool, ...]:
        """Return all its tools, page by page. Raises ToolError."""
        self.changed = False
        found: dict[str, KnownTool] = {}
        cursor: str | None = None
        for _ in range(MAX_PAGES):
            params = {"cursor": cursor} if cursor else {}
            page = _read(await self._peer.request("tools/list", params, timeout_s), ToolPage)
            for tool in page.tools:
                text = cut_middle(without_hidden(tool.description), MAX_DESCRIPTION_BYTES).text
                schema = without_hidden(msgspec.json.encode(tool.input_schema).decode())
                found[tool.name] = KnownTool(without_hidden(tool.name), text, schema)
            cursor = page.next_cursor
            if not cursor or len(found) > MAX_TOOLS:
                break
        return tuple(found.values())

    async def listed(self, kind: str, timeout_s: float) -> list[Item]:
        """Return its `resources` or `prompts`; none where it has no such ability."""
        if kind not in self.info.capabilities:
            return []
        found: list[Item] = []
        cursor: str | None = None
        for _ in range(MAX_PAGES):
            params = {"cursor": cursor} if cursor else {}
            page = _read(await self._peer.request(f"{kind}/list", params, timeout_s), ItemPage)
            found += page.resources if kind == "resources" else page.prompts
            cursor = page.next_cursor
            if not cursor:
                break
        return found

    async def read(self, uri: str, timeout_s: float) -> str:
        """Return the text of a resource. Raises ToolError."""
        answer = await self._peer.request("resources/read", {"uri": uri}, timeout_s)
        return "\n".join(piece.text for piece in _read(answer, ReadResult).contents)

    async def call(
        self, name: str, arguments: dict[str, Any], timeout_s: float, on_progress: OnProgress
    ) -> CallResult:
        """Call a tool. Raises ToolError, Lost."""
        params = {"name": name, "arguments": arguments}
        answer = await self._peer.request("tools/call", params, timeout_s, on_progress)
        return _read(answer, CallResult, "tools/call")

    async def aclose(self) -> None:
        """End the connection."""
        with anyio.CancelScope(shield=True):
            await self._carrier.aclose()


def without_hidden(text: str) -> str:
    """Return the text without characters that a person would not see."""
    clean = repair_surrogates(text)
    return "".join(c for c in clean if c.isprintable() or c in "\n\t")


def _read(data: bytes, kind: type[T], method: str = "a list") -> T:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ToolError(f"the answer to {method} is not what MCP says: {error}") from error
