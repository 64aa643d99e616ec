"""The models a server offers: by id, by alias, each opened when it is first asked for.

Does not know wires or who asks. Guards that a name which is not offered is refused by name, so that
no client can reach a provider that the owner of the server has not offered.
"""

from collections.abc import Callable, Mapping

import anyio
import msgspec

from kodo.base.errors import ConfigError, ModelError
from kodo.core.model import Model, ModelInfo
from kodo.server.gateway.alternates import FirstThatAnswers
from kodo.server.problem import Problem, RequestError

OpenModel = Callable[[str], Model]
"""Opens a model by its id. Raises ConfigError."""

DEFAULT_NAME = "default"


class Offered(msgspec.Struct, frozen=True):
    """A name that clients may ask for, and the ids that answer it, the first choice first."""

    name: str
    ids: tuple[str, ...]


class Offer:
    """All models of a server. `default` is an id; `aliases` map names to one or more ids.

    A name with several ids is answered by the first that can. The models that were opened are
    closed by `aclose`.
    """

    def __init__(
        self,
        open_model: OpenModel,
        default: str,
        *,
        others: tuple[str, ...] = (),
        aliases: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        self._open_model = open_model
        self._default = default
        self._opened: dict[str, Model] = {}
        self._joined: dict[str, Model] = {}
        self._opening = anyio.Lock()
        offered = [Offered(one, (one,)) for one in dict.fromkeys((default, *others))]
        offered += [Offered(name, ids) for name, ids in (aliases or {}).items()]
        self._offered = {one.name: one for one in offered}
        self._offered.setdefault(DEFAULT_NAME, Offered(DEFAULT_NAME, (default,)))

    @property
    def names(self) -> tuple[str, ...]:
        """What clients may ask for, the default first."""
        return tuple(self._offered)

    def open_default(self) -> None:
        """Open the default model now. Raises ConfigError, ModelError."""
        self._opened[self._default] = self._open_model(self._default)

    def find(self, name: str) -> Offered:
        """Return what a name stands for; `provider/` may be left out where that is unambiguous.

        Raises RequestError (404) naming what is offered.
        """
        if found := self._offered.get(name):
            return found
        ends = [one for one in self._offered.values() if one.name.endswith(f"/{name}")]
        if name and len(ends) == 1:
            return ends[0]
        known = ", ".join(self.names)
        raise RequestError(
            Problem(
                404,
                "model_not_found",
                f"the model {name!r} is not offered here; known are: {known}",
                "model",
            )
        )

    async def model(self, name: str) -> Model:
        """Return the model that answers a name, opened now if it was not yet.

        Raises RequestError where the name is unknown (404) or its model cannot be opened (503).
        """
        offered = self.find(name)
        if ready := self._joined.get(offered.name):
            return ready
        async with self._opening:
            models = [await self._open(one) for one in offered.ids]
            model = models[0] if len(models) == 1 else FirstThatAnswers(models)
            self._joined[offered.name] = model
            return model

    async def info(self, name: str) -> ModelInfo:
        """Return what is known of the model behind a name. Raises RequestError."""
        return (await self.model(name)).info

    async def _open(self, model_id: str) -> Model:
        if model_id not in self._opened:
            try:
                self._opened[model_id] = self._open_model(model_id)
            except (ConfigError, ModelError) as error:
                raise RequestError(
                    Problem(503, "model_unavailable", f"model {model_id!r}: {error}", "model")
                ) from error
        return self._opened[model_id]

    async def aclose(self) -> list[str]:
        """Close every model that was opened. Returns what went wrong, a line each."""
        wrong: list[str] = []
        opened, self._opened, self._joined = self._opened, {}, {}
        for model_id, model in opened.items():
            try:
                await model.aclose()
            except ModelError as error:
                wrong.append(f"{model_id}: {error}")
        return wrong
