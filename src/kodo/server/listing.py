"""GET /v1/models: what this server offers.

A model is described without being loaded. Guards that nothing is told but names and abilities.
"""

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from kodo.server.problem import RequestError
from kodo.server.service import Service
from kodo.server.wire import json_answer


class ModelEntry(msgspec.Struct, omit_defaults=True):
    """A model in a list. What is behind `kodo` is more than OpenAI's API tells."""

    id: str
    object: str
    created: int
    owned_by: str
    context_window: int = 0
    max_output_tokens: int = 0
    abilities: tuple[str, ...] = ()


class ModelList(msgspec.Struct):
    """All models."""

    data: list[ModelEntry]
    object: str = "list"


class Listing:
    """The two routes of the list."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._since = int(service.now().timestamp())

    async def all(self, _: Request) -> Response:
        """Return every model that is offered."""
        return json_answer(ModelList([await self._entry(n) for n in self._service.offer.names]))

    async def one(self, request: Request) -> Response:
        """Return one model. Raises RequestError (404) naming those that are offered."""
        name: str = request.path_params["name"]
        return json_answer(await self._entry(self._service.offer.find(name).name))

    async def _entry(self, name: str) -> ModelEntry:
        try:
            info = await self._service.offer.info(name)
        except RequestError:
            # Offered, but it cannot be opened now: whoever asks for it is told why.
            return ModelEntry(name, "model", self._since, "kodo")
        return ModelEntry(
            name,
            "model",
            self._since,
            info.provider,
            info.context_tokens,
            info.output_tokens,
            tuple(sorted(info.abilities)),
        )
