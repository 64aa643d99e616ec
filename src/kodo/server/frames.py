"""WebSocket connections that send several messages with one write to the socket.

Knows uvicorn's protocol and no API. Guards latency: a write may wake the client, which on a busy
machine costs more than the whole message; what belongs together leaves together.
"""

from collections.abc import Sequence
from typing import Any

from starlette.types import Scope, Send
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

FRAMES = "kodo.frames"
"""The kind of message that holds several texts."""


class FramesProtocol(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket with one more kind of message, which the scope's extensions tell of."""

    async def run_asgi(self) -> None:
        """Run the application."""
        extensions: dict[str, Any] = self.scope.setdefault("extensions", {})  # pyright: ignore[reportAssignmentType]
        extensions[FRAMES] = {}
        await super().run_asgi()

    async def send(self, message: Any) -> None:
        """Send a message of the application. Raises ClientDisconnected."""
        texts: Sequence[bytes] | None = message.get(FRAMES)
        if texts is None:
            await super().send(message)
            return
        await self.writable.wait()
        if self.disconnected or self.close_sent:
            raise ClientDisconnected
        for text in texts:
            self.conn.send_text(text)
        self.transport.write(b"".join(self.conn.data_to_send()))


async def send_texts(scope: Scope, send: Send, texts: Sequence[bytes]) -> None:
    """Send text messages, with one write where the server can. Waits for a slow reader."""
    if FRAMES in scope.get("extensions", ()):
        await send({"type": "websocket.send", FRAMES: texts})
        return
    for text in texts:
        await send({"type": "websocket.send", "text": text.decode()})
