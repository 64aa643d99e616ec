"""A network that plays recorded bytes, and a loopback server that notices when it is left alone."""

import json
import ssl
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import anyio
import anyio.abc

from kodo.models.http.network import Stream


def response(
    body: bytes,
    status: int = 200,
    *,
    content_type: str = "text/event-stream",
    headers: Sequence[tuple[str, str]] = (),
    whole: bool = True,
) -> bytes:
    """Return an HTTP/1.1 answer; `whole` False promises one byte more than it has."""
    length = len(body) + (0 if whole else 1)
    lines = [
        f"HTTP/1.1 {status} Whatever",
        f"content-type: {content_type}",
        f"content-length: {length}",
        *(f"{name}: {value}" for name, value in headers),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def error_response(body: bytes, status: int, **headers: str) -> bytes:
    """Return an HTTP/1.1 answer that carries a JSON error."""
    named = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return response(body, status, content_type="application/json", headers=named)


@dataclass
class PlayedStream:
    """One connection: answers the n-th request with the n-th list of pieces, then ends."""

    pieces: list[bytes]
    sent: bytearray = field(default_factory=bytearray)
    closed: bool = False
    secured: list[str] = field(default_factory=list[str])

    async def receive(self, timeout_s: float | None) -> bytes:
        await anyio.lowlevel.checkpoint()
        return self.pieces.pop(0) if self.pieces else b""

    async def send(self, data: bytes, timeout_s: float | None) -> None:
        await anyio.lowlevel.checkpoint()
        self.sent += data

    async def start_tls(self, context: ssl.SSLContext, host: str) -> None:
        self.secured.append(host)

    def is_quiet(self) -> bool:
        # An idle connection that has nothing more to say has been closed by the server.
        return bool(self.pieces)

    async def aclose(self) -> None:
        self.closed = True


class PlayedNetwork:
    """Plays one connection after the other: bytes, pieces of bytes, or an error in their place."""

    def __init__(self, *connections: bytes | Iterable[bytes] | Exception) -> None:
        self._waiting = list(connections)
        self.streams: list[PlayedStream] = []

    async def connect(self, host: str, port: int, timeout_s: float | None) -> Stream:
        await anyio.lowlevel.checkpoint()
        if not self._waiting:
            raise AssertionError("one connection more than was recorded")
        next_one = self._waiting.pop(0)
        if isinstance(next_one, Exception):
            raise next_one
        pieces = [next_one] if isinstance(next_one, bytes) else list(next_one)
        stream = PlayedStream(pieces)
        self.streams.append(stream)
        return stream

    @property
    def unused(self) -> int:
        """How many recorded connections were not opened."""
        return len(self._waiting)

    def request_head(self, place: int = -1) -> str:
        """Return the request line and headers of a connection's request."""
        return bytes(self.streams[place].sent).partition(b"\r\n\r\n")[0].decode("latin-1")

    def request_body(self, place: int = -1) -> dict[str, Any]:
        """Return the JSON body of a connection's request."""
        return json.loads(bytes(self.streams[place].sent).partition(b"\r\n\r\n")[2])


class WatchingServer:
    """A loopback server that sends `begin` to every caller and then waits until it is left."""

    def __init__(self, begin: bytes) -> None:
        self._begin = begin
        self.left = anyio.Event()
        self.port = 0

    async def run(self, *, task_status: anyio.abc.TaskStatus[None]) -> None:
        """Serve until cancelled."""
        async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
            self.port = listener.extra(anyio.abc.SocketAttribute.local_port)
            task_status.started()
            await listener.serve(self._answer)

    async def _answer(self, stream: anyio.abc.ByteStream) -> None:
        async with stream:
            asked = await stream.receive()
            head, _, body = asked.partition(b"\r\n\r\n")
            length = next(
                int(line.split(b":")[1])
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"content-length")
            )
            while len(body) < length:
                body += await stream.receive()
            await stream.send(self._begin)
            try:
                await stream.receive()
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                self.left.set()
