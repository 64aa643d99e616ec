"""POST /v1/responses: one JSON object, or a stream of server-sent events.

Guards that an error before the first event is an HTTP status, and one after it an event.
"""

from collections.abc import Callable, Sequence

import msgspec
from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import Response

from kodo.server.caller import Caller
from kodo.server.gateway.generation import SlowReader
from kodo.server.problem import RequestError, problem_of
from kodo.server.responses import events
from kodo.server.responses.call import Call, carry_out, prepare
from kodo.server.responses.chains import Chains
from kodo.server.responses.encoding import Sendable, server_event
from kodo.server.responses.items import Conversation
from kodo.server.responses.request import RESPONSE_REQUEST, read_body
from kodo.server.responses.writer import ResponseWriter
from kodo.server.service import Service
from kodo.server.wire import EventAnswer, Stream, caller_of, json_answer, read_limited, while_there

ENDPOINT = "responses"
Keep = Callable[[str, Conversation, int], None]


class ResponsesEndpoint:
    """The endpoint; `chains` are the responses that clients let the server store."""

    def __init__(self, service: Service, chains: Chains) -> None:
        self._service = service
        self._chains = chains

    async def __call__(self, request: Request) -> Response:
        """Answer one request. Raises RequestError."""
        service = self._service
        caller = caller_of(request.scope)
        body = await read_limited(request, service.bounds.max_body_bytes)
        asked = read_body(body, RESPONSE_REQUEST)
        call = await prepare(service, caller, self._chains, asked, len(body))
        call = replace(call, response=echoed(call, body))

        def keep(response_id: str, said: Conversation, size_bytes: int) -> None:
            if call.stores:
                self._chains.keep(response_id, said, caller.name, size_bytes)

        if asked.stream:
            return self._streamed(caller, call, keep)
        done = await self._whole(request, caller, call, keep)
        self._chains.show(done.id, msgspec.json.encode(done))
        return json_answer(done)

    async def compact(self, request: Request) -> Response:
        """Answer POST /v1/responses/compact: the items to go on from. Raises RequestError."""
        service = self._service
        caller = caller_of(request.scope)
        body = await read_limited(request, service.bounds.max_body_bytes)
        asked = read_body(body, RESPONSE_REQUEST)
        size_bytes = len(body)
        call = await prepare(service, caller, self._chains, asked, size_bytes, only_compacts=True)

        def keep(response_id: str, said: Conversation, size_bytes: int) -> None:
            pass  # the items are all that is left of it

        done = await self._whole(request, caller, call, keep)
        compacted = events.Compacted(done.id, done.created_at, done.output, done.usage)
        return json_answer(compacted)

    async def retrieve(self, request: Request) -> Response:
        """Answer GET /v1/responses/ID with a stored response. Raises RequestError (404)."""
        response_id: str = request.path_params["response_id"]
        data = self._chains.response(response_id, caller_of(request.scope).name)
        return Response(data, media_type="application/json")

    def _streamed(self, caller: Caller, call: Call, keep: Keep) -> Response:
        async def stream(to: Stream) -> None:
            head: list[bytes] = []

            async def send(found: Sequence[Sendable]) -> None:
                data = b"".join(map(server_event, found))
                if to.began:
                    await to.send(data)
                    return
                if isinstance(found[0], events.Created):
                    head.append(data)  # until it is known that the model answers
                    return
                await to.send(b"".join((*head, data)))
                head.clear()

            writer = ResponseWriter(call.response, call.toolbox, send)
            await writer.begin()
            try:
                done = await carry_out(self._service, caller, call, writer, keep, ENDPOINT)
                self._chains.show(done.id, msgspec.json.encode(done))
            except SlowReader:
                raise
            except Exception as error:
                problem = problem_of(error, call.model.info.id)
                if not to.began:
                    raise RequestError(problem) from error
                await writer.fail(problem)

        return EventAnswer(stream)

    async def _whole(
        self, request: Request, caller: Caller, call: Call, keep: Keep
    ) -> events.Response:
        async def nothing(found: Sequence[Sendable]) -> None:
            pass

        writer = ResponseWriter(call.response, call.toolbox, nothing)
        return await while_there(
            request,
            lambda: carry_out(self._service, caller, call, writer, keep, ENDPOINT),
            call.model.info.id,
        )


class _Echo(msgspec.Struct):
    tools: tuple[msgspec.Raw, ...] | None = None


def echoed(call: Call, body: bytes) -> events.Response:
    """Return the response with the tools of the request as the client sent them."""
    tools = msgspec.json.decode(body, type=_Echo).tools or ()
    return replace(call.response, tools=tuple(map(msgspec.Raw.copy, tools)))
