"""The WebSocket mode of the Responses API: one connection, kept open, any number of responses.

Knows frames and lanes. Guards the connection: garbage is answered and not fatal, a lane has one
response at a time, what runs ends with its connection, and no write waits for ever.
"""

from collections.abc import Sequence

import anyio
import anyio.abc
import msgspec
from msgspec.structs import replace
from starlette.types import Receive, Scope, Send

from kodo.server.gateway.generation import SlowReader, first_cause
from kodo.server.problem import Problem, RequestError, bad_request
from kodo.server.responses import events
from kodo.server.responses.call import Input, prepare
from kodo.server.responses.chains import Chains
from kodo.server.responses.encoding import Sendable
from kodo.server.responses.items import Conversation
from kodo.server.responses.lane import Lane
from kodo.server.responses.outgoing import Outgoing
from kodo.server.responses.request import RESPONSE_REQUEST, read_body
from kodo.server.service import Service
from kodo.server.wire import caller_of

MOST_KEPT = 16
GOING_AWAY, BAD_DATA, TRY_LATER = 1001, 1003, 1013


class ClientEvent(msgspec.Struct, frozen=True):
    """What a client says, besides what `response.create` holds."""

    type: str
    stream_id: str | None = None
    response_id: str | None = None
    previous_response_id: str | None = None
    input: Input = ()


_CLIENT_EVENT = msgspec.json.Decoder(ClientEvent)


class _Kind(msgspec.Struct, frozen=True):
    type: str


_KIND = msgspec.json.Decoder(_Kind)


