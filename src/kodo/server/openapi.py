"""The OpenAPI document of the server, made from the types that its endpoints read and write.

`GET /openapi.json` and docs/schema/openapi.json. Not covered: the two WebSockets (docs/serve.md,
docs/sessions.md), which OpenAPI has no words for. Guards that the document cannot say anything
else than the code: there is no second list of fields.
"""

from typing import Any

import msgspec

from kodo.server import completions, facade, listing
from kodo.server.chat import reply as chat_reply
from kodo.server.chat.request import ChatRequest
from kodo.server.messages import endpoint as messages_endpoint
from kodo.server.messages import reply as messages_reply
from kodo.server.messages.request import MessagesRequest
from kodo.server.ollama import reply as ollama_reply
from kodo.server.ollama.request import GenerateRequest, OllamaChatRequest
from kodo.server.responses import events
from kodo.server.responses.request import ResponseRequest
from kodo.server.wire import ErrorAnswer

_REF = "#/components/schemas/{name}"
_EVENTS, _LINES, _JSON = "text/event-stream", "application/x-ndjson", "application/json"


class Operation(msgspec.Struct, frozen=True):
    """One operation: what it reads and writes; `stream` is the media type of what it may stream."""

    method: str
    path: str
    summary: str
    answer: object
    body: object | None = None
    error: object = ErrorAnswer
    stream: str = ""
    streamed: object | None = None


OPERATIONS = (
    Operation("get", "/v1/models", "The models that are offered", listing.ModelList),
    Operation("get", "/v1/models/{name}", "One model", listing.ModelEntry),
    Operation(
        "post",
        "/v1/responses",
        "A response of OpenAI's Responses API",
        events.Response,
        ResponseRequest,
        stream=_EVENTS,
        streamed=events.ANY,
    ),
    Operation("get", "/v1/responses/{response_id}", "A stored response again", events.Response),
    Operation(
        "post",
        "/v1/responses/compact",
        "A conversation folded into one item",
        events.Compacted,
        ResponseRequest,
    ),
    Operation(
        "post",
        "/v1/chat/completions",
        "An answer of OpenAI's Chat Completions",
        chat_reply.Completion,
        ChatRequest,
        stream=_EVENTS,
        streamed=chat_reply.Chunk,
    ),
    Operation(
        "post",
        "/v1/completions",
        "A text that goes on, or what is missing in one",
        completions.TextCompletion,
        completions.CompletionRequest,
        stream=_EVENTS,
        streamed=completions.TextCompletion,
    ),
    Operation(
        "post",
        "/v1/embeddings",
        "Refused: no model here makes any",
        ErrorAnswer,
        facade.EmbeddingsRequest,
    ),
    Operation(
        "post",
        "/v1/messages",
        "An answer of Anthropic's Messages API",
        messages_reply.MessageOut,
        MessagesRequest,
        messages_reply.ErrorOut,
        stream=_EVENTS,
    ),
    Operation(
        "post",
        "/v1/messages/count_tokens",
        "About how many tokens a request has",
        messages_endpoint.TokenCount,
        MessagesRequest,
        messages_reply.ErrorOut,
    ),
    Operation("get", "/api/version", "The version of Ollama's calls", facade.Version),
    Operation("get", "/api/tags", "The models, as Ollama lists them", facade.Tags),
    Operation(
        "post", "/api/show", "One model, as Ollama shows it", facade.Shown, facade.ShowRequest
    ),
    Operation(
        "post",
        "/api/chat",
        "A chat as Ollama has it",
        ollama_reply.Answer,
        OllamaChatRequest,
        ollama_reply.ErrorOut,
        stream=_LINES,
        streamed=ollama_reply.Answer,
    ),
    Operation(
        "post",
        "/api/generate",
        "One prompt as Ollama has it",
        ollama_reply.Answer,
        GenerateRequest,
        ollama_reply.ErrorOut,
        stream=_LINES,
        streamed=ollama_reply.Answer,
    ),
)


def document() -> dict[str, Any]:
    """Return the document."""
    kinds: list[object] = []
    for operation in OPERATIONS:
        kinds += [operation.answer, operation.error]
        kinds += [one for one in (operation.body, operation.streamed) if one is not None]
    schemas, components = msgspec.json.schema_components(kinds, ref_template=_REF)
    by_kind = {id(kind): schema for kind, schema in zip(kinds, schemas, strict=True)}
    paths: dict[str, dict[str, object]] = {}
    for one in OPERATIONS:
        paths.setdefault(one.path, {})[one.method] = _described(one, by_kind)
    return {
        "openapi": "3.1.0",
        "info": {"title": "kodo serve", "version": "1"},
        "security": [{}, {"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def _described(one: Operation, by_kind: dict[int, dict[str, Any]]) -> dict[str, object]:
    content: dict[str, object] = {_JSON: {"schema": by_kind[id(one.answer)]}}
    if one.stream:
        content[one.stream] = {"schema": by_kind[id(one.streamed)]} if one.streamed else {}
    failed = {"description": "why not", "content": {_JSON: {"schema": by_kind[id(one.error)]}}}
    found: dict[str, object] = {
        "summary": one.summary,
        "operationId": f"{one.method}{one.path}".replace("/", "_").strip("_"),
        "responses": {"200": {"description": "the answer", "content": content}, "default": failed},
    }
    if one.body is not None:
        body = {"required": True, "content": {_JSON: {"schema": by_kind[id(one.body)]}}}
        found["requestBody"] = body
    if "{" in one.path:
        name = one.path.partition("{")[2].rstrip("}")
        place = {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        found["parameters"] = [place]
    return found
