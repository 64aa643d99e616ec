"""Connections over the sockets of this machine, on asyncio.

Knows no HTTP. Guards memory (a peer that sends faster than it is read is stopped) and time: every
wait is bounded, and closing closes the socket at once.
"""

import asyncio
import ssl
from collections import deque

import anyio

from kodo.models.http.network import Broken, Silent, SlowToConnect, Stream, Unreachable

MOST_WAITING_BYTES = 1 << 18
HAPPY_EYEBALLS_S = 0.25
"""How long the first address of a host may take before the next is tried beside it (RFC 8305)."""


class SocketStream(asyncio.Protocol):
    """Implements Stream over an asyncio transport."""

    __slots__ = (
        "_ended",
        "_error",
        "_full",
        "_held",
        "_last",
        "_pieces",
        "_size",
        "_transport",
        "_waiter",
    )

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._pieces: deque[bytes] = deque()
        self._size = 0
        self._full = False
        self._held = False
        self._last = False
        self._ended = False
        self._error: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None

    async def receive(self, timeout_s: float | None) -> bytes:
        """Return the next bytes, b"" at the end. See Stream."""
        while not self._pieces and not self._ended:
            await self._change(timeout_s)
        if not self._pieces:
            if self._error is not None:
                raise Broken(_said(self._error)) from self._error
            return b""
        data = self._pieces.popleft() if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        self._size = 0
        if self._full and not self._ended:
            self._full = False
            self._open().resume_reading()
        return data

    async def send(self, data: bytes, timeout_s: float | None) -> None:
        """Send all. See Stream."""
        transport = self._open()
        if self._ended or transport.is_closing():
            raise Broken(_said(self._error) if self._error else "the connection was closed")
        transport.write(data)
        while self._held and not self._pieces and not self._ended:
            await self._change(timeout_s)

    async def start_tls(self, context: ssl.SSLContext, host: str) -> None:
        """Go on in TLS with `host`. See Stream."""
        if self._pieces:
            raise ConnectionAbortedError("the peer spoke before TLS began")
        loop = asyncio.get_running_loop()
        try:
            secured = await loop.start_tls(self._open(), self, context, server_hostname=host)
        except BaseException:
            self._ended = True  # asyncio tells only its own half of a handshake that fails
            raise
        if secured is None:
            raise ConnectionResetError("the connection was closed")
        self._transport = secured

    def is_quiet(self) -> bool:
        """Tell whether it is open and nothing waits to be read."""
        return not (self._last or self._ended or self._pieces or self._open().is_closing())

    async def aclose(self) -> None:
        """Close at once."""
        self._open().abort()
        while not self._ended:
            await self._change(None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport (asyncio calls this)."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Keep what came, and stop the peer where too much waits."""
        self._pieces.append(data)
        self._size += len(data)
        if self._size > MOST_WAITING_BYTES and not self._full:
            self._full = True
            self._open().pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        """Let asyncio close: who has said all of an answer has no more to say."""
        self._last = True  # in TLS the transport counts as open for some steps more
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Note the end."""
        self._ended = True
        self._error = exc
        self._wake()

    def pause_writing(self) -> None:
        """Note that the peer reads slowly."""
        self._held = True

    def resume_writing(self) -> None:
        """Note that more can be sent."""
        self._held = False
        self._wake()

    def _open(self) -> asyncio.Transport:
        assert self._transport is not None, "asyncio hands over the transport first"
        return self._transport

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    async def _change(self, timeout_s: float | None) -> None:
        """Wait until something comes, goes or ends. Raises Silent."""
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            with anyio.fail_after(timeout_s):
                await self._waiter
        except TimeoutError as error:
            raise Silent from error


class SocketNetwork:
    """Implements Network over TCP."""

    __slots__ = ()

    async def connect(self, host: str, port: int, timeout_s: float | None) -> Stream:
        """Return a connection; both address families are tried. See Network."""
        loop = asyncio.get_running_loop()
        try:
            with anyio.fail_after(timeout_s):
                if isinstance(loop, asyncio.BaseEventLoop):
                    _, stream = await loop.create_connection(
                        SocketStream, host, port, happy_eyeballs_delay=HAPPY_EYEBALLS_S
                    )
                else:  # uvloop tries one address after the other
                    _, stream = await loop.create_connection(SocketStream, host, port)
        except TimeoutError as error:
            raise SlowToConnect from error
        except (OSError, UnicodeError) as error:  # a name that no encoding of names can hold
            raise Unreachable(_said(error)) from error
        return stream


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__
