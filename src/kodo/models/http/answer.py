"""An answer as it comes: status and headers first, then the body piece by piece.

Parsing is that of `httptools` (llhttp). Guards memory (a head has a size limit), that an answer cut
before its end is an error, and that a connection is kept only where the answer ended cleanly.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from kodo.models.http.network import Broken, Stream

MAX_HEAD_BYTES = 256 << 10
SWITCHING_PROTOCOLS = 101


class Answer:
    """The answer to one request. To be closed by `aclose`, read to its end or not."""

    __slots__ = (
        *("_body", "_done", "_framed", "_give_back", "_head_bytes", "_more", "_named", "_parser"),
        *("_ready", "_stays", "_stream", "_timeout_s", "headers", "rest", "status"),
    )

    def __init__(
        self,
        stream: Stream,
        timeout_s: float | None,
        give_back: Callable[[Stream], Awaitable[None]],
    ) -> None:
        """`give_back` takes the connection where it can be used again."""
        self.status = 0
        self.headers: dict[str, str] = {}
        self.rest = b""
        """What came behind the head where the connection has left HTTP."""
        self._stream: Stream | None = stream
        self._timeout_s = timeout_s
        self._give_back = give_back
        self._parser = HttpResponseParser(self)
        self._body: list[bytes] = []
        self._named: list[tuple[bytes, bytes]] = []
        self._head_bytes = 0
        self._ready = self._done = self._more = self._framed = self._stays = False

    async def read_head(self) -> None:
        """Wait for status and headers. Raises Silent and Broken."""
        while not self._ready:
            data = await self._receive()
            if not data:
                raise Broken("the connection was closed before the answer")
            self._head_bytes += len(data)
            self._feed(data)
            if not self._ready and self._head_bytes > MAX_HEAD_BYTES:
                raise Broken(f"the headers of the answer are above {MAX_HEAD_BYTES} bytes")

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """Yield the body as it comes. Raises Silent, and Broken where it ends early."""
        while True:
            waiting, self._body = self._body, []
            for piece in waiting:
                yield piece
            if self._done:
                return
            data = await self._receive()
            if data:
                self._feed(data)
            elif self._framed:
                raise Broken("the connection was closed before the end of the answer")
            else:
                return  # a body without a length ends with its connection

    def hand_over(self) -> Stream:
        """Return the connection of an answer that has left HTTP; closing it is the caller's."""
        stream, self._stream = self._stream, None
        assert stream is not None, "the connection was closed or handed over before"
        return stream

    async def aclose(self) -> None:
        """Keep the connection where the answer has ended cleanly, else close it. Idempotent."""
        stream, self._stream = self._stream, None
        if stream is None:
            return
        clean = self._done and not self._more and self.status != SWITCHING_PROTOCOLS
        if clean and self._stays and stream.is_quiet():
            await self._give_back(stream)
        else:
            await stream.aclose()

    async def _receive(self) -> bytes:
        assert self._stream is not None, "the answer was closed"
        return await self._stream.receive(self._timeout_s)

    def _feed(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade as left:
            self.rest = data[left.args[0] :]
        except HttpParserError as error:
            if self._done:
                self._more = True  # the answer is whole; its connection is not to be trusted
                return
            raise Broken(f"it does not speak HTTP: {error}") from error

    def on_message_begin(self) -> None:
        """Begin, or note bytes behind the end (the parser calls these)."""
        self._more = self._done

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header, but none behind the body: nobody reads those."""
        if self._ready:
            return
        self._named.append((name, value))

    def on_headers_complete(self) -> None:
        """Take status and headers; answers that only say "wait" (100, 103) are passed over."""
        named, self._named = self._named, []
        if self._more:
            return
        status = self._parser.get_status_code()
        if status < 200 and status != SWITCHING_PROTOCOLS:
            return
        self.status = status
        for name, value in named:
            key, text = name.decode("latin-1").lower(), value.decode("latin-1")
            self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text
        self._framed = "content-length" in self.headers or "transfer-encoding" in self.headers
        self._stays = self._parser.should_keep_alive()  # only now the parser knows
        self._ready = True

    def on_body(self, body: bytes) -> None:
        """Keep a piece of the body."""
        if not self._more:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """Note the end of the answer, not of one that only says "wait"."""
        self._done = self._ready
