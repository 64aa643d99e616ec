"""What carries the messages of an MCP connection: the port, and its one failure."""

from typing import Protocol

from kodo.base.errors import ToolError


class Lost(ToolError):
    """The connection is gone; a new one may work."""


class Carrier(Protocol):
    """Sends and receives whole JSON messages."""

    async def send(self, data: bytes) -> None:
        """Send a message. Raises Lost."""
        ...

    async def receive(self) -> bytes:
        """Return the next message of the server. Raises Lost where there will be none."""
        ...

    def agree(self, version: str) -> None:
        """Hear which protocol version was agreed on."""
        ...

    def stderr(self) -> str:
        """Return the last of what the server wrote for people."""
        ...

    async def aclose(self) -> None:
        """End the connection."""
        ...
