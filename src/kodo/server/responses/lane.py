"""One lane of a WebSocket: at most one response on its way, with those that steer it.

Knows calls and events, not frames. Guards that a response which is cancelled or steered ends with
an event that says so, and that its chain holds what was sent of it.
"""

from collections.abc import Callable

import anyio
import msgspec

from kodo.core.messages import Assistant
from kodo.server.caller import Caller
from kodo.server.gateway.generation import SlowReader
from kodo.server.problem import bad_request, problem_of
from kodo.server.responses.call import Call, Input, after, carry_out, continued
from kodo.server.responses.items import Conversation, as_items
from kodo.server.responses.writer import ResponseWriter, Send
from kodo.server.service import Service

ENDPOINT = "responses_ws"
MOST_PENDING = 8
Keep = Callable[[str, Conversation, int], None]
Show = Callable[[str, bytes], None]


class _Steering(msgspec.Struct, frozen=True):
    input: Input
    size_bytes: int


class Lane:
    """The running response of a lane and its successors."""

    __slots__ = (
        "_call",
        "_caller",
        "_keep",
        "_scope",
        "_send",
        "_service",
        "_show",
        "_steering",
        "_stream_id",
        "_why",
    )

    def __init__(
        self,
        service: Service,
        caller: Caller,
        call: Call,
        send: Send,
        keep: Keep,
        show: Show,
        stream_id: str | None,
    ) -> None:
        self._service = service
        self._caller = caller
        self._call = call
        self._send = send
        self._keep = keep
        self._show = show
        self._stream_id = stream_id
        self._scope = anyio.CancelScope()
        self._steering: list[_Steering] = []
        self._why = ""

    @property
    def response_id(self) -> str:
        """The id of the response that is on its way."""
        return self._call.response.id

    def cancel(self) -> None:
        """End the response now; the client is told."""
        self._why = "cancelled"
        self._scope.cancel()

    def check(self, more: Input, size_bytes: int) -> None:
        """Raise RequestError where `more` cannot steer this response."""
        if len(self._steering) >= MOST_PENDING:
            raise bad_request(
                f"{MOST_PENDING} steering messages wait already", code="too_many_pending_steers"
            )
        continued(self._service, self._call, Assistant((), ""), more, size_bytes)

    def steer(self, more: Input, size_bytes: int) -> None:
        """End the response and go on with more input, which `check` has passed."""
        self._steering.append(_Steering(more, size_bytes))
        self._why = self._why or "steered"
        self._scope.cancel()

    async def run(self) -> None:
        """Carry out the response and its successors, to an event that ends each."""
        while True:
            call = self._call
            writer = ResponseWriter(call.response, call.toolbox, self._send, self._stream_id)
            await writer.begin()
            with self._scope:
                try:
                    done = await carry_out(
                        self._service, self._caller, call, writer, self._keep, ENDPOINT
                    )
                    self._show(done.id, msgspec.json.encode(done))
                except SlowReader:
                    raise
                except Exception as error:  # noqa: BLE001  the border: told to the client
                    await writer.fail(problem_of(error, call.model.info.id))
            if not self._scope.cancelled_caught:
                return
            said = Assistant(writer.said(), call.model.info.id)
            self._keep(call.response.id, after(call.before, said), call.size_bytes)
            if self._why == "cancelled" or not self._steering:
                await writer.end_early("cancelled", "cancelled")
                return
            await writer.end_early("steered")
            self._succeed(said)

    def _succeed(self, said: Assistant) -> None:
        """Make the successor of a steered response the one that is on its way."""
        steering, self._steering = self._steering, []
        more: Input = tuple(item for one in steering for item in as_items(one.input))
        size_bytes = sum(one.size_bytes for one in steering)
        self._call = continued(self._service, self._call, said, more, size_bytes)
        self._scope = anyio.CancelScope()
        self._why = ""
