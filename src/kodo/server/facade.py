"""The few calls by which editors that know Ollama find models, and /v1/embeddings.

Covered: /api/version, /api/tags, /api/show; Ollama's own chat is in ollama/. Not covered: pull and
whatever else changes models. No model here makes embeddings.
"""

from datetime import UTC, datetime

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from kodo.core.model import ModelInfo
from kodo.server.problem import Problem, RequestError, bad_request
from kodo.server.responses.request import read_body
from kodo.server.service import Service
from kodo.server.wire import caller_of, json_answer, read_limited

SPOKEN_VERSION = "0.6.4"
"""The version of Ollama whose calls these are: clients refuse a lower one."""


class ShowRequest(msgspec.Struct, frozen=True):
    """The body of POST /api/show; older clients say `name`."""

    model: str = ""
    name: str = ""


class EmbeddingsRequest(msgspec.Struct, frozen=True):
    """The body of POST /v1/embeddings."""

    model: str = ""


class Details(msgspec.Struct):
    """What a model is, in Ollama's words."""

    family: str
    format: str = "gguf"
    parameter_size: str = ""
    quantization_level: str = ""


class Tag(msgspec.Struct):
    """A model in the list."""

    name: str
    model: str
    details: Details
    modified_at: datetime
    size: int = 0
    digest: str = ""


class Tags(msgspec.Struct):
    """All models."""

    models: list[Tag]


class Version(msgspec.Struct):
    """The version whose calls are understood."""

    version: str = SPOKEN_VERSION


class Shown(msgspec.Struct):
    """A model by itself."""

    capabilities: list[str]
    details: Details
    model_info: dict[str, str | int]
    template: str = ""
    modelfile: str = ""


_SHOW = msgspec.json.Decoder(ShowRequest)
_EMBEDDINGS = msgspec.json.Decoder(EmbeddingsRequest)


class Facade:
    """The endpoints."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._since = service.now().astimezone(UTC)

    async def version(self, _: Request) -> Response:
        """Return the version whose calls are understood."""
        return json_answer(Version())

    async def tags(self, _: Request) -> Response:
        """Return every model that is offered."""
        found = [
            Tag(name, name, Details(name.partition("/")[0]), self._since)
            for name in self._service.offer.names
        ]
        return json_answer(Tags(found))

    async def show(self, request: Request) -> Response:
        """Return one model. Raises RequestError (404)."""
        asked = read_body(await read_limited(request, 1 << 20), _SHOW)
        name = (asked.model or asked.name).removesuffix(":latest")
        info = await self._service.offer.info(self._service.offer.find(name).name)
        return json_answer(_shown(name, info))

    async def embeddings(self, request: Request) -> Response:
        """Refuse. Raises RequestError: 404 for an unknown model, 400 for a known one."""
        service = self._service
        asked = read_body(await read_limited(request, service.bounds.max_body_bytes), _EMBEDDINGS)
        if not asked.model:
            raise bad_request("name a `model`", param="model")
        name, _ = await service.model_for(caller_of(request.scope), asked.model)
        raise RequestError(
            Problem(
                400,
                "unsupported_endpoint",
                f"the model {name!r} makes no embeddings, and no other that is offered here does",
                "model",
            )
        )


def _shown(name: str, info: ModelInfo) -> Shown:
    abilities = ["completion"]
    if "tools" in info.abilities:
        abilities.append("tools")
    if "image" in info.inputs:
        abilities.append("vision")
    if "complete" in info.abilities:
        abilities.append("insert")
    if "reasoning" in info.abilities:
        abilities.append("thinking")
    family = info.provider
    described: dict[str, str | int] = {
        "general.basename": name,
        "general.architecture": family,
        f"{family}.context_length": info.context_tokens,
    }
    return Shown(abilities, Details(family), described)
