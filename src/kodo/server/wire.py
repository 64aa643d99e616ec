"""HTTP as the endpoints speak it: bodies with a limit, JSON answers, streams of events.

Knows ASGI and no API's words. Guards memory (a body is bounded before it is read) and the model: a
client that goes away ends what it asked for.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol, TypeVar

import anyio
import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from kodo.base.errors import KodoError
from kodo.server.caller import Anyone, Caller
from kodo.server.gateway.generation import SlowReader, first_cause
from kodo.server.problem import Problem, RequestError, problem_of

_ENCODER = msgspec.json.Encoder()


class ErrorBody(Protocol):
    """Puts a problem into the words of one API."""

    def __call__(self, problem: Problem) -> object:
        """Return the body of an error answer."""
        ...


class ErrorTold(msgspec.Struct, frozen=True):
    """What went wrong: for people, its class, a word for programs, the field."""

    message: str
    type: str
    code: str
    param: str | None = None


class ErrorAnswer(msgspec.Struct, frozen=True):
    """An error in the shape of OpenAI's API, which most clients read."""

    error: ErrorTold


def openai_error(problem: Problem) -> ErrorAnswer:
    """Return an error body in that shape."""
    told = ErrorTold(problem.message, problem.kind, problem.code, problem.param)
    return ErrorAnswer(told)


def json_answer(
    value: object, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Return `value` as a JSON answer."""
    return Response(_ENCODER.encode(value), status, headers, "application/json")


def error_answer(problem: Problem, body: ErrorBody = openai_error) -> Response:
    """Return a problem as an answer."""
    headers: dict[str, str] = {}
    if problem.retry_after_s is not None:
        headers["retry-after"] = str(max(1, round(problem.retry_after_s)))
    if problem.status == 401:
        headers["www-authenticate"] = "Bearer"
    return json_answer(body(problem), problem.status, headers)


def caller_of(scope: Scope) -> Caller:
    """Return who makes a request, as the guard found out."""
    caller: Caller = scope.get("kodo.caller") or Anyone()
    return caller


async def read_limited(request: Request, max_bytes: int) -> bytes:
    """Return the body. Raises RequestError: 413 over the limit, 415 where it is compressed."""
    headers = request.headers
    if headers.get("content-encoding", "identity") != "identity":
        raise RequestError(
            Problem(415, "unsupported_encoding", "send the body uncompressed: content-encoding is")
        )
    length = headers.get("content-length", "")
    if length.isdecimal() and int(length) > max_bytes:
        raise _too_large(max_bytes)
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > max_bytes:
            raise _too_large(max_bytes)
    return bytes(body)


def _too_large(max_bytes: int) -> RequestError:
    return RequestError(
        Problem(413, "request_too_large", f"the body is larger than {max_bytes} bytes")
    )


T = TypeVar("T")
Work = Callable[["Stream"], Awaitable[None]]
EVENTS = b"text/event-stream; charset=utf-8"
LINES = b"application/x-ndjson"


class Stream:
    """A stream of events. The answer begins with the first `send`."""

    __slots__ = ("_media_type", "_send", "began")

    def __init__(self, send: Send, media_type: bytes) -> None:
        self._send = send
        self._media_type = media_type
        self.began = False

    async def send(self, data: bytes) -> None:
        """Send whole events. Waits for a reader that is slow."""
        if not self.began:
            self.began = True
            await self._send(
                {
                    "type": "http.response.start",
                    "status": 200,
                    "headers": [
                        (b"content-type", self._media_type),
                        (b"cache-control", b"no-store"),
                        (b"x-accel-buffering", b"no"),
                    ],
                }
            )
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self) -> None:
        """End the stream."""
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})


class EventAnswer(Response):
    """An answer whose events `work` sends.

    What `work` raises before the first event becomes an error answer in the words of `error_body`;
    afterwards `work` has to tell it in events itself.
    """

    def __init__(
        self, work: Work, error_body: ErrorBody = openai_error, media_type: bytes = EVENTS
    ) -> None:
        super().__init__()
        self._media_type = media_type
        self._work = work
        self._error_body = error_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the work until it ends or the client goes."""
        stream = Stream(send, self._media_type)
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_until_gone, receive, tasks.cancel_scope)
                await self._work(stream)
                tasks.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            error = first_cause(group)
            if isinstance(error, SlowReader):
                return  # the connection is closed without an end, which clients take for what it is
            if stream.began or not isinstance(error, RequestError):
                raise error from None
            await error_answer(error.problem, self._error_body)(scope, receive, send)
            return
        if stream.began:
            await stream.end()


async def _until_gone(receive: Receive, scope: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


async def while_there(request: Request, work: Callable[[], Awaitable[T]], model_id: str) -> T:
    """Return what `work` returns; it is cancelled where the client goes.

    Raises ClientGone, or RequestError for whatever a call of `model_id` failed with.
    """
    found: list[T] = []
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_until_gone, request.receive, tasks.cancel_scope)
            found.append(await work())
            tasks.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        error = first_cause(group)
        if not isinstance(error, KodoError):
            raise error from None
        raise RequestError(problem_of(error, model_id)) from error
    if not found:
        raise ClientGone
    return found[0]


class ClientGone(Exception):
    """The client went away before its answer was ready; nobody is left to be told."""
