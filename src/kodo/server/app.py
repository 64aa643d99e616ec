"""The server as one ASGI application: every route, and the border at which failures become answers.

Knows no sockets and no processes: run.py binds it. Guards that no error of ours reaches a client as
a traceback, nor a model's error without its name.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute

from kodo.server.chat.endpoint import ChatEndpoint
from kodo.server.completions import CompletionsEndpoint
from kodo.server.facade import Facade
from kodo.server.listing import Listing
from kodo.server.messages.endpoint import MessagesEndpoint
from kodo.server.messages.reply import messages_error
from kodo.server.ollama.endpoint import OllamaEndpoint
from kodo.server.ollama.reply import ollama_error
from kodo.server.openapi import document
from kodo.server.problem import Problem, RequestError
from kodo.server.responses.chains import Chains
from kodo.server.responses.endpoint import ResponsesEndpoint
from kodo.server.responses.socket import ResponsesSocket
from kodo.server.service import Service
from kodo.server.wire import ClientGone, ErrorBody, error_answer, json_answer, openai_error

log = logging.getLogger(__name__)

Endpoint = Callable[[Request], Awaitable[Response]]


def build_app(service: Service, more: Sequence[BaseRoute] = ()) -> Starlette:
    """Return the application of a service, with `more` routes.

    Who may call it is the guard's affair.
    """
    chains = Chains()
    listing = Listing(service)
    socket = ResponsesSocket(service, chains)
    responses = ResponsesEndpoint(service, chains)
    messages = MessagesEndpoint(service)
    facade = Facade(service)
    ollama = OllamaEndpoint(service)
    post = ["POST"]

    def route(path: str, endpoint: Endpoint, methods: list[str], words: ErrorBody) -> Route:
        return Route(path, Bordered(service, path, endpoint, words).answer, methods=methods)

    async def healthy(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def ready(_: Request) -> Response:
        return PlainTextResponse(*(("stopping\n", 503) if service.draining else ("ok\n", 200)))

    async def metrics(_: Request) -> Response:
        text = service.metrics.text(service.in_flight)
        return PlainTextResponse(text, media_type="text/plain; version=0.0.4; charset=utf-8")

    async def described(_: Request) -> Response:
        return json_answer(document())

    return Starlette(
        routes=[
            *more,
            Route("/healthz", healthy),
            Route("/readyz", ready),
            Route("/metrics", metrics),
            Route("/openapi.json", described),
            route("/v1/models", listing.all, ["GET"], openai_error),
            route("/v1/models/{name:path}", listing.one, ["GET"], openai_error),
            route("/v1/chat/completions", ChatEndpoint(service), post, openai_error),
            route("/v1/completions", CompletionsEndpoint(service), post, openai_error),
            route("/v1/embeddings", facade.embeddings, post, openai_error),
            route("/v1/messages", messages.answer, post, messages_error),
            route("/v1/messages/count_tokens", messages.count, post, messages_error),
            route("/api/version", facade.version, ["GET"], openai_error),
            route("/api/tags", facade.tags, ["GET"], openai_error),
            route("/api/show", facade.show, post, openai_error),
            route("/api/chat", ollama.chat, post, ollama_error),
            route("/api/generate", ollama.generate, post, ollama_error),
            WebSocketRoute("/v1/responses", socket),
            route("/v1/responses", responses, post, openai_error),
            route("/v1/responses/{response_id}", responses.retrieve, ["GET"], openai_error),
            route("/v1/responses/compact", responses.compact, post, openai_error),
        ],
        exception_handlers={HTTPException: _not_here, Exception: _broken},
    )


class Bordered:
    """An endpoint whose failures become answers in the words of its API."""

    def __init__(self, service: Service, path: str, endpoint: Endpoint, words: ErrorBody) -> None:
        self._service = service
        self._path = path
        self._endpoint = endpoint
        self._words = words

    async def answer(self, request: Request) -> Response:
        """Answer the request, whatever happens."""
        try:
            response = await self._endpoint(request)
        except RequestError as error:
            response = error_answer(error.problem, self._words)
        except ClientGone:
            response = Response(status_code=499)
        except Exception:
            log.exception("a request of %s failed", self._path)
            problem = Problem(500, "internal_error", "this is a fault of kodo; its log tells more")
            response = error_answer(problem, self._words)
        self._service.metrics.request(self._path, response.status_code)
        return response


async def _not_here(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    problem = Problem(error.status_code, "not_found", f"{error.detail}: see GET /v1/models")
    return json_answer(openai_error(problem), error.status_code)


async def _broken(_: Request, error: Exception) -> Response:
    problem = Problem(500, "internal_error", "this is a fault of kodo; its log tells more")
    return error_answer(problem)
