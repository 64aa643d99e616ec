"""A WebSocket client over a connection that the transport has upgraded: text frames in and out.

Knows nothing of HTTP, of retries or of what the texts mean. Guards time and memory: silence, a
message's size and the closing are bounded, and nothing runs between two calls (pings that came
meanwhile are answered by `is_alive`).
Framing is that of the `websockets` library (RFC 6455); no extension is offered.
"""

import base64
import hashlib
import secrets
from collections import deque
from contextlib import suppress

import anyio
from websockets.exceptions import WebSocketException
from websockets.frames import Frame, Opcode
from websockets.protocol import CLIENT, Protocol, State

from kodo.models.http.network import NetworkError
from kodo.models.transport import Upgraded

MAX_MESSAGE_BYTES = 32 << 20
IDLE_TIMEOUT_S = 300.0
PONG_TIMEOUT_S = 2.0
CLOSE_TIMEOUT_S = 0.5
FRESH_S = 5.0
"""A connection that was heard so recently is taken for alive without asking."""

_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class SocketClosed(Exception):
    """The peer closed the connection, or it broke."""


class SocketSilent(Exception):
    """No message came in time. Pings of the peer do not count as messages."""


def handshake_headers() -> dict[str, str]:
    """Return the headers that ask for a WebSocket, with a fresh key."""
    return {
        "connection": "Upgrade",
        "upgrade": "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": base64.b64encode(secrets.token_bytes(16)).decode("ascii"),
    }


def accepts(key: str, answer: str) -> bool:
    """Tell whether a server's `Sec-WebSocket-Accept` is the answer to our key."""
    digest = hashlib.sha1(key.encode("ascii") + _MAGIC, usedforsecurity=False).digest()
    return secrets.compare_digest(base64.b64encode(digest), answer.strip().encode("latin-1"))


class WebSocket:
    """One open WebSocket with one user at a time. To be closed by `aclose`."""

    __slots__ = (
        "_first",
        "_gone",
        "_heard_s",
        "_idle_timeout_s",
        "_parts",
        "_protocol",
        "_upgraded",
        "_waiting",
    )

    def __init__(self, upgraded: Upgraded, *, idle_timeout_s: float = IDLE_TIMEOUT_S) -> None:
        self._upgraded = upgraded
        self._idle_timeout_s = idle_timeout_s
        self._protocol = Protocol(CLIENT, state=State.OPEN, max_size=MAX_MESSAGE_BYTES)
        self._waiting: deque[bytes] = deque()
        self._parts: list[bytes] = []
        self._heard_s = anyio.current_time()
        self._gone = False
        self._first = upgraded.first

    async def send(self, text: bytes) -> None:
        """Send one text message. Raises SocketClosed."""
        try:
            self._protocol.send_text(text)
        except WebSocketException as error:
            raise SocketClosed(str(error)) from error
        await self._flush()

    async def receive(self) -> bytes:
        """Return the next message. Raises SocketClosed, and SocketSilent after the idle timeout."""
        try:
            with anyio.fail_after(self._idle_timeout_s):
                while not self._waiting:
                    if self._gone:
                        raise SocketClosed(self._reason())
                    await self._read()
        except TimeoutError as error:
            raise SocketSilent(f"sent nothing for {self._idle_timeout_s:g} s") from error
        return self._waiting.popleft()

    async def is_alive(self) -> bool:
        """Tell whether the peer is still there: at once where it has just spoken, else by a ping.

        What the peer said unasked since the last answer is dropped.
        """
        try:
            while not (self._gone or self._upgraded.stream.is_quiet()):
                await self._read()
            if self._gone:
                return False
            if anyio.current_time() - self._heard_s > FRESH_S:
                since_s = self._heard_s
                self._protocol.send_ping(secrets.token_bytes(4))
                await self._flush()
                with anyio.move_on_after(PONG_TIMEOUT_S):
                    while self._heard_s == since_s and not self._gone:
                        await self._read()
                if self._heard_s == since_s:
                    return False
        except (SocketClosed, WebSocketException):
            return False
        self._waiting.clear()
        return not self._gone

    async def aclose(self) -> None:
        """Say goodbye where that is possible, and close. Idempotent, at most half a second."""
        with anyio.move_on_after(CLOSE_TIMEOUT_S, shield=True):
            if not self._gone:
                self._gone = True
                with suppress(SocketClosed, WebSocketException):
                    self._protocol.send_close(1000)
                    await self._flush()
            await self._upgraded.stream.aclose()

    async def _read(self) -> None:
        try:
            data, self._first = self._first or await self._upgraded.stream.receive(None), b""
        except NetworkError as error:
            self._gone = True
            raise SocketClosed(str(error) or type(error).__name__) from error
        if data:
            self._protocol.receive_data(data)
        else:
            self._protocol.receive_eof()
            self._gone = True
        for event in self._protocol.events_received():
            if isinstance(event, Frame):
                self._take(event)
        if self._protocol.state is not State.OPEN:
            self._gone = True
        with suppress(SocketClosed):  # an answer to a ping; the next read tells of a broken line
            await self._flush()

    def _take(self, frame: Frame) -> None:
        self._heard_s = anyio.current_time()
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            self._parts.append(bytes(frame.data))
            if frame.fin:
                self._waiting.append(b"".join(self._parts))
                self._parts.clear()

    async def _flush(self) -> None:
        try:
            for data in self._protocol.data_to_send():
                if data:
                    await self._upgraded.stream.send(data, None)
        except NetworkError as error:
            self._gone = True
            raise SocketClosed(str(error) or type(error).__name__) from error

    def _reason(self) -> str:
        close = self._protocol.close_rcvd
        if close is None:
            return "the connection was closed"
        return f"the connection was closed with {close.code} ({close.reason or 'no reason'})"
