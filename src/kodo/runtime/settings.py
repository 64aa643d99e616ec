"""What can be configured: frozen values with their defaults and where a project may have a say.

Knows no file and no environment; config.py fills these values in.
"""

from typing import Literal

import msgspec

from kodo.agent.hooks.hook import Hook
from kodo.core.limits import Limits
from kodo.core.messages import Value
from kodo.core.model import Price
from kodo.core.sandbox import Guarantee, Profile
from kodo.tools.mcp.setting import McpServer

Wire = Literal["responses", "chat", "messages"]
Carrier = Literal["auto", "websocket", "sse"]
Rung = Literal["auto", "bwrap", "userns", "landlock", "docker", "local"]
StrategyChoice = Literal["auto", "tools", "search"]
Mode = Literal["ask", "auto"]

DEFAULT_MODEL = "local/qwen2.5-coder-1.5b"


class ModelSettings(Value, frozen=True):
    """What the user knows better than the catalog about one model of a provider."""

    context_tokens: int | None = None
    output_tokens: int | None = None
    price: Price | None = None


class Provider(Value, frozen=True):
    """Who serves models: where, in which wire format, and which variable holds the key.

    `env_key` empty means that no key is sent. `headers` go with every request. `transport` is for
    the wire `responses`: `auto` keeps a WebSocket open between calls where the server offers one.
    """

    base_url: str = ""
    wire: Wire = "chat"
    env_key: str = ""
    transport: Carrier = "auto"
    headers: dict[str, str] = msgspec.field(default_factory=dict[str, str])
    models: dict[str, ModelSettings] = msgspec.field(default_factory=dict[str, ModelSettings])


BUILT_IN_PROVIDERS: dict[str, Provider] = {
    "openai": Provider("https://api.openai.com/v1", "responses", "OPENAI_API_KEY"),
    "anthropic": Provider("https://api.anthropic.com", "messages", "ANTHROPIC_API_KEY"),
}
RESERVED_PROVIDERS = ("local", "scripted")


class ScanSettings(Value, frozen=True):
    """How edits are scanned for vulnerabilities before they are kept.

    `edit` is the strongest answer to a new one; `deadline_ms` is the time for one file, past which
    only patterns are looked for. `osv` is a zip or folder of OSV advisories for `kodo scan`, and
    `rules` a folder of rules of one's own.
    """

    edit: Literal["block", "ask", "note", "off"] = "block"
    deadline_ms: int = 500
    osv: str = ""
    rules: str = ""


class ServeSettings(Value, frozen=True):
    """How `kodo serve` serves. `models` are ids offered besides the default.

    `aliases` map names of your own to an id, or to several of which the first that can answers.
    `hosts` and `origins` are accepted in the headers of those names besides the server's own.
    Sizes are in MiB; `log_prompts` lets the log hold what was said. `sessions` offers the session
    API, for work in the folder of the server and in `folders`. `otlp_url` is an OpenTelemetry
    collector that traces of model calls are sent to.
    """

    host: str = "127.0.0.1"
    port: int = 8484
    models: tuple[str, ...] = ()
    aliases: dict[str, str | tuple[str, ...]] = msgspec.field(
        default_factory=dict[str, str | tuple[str, ...]]
    )
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    require_token: bool = False
    tls_cert: str = ""
    tls_key: str = ""
    heartbeat_s: float = 10.0
    stall_s: float = 300.0
    drain_s: float = 30.0
    max_body_mib: int = 32
    max_connections: int = 2000
    log_prompts: bool = False
    sessions: bool = False
    otlp_url: str = ""
    folders: tuple[str, ...] = ()


class NetworkSettings(Value, frozen=True):
    """Hosts beside `allow_hosts`: those never reached and those asked about, as patterns.

    `credentials` maps a variable to the hosts that its value may be told to: commands see a
    placeholder, and the gate exchanges it in plain HTTP requests to these hosts.
    """

    deny: tuple[str, ...] = ()
    ask: tuple[str, ...] = ()
    credentials: dict[str, tuple[str, ...]] = msgspec.field(
        default_factory=dict[str, tuple[str, ...]]
    )


class JailSettings(Value, frozen=True):
    """What the commands of a run may use, at most; `none` is no limit of that kind.

    `memory_mib`, `file_mib` and `cpu_seconds` are for each process; `memory_sum_mib`, `processes`
    and `processors` (1.5: one and a half) for all of a command together. `written_mib` is what a
    command may write to disks, `free_mib` what it leaves free.
    """

    memory_mib: int | Literal["none"] = 4096
    memory_sum_mib: int | Literal["none"] = 8192
    processes: int | Literal["none"] = 1024
    processors: float | Literal["none"] = "none"
    cpu_seconds: int | Literal["none"] = "none"
    file_mib: int | Literal["none"] = 4096
    written_mib: int | Literal["none"] = 65536
    free_mib: int | Literal["none"] = 256


class SecretSettings(Value, frozen=True):
    """What of secrets a model may see. `dotenv`: whether values of `.env` files are hidden."""

    dotenv: Literal["hide", "show"] = "hide"


class Config(Value, frozen=True):
    """Everything that can be set, each value from the strongest source that sets it.

    `checks` are the commands of the finish gate; empty means they are detected from the project.
    `allow_hosts` are hosts, patterns and presets (`@python`) that commands may reach. `require` are
    guarantees without which no command runs: `auto` passes over rungs that lack one. `resident`
    auto lets an embedded model live on between commands, in a process that ends after
    `resident_idle_s` without work.
    """

    model: str = DEFAULT_MODEL
    strategy: StrategyChoice = "auto"
    mode: Mode = "auto"
    sandbox: Profile = "workspace-write"
    rung: Rung = "auto"
    require: tuple[Guarantee, ...] = ()
    allow_hosts: tuple[str, ...] = ()
    network: NetworkSettings = NetworkSettings()
    jail: JailSettings = JailSettings()
    offline: bool = False
    resident: Literal["auto", "off"] = "auto"
    resident_idle_s: float = 900.0
    checks: tuple[str, ...] = ()
    limits: Limits = Limits()
    scan: ScanSettings = ScanSettings()
    secrets: SecretSettings = SecretSettings()
    serve: ServeSettings = ServeSettings()
    hooks: tuple[Hook, ...] = ()
    mcp: dict[str, McpServer] = msgspec.field(default_factory=dict[str, McpServer])
    providers: dict[str, Provider] = msgspec.field(default_factory=lambda: dict(BUILT_IN_PROVIDERS))


PROJECT_KEYS = frozenset({"model", "strategy", "checks", "limits"})
"""What a project's own file may set. Everything else decides about keys, money or the jail."""
