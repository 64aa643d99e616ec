"""The Responses API over WebSockets that stay open: a turn sends only what is new.

Knows the protocol's events and errors; framing, HTTP and chains are other files. Guards the port's
promise whatever happens to a connection: what was not answered is asked again on a new one or left
to server-sent events (NoDialogue), and what was cancelled is closed, so nothing is generated for
nobody.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field

import anyio

from kodo.base.errors import ModelError, Overloaded
from kodo.core.events import Retrying
from kodo.core.messages import Assistant, Delta
from kodo.core.model import ModelInfo, Prompt
from kodo.models import payload
from kodo.models.dialogue import NoDialogue
from kodo.models.exchange import Endpoint
from kodo.models.failures import problem_of, shown_url
from kodo.models.handoff import prepare
from kodo.models.responses_chain import Chain
from kodo.models.responses_reply import ResponsesEvent, ResponsesReader
from kodo.models.responses_request import Json, input_items
from kodo.models.retry import OnRetry
from kodo.models.transport import Transport
from kodo.models.websocket import (
    SocketClosed,
    SocketSilent,
    WebSocket,
    accepts,
    handshake_headers,
)

MOST_IDLE = 2
"""A conversation and one aside (a summary, say); a third connection is closed after its answer."""

MOST_LOST = 2
"""So many connections may be lost before an answer begins; then the wire is given up."""

BETA = {"openai-beta": "responses_websockets=2026-02-06"}
_START_AGAIN = frozenset({"previous_response_not_found", "websocket_connection_limit_reached"})
_MAY_PASS = frozenset({408, 409, 425, 429, 500, 502, 503, 504})


class _StartAgain(Exception):
    """The server no longer has the chain, or wants a new connection."""


@dataclass(slots=True, eq=False)
class _Line:
    socket: WebSocket
    chain: Chain = field(default_factory=Chain)
    used: bool = False


class ResponsesSocket:
    """A Dialogue in the WebSocket mode of the Responses API. Does not own `transport`."""

    __slots__ = ("_endpoint", "_idle", "_info", "_lost", "_on_retry", "_transport")

    def __init__(
        self,
        info: ModelInfo,
        endpoint: Endpoint,
        transport: Transport,
        on_retry: OnRetry | None = None,
    ) -> None:
        self._info = info
        self._endpoint = endpoint
        self._transport = transport
        self._on_retry = on_retry
        self._idle: list[_Line] = []
        self._lost = 0

    async def converse(self, body: Mapping[str, object]) -> AsyncGenerator[Delta | Assistant, None]:
        """Yield deltas, then one Assistant. See `Dialogue`."""
        retry = 0
        while True:
            spoken = False
            try:
                async with aclosing(self._on_some_line(body)) as pieces:
                    async for piece in pieces:
                        spoken = True
                        yield piece
                return
            except _StartAgain:
                continue
            except NoDialogue:
                raise
            except ModelError as error:
                if spoken:
                    error.retryable = False  # part of it is on the screen already
                retry += 1
                wait_s = self._transport.wait_s(retry, error)
                if wait_s is None:
                    raise
                if self._on_retry is not None:
                    await self._on_retry(Retrying(str(error), retry + 1, wait_s))
            await self._transport.sleep(wait_s)

    async def aclose(self) -> None:
        """Close the connections."""
        lines, self._idle = self._idle, []
        for line in lines:
            await line.socket.aclose()

    async def _on_some_line(
        self, body: Mapping[str, object]
    ) -> AsyncGenerator[Delta | Assistant, None]:
        """Yield the answer of one connection; a whole answer leaves it open for the next call."""
        line = await self._line(body)
        whole = spoken = False
        try:
            async with aclosing(self._ask(line, body)) as pieces:
                async for piece in pieces:
                    spoken = True
                    whole = isinstance(piece, Assistant)
                    if whole:
                        self._lost = 0
                    yield piece
        except SocketSilent as error:
            raise Overloaded(f"{self._where()} {error}; check it, or try again") from error
        except SocketClosed as error:
            raise self._broken(error, line, spoken=spoken) from error
        finally:
            line.used = True
            if whole and len(self._idle) < MOST_IDLE:
                self._idle.append(line)
            else:
                await line.socket.aclose()

    async def _ask(
        self, line: _Line, body: Mapping[str, object]
    ) -> AsyncGenerator[Delta | Assistant, None]:
        continued = line.chain.continues(body)
        request = line.chain.request(body)
        line.chain.forget()  # until this answer is whole
        await line.socket.send(payload.encode(request))
        reader = ResponsesReader(self._info, self._endpoint)
        what = f"an event of provider {self._endpoint.provider!r}"
        while not reader.done:
            event = payload.decode(await line.socket.receive(), ResponsesEvent, what)
            if event.type == "error" and (continued or line.used) and _code(event) in _START_AGAIN:
                raise _StartAgain
            for delta in reader.take(event):
                yield delta
        reply = reader.finish()
        assert reply is not None  # the reader is done
        if reader.response_id:
            line.chain.extend(body, self._items_of(reply), reader.response_id)
        yield reply

    async def _line(self, body: Mapping[str, object]) -> _Line:
        """Return the connection that holds the most of `body`, or a new one."""
        while self._idle:
            best = next((line for line in self._idle if line.chain.continues(body)), self._idle[0])
            self._idle.remove(best)
            if await self._is_alive(best):
                return best
            await best.socket.aclose()
        return _Line(await self._connect())

    async def _is_alive(self, line: _Line) -> bool:
        try:
            return await line.socket.is_alive()
        except anyio.get_cancelled_exc_class():
            await line.socket.aclose()
            raise

    async def _connect(self) -> WebSocket:
        asked = handshake_headers()
        endpoint = self._endpoint
        try:
            upgraded = await self._transport.upgrade(
                endpoint.url, {**asked, **BETA, **endpoint.headers}, provider=endpoint.provider
            )
        except ModelError as error:
            raise NoDialogue(
                f"{self._where()} does not open a WebSocket: {error}",
                settled=error.status is not None and error.status not in _MAY_PASS,
                status=error.status,
            ) from error
        answer = upgraded.headers.get("sec-websocket-accept", "")
        if not accepts(asked["sec-websocket-key"], answer):
            await upgraded.stream.aclose()
            raise NoDialogue(f"{self._where()} upgrades to something else", settled=True)
        return WebSocket(upgraded, idle_timeout_s=self._transport.idle_timeout_s)

    def _broken(
        self, error: SocketClosed, line: _Line, *, spoken: bool
    ) -> ModelError | _StartAgain:
        if not spoken and line.used:
            return _StartAgain()  # it had been left alone for a while
        self._lost += 1
        if not spoken and self._lost >= MOST_LOST:
            return NoDialogue(f"{self._where()} breaks off: {error}", settled=True)
        return Overloaded(f"{self._where()} broke off its answer: {error}; try again")

    def _items_of(self, reply: Assistant) -> list[Json]:
        """Return the reply as the next request will repeat it."""
        ready = prepare(Prompt("", (reply,)), self._info, images=False)
        return input_items(ready.messages, {})

    def _where(self) -> str:
        return f"provider {self._endpoint.provider!r} at {shown_url(self._endpoint.url)}"


def _code(event: ResponsesEvent) -> str:
    if event.error is None:
        return event.code or ""
    return problem_of(event.error).code
