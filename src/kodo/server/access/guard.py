"""The door: who may come in, before any endpoint hears of a request.

Knows headers and tokens. Guards against other websites (Host and Origin), against those without a
token, and against more connections than were agreed on. The path of a health check is free.
"""

from collections.abc import Collection
from typing import Protocol

import msgspec
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from kodo.server.caller import Anyone, Caller
from kodo.server.problem import Problem, RequestError
from kodo.server.service import Service
from kodo.server.wire import error_answer

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
FREE = frozenset({"/healthz", "/readyz"})
SCOPES = {"/metrics": "metrics", "/v1/sessions": "sessions"}
BEARER = "bearer."


class Door(msgspec.Struct, frozen=True):
    """What the guard lets through.

    `hosts` are names (without port) that the Host header may hold, empty for any (a Unix socket);
    `origins` are whole origins of websites that may call. `needs_token`: nobody comes in without.
    `guarded` are paths that nobody comes in to without, whatever `needs_token` says.
    """

    hosts: Collection[str] = LOOPBACK
    origins: Collection[str] = ()
    needs_token: bool = False
    guarded: Collection[str] = frozenset({"/v1/sessions"})


class Tokens(Protocol):
    """Those who have a token."""

    def find(self, token: str, scope: str) -> Caller | None:
        """Return whose token it is, None where it is nobody's or has ended.

        Takes as long for a wrong one. Raises RequestError (403) where it lacks the scope.
        """
        ...

    def looks_own(self, token: str) -> bool:
        """Return whether a token has the form of ours, rather than a placeholder of a client."""
        ...


class Guard:
    """Middleware around the whole application."""

    def __init__(self, app: ASGIApp, service: Service, door: Door, tokens: Tokens | None) -> None:
        self._app = app
        self._service = service
        self._door = door
        self._tokens = tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        try:
            self._check_host(headers)
            origin = self._check_origin(headers)
            if origin and scope.get("method") == "OPTIONS":
                await _preflight(origin, send)
                return
            if scope["path"] not in FREE:
                scope["kodo.caller"] = self._caller(headers, scope["path"])
            if scope["type"] == "websocket":
                self._check_room()
        except RequestError as error:
            self._service.metrics.request("refused", error.problem.status)
            await _refuse(error.problem, scope, receive, send)
            return
        await self._app(scope, receive, _with_origin(send, origin) if origin else send)

    def _check_host(self, headers: Headers) -> None:
        if not self._door.hosts:
            return
        host = headers.get("host", "")
        name = host.partition("]")[0].lstrip("[") if host[:1] == "[" else host.partition(":")[0]
        if name.lower() not in self._door.hosts:
            raise RequestError(
                Problem(
                    421,
                    "wrong_host",
                    f"this server is not {host[:80]!r}; add the name to serve.hosts if it is",
                )
            )

    def _check_origin(self, headers: Headers) -> str:
        origin = headers.get("origin", "")
        if origin and origin not in self._door.origins and "*" not in self._door.origins:
            raise RequestError(
                Problem(
                    403,
                    "wrong_origin",
                    f"websites at {origin[:80]!r} may not use this server; add the origin to"
                    " serve.origins if they may",
                )
            )
        return origin

    def _caller(self, headers: Headers, path: str) -> Caller:
        token = headers.get("authorization", "")
        token = token[7:].strip() if token[:7].lower() == "bearer " else ""
        token = token or headers.get("x-api-key", "").strip() or _offered(headers)
        wanted = SCOPES.get(path, "infer")
        needs_token = self._door.needs_token or path in self._door.guarded
        if self._tokens is not None:
            # A client's placeholder for a key is no token; one of ours that has ended is refused.
            if needs_token or self._tokens.looks_own(token):
                found = self._tokens.find(token, wanted)
                if found is None:
                    raise _refused(token)
                return found
        elif needs_token:
            raise _refused(token)
        return Anyone()

    def _check_room(self) -> None:
        most = self._service.bounds.max_connections
        if self._service.metrics.connections >= most:
            raise RequestError(
                Problem(503, "too_many_connections", f"{most} connections are open", None, 5.0)
            )
        self._service.check_open()


def _offered(headers: Headers) -> str:
    """Return the token among the subprotocols: browsers can set no other header of a WebSocket."""
    offered = (word.strip() for word in headers.get("sec-websocket-protocol", "").split(","))
    return next((word[len(BEARER) :] for word in offered if word.startswith(BEARER)), "")


def _refused(token: str) -> RequestError:
    said = "the token is wrong, has ended or was revoked" if token else "a bearer token is needed"
    return RequestError(
        Problem(401, "invalid_api_key", f"{said}; make one with: kodo serve token add")
    )


async def _refuse(problem: Problem, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the problem; a WebSocket is refused before it is one."""
    answer = error_answer(problem)
    if scope["type"] == "http":
        await answer(scope, receive, send)
        return
    await receive()
    head = {"status": answer.status_code, "headers": answer.raw_headers}
    await send({"type": "websocket.http.response.start", **head})
    await send({"type": "websocket.http.response.body", "body": answer.body})


async def _preflight(origin: str, send: Send) -> None:
    headers = [
        *_allowing(origin),
        (b"access-control-allow-methods", b"GET, POST"),
        (b"access-control-allow-headers", b"authorization, content-type, x-api-key"),
        (b"access-control-max-age", b"600"),
    ]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def _with_origin(send: Send, origin: str) -> Send:
    async def allowing(message: "dict[str, object]") -> None:
        if message["type"] == "http.response.start":
            headers = message.get("headers")
            found = list(headers) if isinstance(headers, list) else []  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
            message = {**message, "headers": [*found, *_allowing(origin)]}
        await send(message)

    return allowing  # pyright: ignore[reportReturnType]


def _allowing(origin: str) -> list[tuple[bytes, bytes]]:
    return [(b"access-control-allow-origin", origin.encode("latin-1")), (b"vary", b"origin")]
