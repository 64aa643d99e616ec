"""Model ids become models: who serves `provider/model`, with which key, over which wire.

Guards that everything that can be wrong with an id is said before anything runs, and that no paid
provider is used without being named.
"""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from kodo.base.clock import utc_now
from kodo.base.errors import ConfigError, ModelError
from kodo.core.events import Retrying
from kodo.core.model import Model, ModelInfo
from kodo.runtime.config import Settings
from kodo.runtime.registry import MODELS, load
from kodo.runtime.wires import has_refused, note_refusal

ReadBlob = Callable[[str], Awaitable[bytes]]
OnRetry = Callable[[Retrying], Awaitable[None]]


def split_id(model_id: str) -> tuple[str, str]:
    """Return (provider, name) of an id. Raises ConfigError where it has no provider."""
    provider, _, name = model_id.partition("/")
    if not provider or not name:
        raise ConfigError(
            f"the model {model_id!r} has no provider; ids look like local/qwen2.5-coder-1.5b"
        )
    return provider, name


def open_model(
    settings: Settings,
    read_blob: ReadBlob,
    on_retry: OnRetry,
    *,
    shared: bool = False,
    resident: bool = True,
) -> Model:
    """Return the configured model, not yet connected or loaded.

    `shared` is for servers: an embedded model then keeps many conversations apart. `resident` lets
    it live in the resident engine, where the settings allow that. Raises ConfigError for an
    unknown model or provider, a missing key or a missing model file.
    """
    model_id = settings.config.model
    provider, name = split_id(model_id)
    if provider == "scripted":
        path = Path(name) if Path(name).is_absolute() else settings.cwd / name
        model: Model = load(MODELS, "scripted")(path)
        return model
    if provider == "local":
        if resident and not shared and settings.config.resident == "auto":
            return _open_resident(settings, name, on_retry)
        return _open_local(settings, name, shared=shared)
    return _open_remote(settings, provider, name, read_blob, on_retry)


def _open_resident(settings: Settings, name: str, on_retry: OnRetry) -> Model:
    """Return an embedded model in the resident engine, which starts with the first question."""
    name = _check_local(settings, name)
    model: Model = load(MODELS, "resident")(
        load(MODELS, "local_info")(name),
        load(MODELS, "resident_place")(settings.paths.run),
        settings.environment.variables,
        idle_s=settings.config.resident_idle_s,
        make_own=lambda: _open_local(settings, name, shared=False),
        on_note=on_retry,
    )
    return model


def _open_local(settings: Settings, name: str, *, shared: bool) -> Model:
    """Return an embedded model in this process."""
    name = _check_local(settings, name)
    engine = load(MODELS, "shared_engine" if shared else "engine")
    local: Model = load(MODELS, "local")(settings.paths.models, name, engine)
    return local


def _check_local(settings: Settings, name: str) -> str:
    """Return the name of a model whose file is there and looks whole; a path counts from `cwd`.

    Raises ConfigError.
    """
    if name.endswith(".gguf"):
        name = str(settings.cwd / Path(name).expanduser())
    try:
        if name.endswith(".gguf"):
            load(MODELS, "check_gguf")(Path(name))
        else:
            wanted = load(MODELS, "embedded")(name)
            load(MODELS, "model_folder")(settings.paths.models).require(wanted)
    except ModelError as error:
        raise ConfigError(str(error)) from error
    return name


def _open_remote(
    settings: Settings, provider: str, name: str, read_blob: ReadBlob, on_retry: OnRetry
) -> Model:
    served = settings.provider(provider)
    key = settings.api_key(provider)
    if settings.config.offline:
        raise ConfigError(
            f"{provider}/{name} needs the network, but KODO_OFFLINE is set; use a local model"
        )
    info = _described(settings, provider, name)
    _refuse_cost(settings, info)
    transport = load(MODELS, "transport")(
        ca_file=ca_file(settings),
        trusted=lambda: load(MODELS, "trusted")(),
        proxy=proxy_for(settings, served.base_url),
    )
    arguments = {
        "base_url": served.base_url,
        "api_key": key,
        "headers": served.headers,
        "transport": transport,
        "read_blob": read_blob,
        "on_retry": on_retry,
    }
    note = settings.paths.projects.parent / "wires.json"
    if served.transport == "websocket":
        model: Model = load(MODELS, "responses")(
            info, **arguments, open_dialogue=load(MODELS, "responses_socket"), websocket_only=True
        )
    elif (
        served.wire == "responses"
        and served.transport == "auto"
        and not has_refused(note, served.base_url, utc_now())
    ):
        model = load(MODELS, "responses")(
            info,
            **arguments,
            open_dialogue=load(MODELS, "responses_socket"),
            on_refusal=lambda: note_refusal(note, served.base_url, utc_now()),
        )
    else:
        model = load(MODELS, served.wire)(info, **arguments)
    if (
        served.wire == "responses"
        and served.transport != "websocket"
        and settings.origin(f"providers.{provider}.base_url") != "default"
    ):

        def make_chat() -> Model:
            chat: Model = load(MODELS, "chat")(info, **arguments)
            return chat

        model = load(MODELS, "fallback")(model, make_chat)
    return model


def _refuse_cost(settings: Settings, info: ModelInfo) -> None:
    """Raise ConfigError where the budget is 0 USD and the model costs something, or may."""
    price = info.price
    free = price is not None and not (price.input_usd or price.output_usd)
    if settings.config.limits.cost_usd == 0 and not free:
        known = "has no known price" if price is None else "costs money"
        raise ConfigError(
            f"{info.id!r} {known}, and a budget of 0 USD means local models only; "
            f"use -m local/..., raise --budget-usd, or, for a server of your own, set "
            f"providers.{info.provider}.models.NAME.price to 0"
        )


def _described(settings: Settings, provider: str, name: str) -> ModelInfo:
    known_as = {"responses": "openai", "messages": "anthropic"}.get(
        settings.provider(provider).wire, provider
    )
    info: ModelInfo = load(MODELS, "info")(provider, name, known_as=known_as)
    own = settings.provider(provider).models.get(name)
    if own is None:
        return info
    return msgspec.structs.replace(
        info,
        context_tokens=own.context_tokens or info.context_tokens,
        output_tokens=own.output_tokens or info.output_tokens,
        price=own.price or info.price,
    )


def ca_file(settings: Settings) -> str | None:
    """Return the PEM bundle that the environment names in place of the system's."""
    environment = settings.environment
    return environment.get("SSL_CERT_FILE") or environment.get("REQUESTS_CA_BUNDLE")


def proxy_for(settings: Settings, base_url: str) -> str | None:
    """Return the proxy that the environment names for this URL; loopback never has one."""
    target = urlsplit(base_url)
    scheme, host = target.scheme, target.hostname or ""
    if host in {"localhost", "127.0.0.1", "::1"} or host.startswith("127."):
        return None
    spared = settings.environment.get("NO_PROXY") or settings.environment.get("no_proxy") or ""
    for item in spared.lower().split(","):
        suffix = re.sub(r":\d+$", "", item.strip().lstrip("."))
        if not suffix:
            continue
        if suffix == "*" or host == suffix or host.endswith(f".{suffix}"):
            return None
    names = (f"{scheme.upper()}_PROXY", f"{scheme}_proxy", "ALL_PROXY", "all_proxy")
    return next(filter(None, map(settings.environment.get, names)), None)