class ResponsesSocket:
    """The ASGI application of one endpoint; `chains` are the responses that the server stores."""

    def __init__(self, service: Service, chains: Chains) -> None:
        self._service = service
        self._chains = chains

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection until it ends."""
        await receive()  # websocket.connect
        metrics = self._service.metrics
        await send({"type": "websocket.accept"})
        metrics.connections += 1
        try:
            async with anyio.create_task_group() as tasks:
                connection = Connection(self._service, scope, self._chains, receive, send, tasks)
                await connection.serve()
                tasks.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            error = first_cause(group)
            if not isinstance(error, (SlowReader, OSError)):
                raise error from None
            with anyio.move_on_after(1):  # who does not read does not read this either
                await send({"type": "websocket.close", "code": TRY_LATER, "reason": "too slow"})
        finally:
            metrics.connections -= 1


class Connection:
    """One client. Its own responses are kept with it; stored ones with the server."""

    __slots__ = (
        "_caller",
        "_chains",
        "_closing",
        "_lanes",
        "_opened_at",
        "_outgoing",
        "_receive",
        "_send",
        "_service",
        "_stored",
        "_tasks",
    )

    def __init__(
        self,
        service: Service,
        scope: Scope,
        stored: Chains,
        receive: Receive,
        send: Send,
        tasks: anyio.abc.TaskGroup,
    ) -> None:
        self._service = service
        self._outgoing = Outgoing(scope, send, tasks)
        self._caller = caller_of(scope)
        self._stored = stored
        self._chains = Chains(most=MOST_KEPT, beyond=stored)
        self._receive = receive
        self._send = send
        self._tasks = tasks
        self._lanes: dict[str, Lane | None] = {}
        self._opened_at = service.monotonic()
        self._closing = False

    async def serve(self) -> None:
        """Read frames until the client goes or has to go."""
        while not self._closing:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                return
            text: str | None = message.get("text")
            if text is None:
                await self._close(BAD_DATA, "frames are JSON text")
                return
            try:
                await self._take(text)
            except RequestError as error:
                await self._complain(error.problem, None)

    async def _take(self, text: str) -> None:
        match read_body(text, _KIND).type:
            case "response.create":
                await self._create(text)
            case "response.steer":
                await self._steer(text)
            case "response.cancel" | "response.interrupt":
                said = read_body(text, _CLIENT_EVENT)
                for name, lane in list(self._lanes.items()):
                    wanted = said.stream_id is None or said.stream_id == name
                    named = lane is not None and said.response_id in (None, lane.response_id)
                    if lane is not None and wanted and named:
                        lane.cancel()
            case _:
                pass  # newer clients say things that an older server need not know

    async def _create(self, text: str) -> None:
        request = read_body(text, RESPONSE_REQUEST)
        name = request.stream_id or ""
        try:
            self._check_lane(name)
            call = await prepare(self._service, self._caller, self._chains, request, len(text))
        except RequestError as error:
            await self._complain(error.problem, request.stream_id)
            if error.problem.code == "websocket_connection_limit_reached":
                await self._close(GOING_AWAY, "connection limit reached")
            return

        def keep(response_id: str, said: Conversation, size_bytes: int) -> None:
            self._chains.keep(response_id, said, self._caller.name, size_bytes)
            if call.stores:
                self._stored.keep(response_id, said, self._caller.name, size_bytes)

        lane = Lane(
            self._service,
            self._caller,
            call,
            self._send_events,
            keep,
            self._stored.show,
            request.stream_id,
        )
        self._lanes[name] = lane
        self._tasks.start_soon(self._run, name, lane)

    async def _run(self, name: str, lane: Lane) -> None:
        try:
            await lane.run()
        finally:
            if self._lanes.get(name) is lane:
                del self._lanes[name]
        await self._outgoing.flush()
        if self._service.draining and not self._lanes:
            await self._close(GOING_AWAY, "the server is being stopped")
            self._tasks.cancel_scope.cancel()

    def _check_lane(self, name: str) -> None:
        bounds = self._service.bounds
        if self._service.monotonic() - self._opened_at > bounds.connection_age_s:
            raise bad_request(
                f"this connection is older than {bounds.connection_age_s:g} s: open another",
                code="websocket_connection_limit_reached",
            )
        if self._lanes.get(name) is not None:
            raise bad_request(
                "a response is on its way: wait for it, cancel it or use another stream_id",
                code="response_in_progress",
                param="stream_id",
            )
        if len(self._lanes) >= bounds.max_lanes:
            raise bad_request(
                f"{bounds.max_lanes} responses are on their way on this connection",
                code="too_many_streams",
                param="stream_id",
            )

    async def _steer(self, text: str) -> None:
        said = read_body(text, _CLIENT_EVENT)
        wanted = said.previous_response_id or ""
        steer = events.Steer(f"steer_{self._service.new_id()}", wanted)
        stream_id = msgspec.UNSET if said.stream_id is None else said.stream_id
        lane = next(
            (one for one in self._lanes.values() if one and one.response_id == wanted), None
        )
        try:
            if lane is None:
                raise self._nothing_to_steer(wanted)
            accepted = events.SteerAccepted(sequence_number=0, stream_id=stream_id, steer=steer)
            lane.check(said.input, len(text))
            await self._send_events([accepted])
            lane.steer(said.input, len(text))
        except RequestError as error:
            code = error.problem.code
            if code in ("invalid_value", "invalid_type"):
                code = "invalid_input"
            failed = events.SteerFailed(
                sequence_number=0,
                stream_id=stream_id,
                steer=replace(steer, input=msgspec.Raw(_input_of(text))),
                error=events.WireError(code, error.problem.message),
            )
            await self._send_events([failed])

    def _nothing_to_steer(self, wanted: str) -> Exception:
        try:
            self._chains.find(wanted, self._caller.name)
        except RequestError:
            return bad_request(f"no response {wanted!r} here", code="response_not_found")
        return bad_request(
            f"the response {wanted!r} is complete: send response.create",
            code="response_already_completed",
        )

    async def _complain(self, problem: Problem, stream_id: str | None) -> None:
        trouble = events.Trouble(
            sequence_number=0,
            stream_id=msgspec.UNSET if stream_id is None else stream_id,
            status=problem.status,
            error=events.WireError(problem.code, problem.message, problem.kind, problem.param),
            code=problem.code,
            message=problem.message,
            param=problem.param,
        )
        await self._send_events([trouble])

    async def _send_events(self, found: Sequence[Sendable]) -> None:
        await self._outgoing.send(found)

    async def _close(self, code: int, reason: str) -> None:
        if not self._closing:
            self._closing = True
            await self._outgoing.flush()
            await self._send({"type": "websocket.close", "code": code, "reason": reason})


class _Input(msgspec.Struct, frozen=True):
    input: msgspec.Raw = msgspec.Raw(b"[]")


def _input_of(text: str) -> bytes:
    return bytes(msgspec.json.decode(text, type=_Input).input)
