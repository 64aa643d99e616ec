"""From the configuration to a service: which models are offered, in what bounds.

The one file of this room that knows the settings. Guards that a server offers its default model,
what the owner listed, and nothing else.
"""

from contextlib import suppress

from kodo.base.errors import ConfigError
from kodo.core.events import Retrying
from kodo.core.model import Model
from kodo.runtime.config import Settings
from kodo.runtime.models import open_model
from kodo.server.gateway.generation import Pace
from kodo.server.gateway.images import Images
from kodo.server.gateway.offer import Offer
from kodo.server.problem import RequestError
from kodo.server.service import Bounds, Service


def make_service(settings: Settings) -> Service:
    """Return the service that the settings describe. Raises ConfigError.

    The default model is opened now, so that what is wrong with it is said before anything runs.
    """
    serve = settings.config.serve
    images = Images()

    async def on_retry(retrying: Retrying) -> None:
        del retrying  # the transport logs it

    def open_named(model_id: str) -> Model:
        chosen = settings
        if model_id != settings.config.model:
            chosen = settings.with_value("model", model_id, "serve")
        return open_model(chosen, images.read, on_retry, shared=True)

    aliases = {name: (ids,) if isinstance(ids, str) else ids for name, ids in serve.aliases.items()}
    for name, ids in aliases.items():
        if not ids:
            raise ConfigError(f"serve.aliases.{name} names no model")
        for model_id in ids:
            settings.check_model(model_id, f"serve.aliases.{name}")
    offer = Offer(open_named, settings.config.model, others=serve.models, aliases=aliases)
    offer.open_default()
    return Service(
        offer,
        pace=Pace(serve.heartbeat_s, serve.stall_s),
        bounds=Bounds(
            max_body_bytes=serve.max_body_mib << 20, max_connections=serve.max_connections
        ),
        images=images,
        log_prompts=serve.log_prompts,
    )


async def lent_models(service: Service, settings: Settings) -> dict[str, Model]:
    """Return the embedded models of a service by their ids, opened and not yet loaded.

    Those whose files are missing are left out.
    """
    found: dict[str, Model] = {}
    for name in dict.fromkeys((settings.config.model, *settings.config.serve.models)):
        if name.startswith("local/"):
            with suppress(RequestError):
                model = await service.offer.model(name)
                found[model.info.id] = model
    return found
