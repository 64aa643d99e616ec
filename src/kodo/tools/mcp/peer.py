"""One MCP connection: requests find their answers, the server's own requests are answered.

Knows no tool. Guards that every request ends (answer, time limit, loss), that a given-up one is
cancelled at the server, and that messages which make no sense are passed over.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import msgspec

from kodo.base.errors import ToolError
from kodo.tools.mcp.carrier import Carrier, Lost
from kodo.tools.mcp.wire import METHOD_NOT_FOUND, Fault, Incoming, Outgoing, Progress

OnProgress = Callable[[str], Awaitable[None]]
_DECODER = msgspec.json.Decoder(Incoming)
_BATCHES = msgspec.json.Decoder(list[Incoming])
_PROGRESS = msgspec.json.Decoder(Progress)


class _Waiting(msgspec.Struct):
    method: str
    done: anyio.Event
    answer: Incoming | None = None
    on_progress: OnProgress | None = None


class Peer:
    """`run` reads until the connection is lost; `request` may be called meanwhile."""

    def __init__(self, carrier: Carrier, on_change: Callable[[str], None]) -> None:
        """`on_change` hears the method of every notification that a list has changed."""
        self.carrier = carrier
        self.lost = ""
        self.strange = 0
        self._on_change = on_change
        self._waiting: dict[int | str, _Waiting] = {}
        self._count = 0

    async def run(self) -> None:
        """Read messages until the connection is lost; whoever waits then hears of it."""
        try:
            while True:
                await self._take(await self.carrier.receive())
        except Lost as error:
            self.lost = str(error)
        finally:
            self.lost = self.lost or "the connection was closed"
            for waiting in self._waiting.values():
                waiting.done.set()

    async def request(
        self,
        method: str,
        params: dict[str, Any],
        timeout_s: float,
        on_progress: OnProgress | None = None,
    ) -> msgspec.Raw:
        """Return the result. Raises Lost, and ToolError for a refusal or the time limit."""
        if self.lost:
            raise Lost(self.lost)
        self._count += 1
        number = self._count
        if on_progress is not None:
            params = {**params, "_meta": {"progressToken": number}}
        waiting = self._waiting[number] = _Waiting(method, anyio.Event(), None, on_progress)
        try:
            with anyio.fail_after(timeout_s):
                await self._send(Outgoing("2.0", method, number, params))
                await waiting.done.wait()
        except TimeoutError:
            await self._give_up(number, method)
            raise ToolError(f"{method} got no answer within {timeout_s:g} s") from None
        except anyio.get_cancelled_exc_class():
            with anyio.move_on_after(1, shield=True):
                await self._give_up(number, method)
            raise
        finally:
            del self._waiting[number]
        answer = waiting.answer
        if answer is None:
            raise Lost(self.lost)
        if answer.error is not None:
            raise ToolError(f"{method} was refused: {answer.error.message} ({answer.error.code})")
        return answer.result

    async def notify(self, method: str, params: dict[str, Any] | None = None) -> None:
        """Send a notification. Raises Lost."""
        await self._send(Outgoing("2.0", method, None, params))

    async def _give_up(self, number: int, method: str) -> None:
        if method != "initialize" and not self.lost:  # which may not be cancelled
            reason = {"requestId": number, "reason": "given up"}
            with anyio.move_on_after(1):
                await self.notify("notifications/cancelled", reason)

    async def _send(self, message: Outgoing) -> None:
        await self.carrier.send(msgspec.json.encode(message))

    async def _take(self, data: bytes) -> None:
        try:
            batch = data.lstrip().startswith(b"[")
            messages = _BATCHES.decode(data) if batch else [_DECODER.decode(data)]
        except (msgspec.DecodeError, UnicodeDecodeError):
            self.strange += 1
            return
        for message in messages:
            if message.method and message.id is not None:
                await self._answer(message)
            elif message.method:
                await self._hear(message)
            elif message.id in self._waiting:
                waiting = self._waiting[message.id]
                waiting.answer = message
                waiting.done.set()
            else:
                self.strange += 1

    async def _answer(self, request: Incoming) -> None:
        """Answer a request of the server: it may ask whether we live, and for no roots."""
        reply = Outgoing("2.0", id=request.id)
        match request.method:
            case "ping":
                reply.result = {}
            case "roots/list":
                reply.result = {"roots": []}
            case "elicitation/create":
                reply.result = {"action": "decline"}
            case _:
                reply.error = Fault(METHOD_NOT_FOUND, f"kodo does not offer {request.method!r}")
        await self._send(reply)

    async def _hear(self, message: Incoming) -> None:
        if message.method.endswith("/list_changed"):
            self._on_change(message.method)
        elif message.method == "notifications/progress":
            try:
                told = _PROGRESS.decode(message.params)
            except msgspec.DecodeError:
                self.strange += 1
                return
            waiting = self._waiting.get(told.progress_token)
            if waiting is not None and waiting.on_progress is not None:
                total = f" of {told.total:g}" if told.total else ""
                await waiting.on_progress(f"{told.progress:g}{total} {told.message}".strip())
