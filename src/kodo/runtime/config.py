"""The configuration: read once from all its sources, each value with where it came from.

Order, weakest first: defaults, the user's config.toml, a trusted project's .kodo/config.toml, the
environment, flags. Guards that a project sets no providers, keys, headers, sandbox or hooks, and
neither chooses a paid model nor raises a limit. The only file of kodo that reads the environment.
"""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from kodo.base.errors import ConfigError
from kodo.core.messages import Value
from kodo.runtime.config_file import (
    ConfigFile,
    Key,
    Table,
    choices_of,
    leaves,
    parse_assignment,
    put,
    read_file,
    unknown_keys,
)
from kodo.runtime.settings import (
    BUILT_IN_PROVIDERS,
    PROJECT_KEYS,
    RESERVED_PROVIDERS,
    Config,
    Provider,
)
from kodo.runtime.trust import is_trusted, project_root, was_trusted
from kodo.store.paths import project_store

PROJECT_FILE = ".kodo/config.toml"
_NEVER_PROJECT = frozenset({"hooks", "headers", "keys", "env_key", "api_key", "base_url", "url"})
_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"", "0", "false", "no", "off"})


class Paths(Value, frozen=True):
    """Where kodo keeps things of the user. Nothing of it need exist."""

    config_file: Path
    models: Path
    projects: Path
    trust_file: Path
    rules_file: Path
    history_file: Path
    run: Path
    tokens_file: Path

    def store(self, cwd: Path) -> Path:
        """Return the store file of the project around `cwd`."""
        return project_store(self.projects.parent, cwd)


@dataclass(frozen=True, slots=True)
class Environment:
    """The environment as it was when kodo started. Its values never show in a repr."""

    variables: Mapping[str, str] = field(repr=False)

    def get(self, name: str) -> str | None:
        """Return a variable; an empty one counts as not set."""
        return self.variables.get(name) or None

    @property
    def home(self) -> Path:
        """The user's home folder."""
        return Path(self.get("HOME") or "~").expanduser()

    @property
    def colour_refused(self) -> bool:
        """True where NO_COLOR is set or the terminal is dumb."""
        return self.get("NO_COLOR") is not None or self.get("TERM") == "dumb"

    def paths(self) -> Paths:
        """Return the places under $KODO_HOME, or under the XDG folders."""
        if named := self.get("KODO_HOME"):
            config = data = state = Path(named).expanduser().absolute()
            run = state / "run"
        else:
            config = self._xdg("XDG_CONFIG_HOME", ".config")
            data = self._xdg("XDG_DATA_HOME", ".local/share")
            state = self._xdg("XDG_STATE_HOME", ".local/state")
            run = self._xdg("XDG_RUNTIME_DIR", ".local/state")
        return Paths(
            config_file=config / "config.toml",
            models=data / "models",
            projects=data / "projects",
            trust_file=state / "trust.json",
            rules_file=config / "policy.toml",
            history_file=state / "history",
            run=run,
            tokens_file=state / "serve-tokens.json",
        )

    def _xdg(self, name: str, default: str) -> Path:
        named = self.get(name)
        base = Path(named) if named and Path(named).is_absolute() else self.home / default
        return base / "kodo"


def read_environment(environ: Mapping[str, str] | None = None) -> Environment:
    """Return the environment as a value; `environ` None reads that of this process."""
    return Environment(dict(os.environ if environ is None else environ))


class Override(Value, frozen=True):
    """A value that a flag sets; `origin` is the flag as the user wrote it."""

    key: tuple[str, ...]
    value: bool | int | float | str | list[str]
    origin: str


@dataclass(frozen=True, slots=True)
class Settings:
    """The configuration of one invocation.

    `origins` maps dotted keys to where their value came from; keys without an entry have their
    default. `notes` are lines that the user should see. `project` is the project's root.
    """

    config: Config
    origins: Mapping[str, str]
    notes: tuple[str, ...]
    cwd: Path
    project: Path
    trusted: bool
    paths: Paths
    environment: Environment

    def origin(self, key: str) -> str:
        """Return where the value of a dotted key came from."""
        return self.origins.get(key, "default")

    def provider(self, name: str) -> Provider:
        """Return a provider. Raises ConfigError naming those that exist."""
        try:
            return self.config.providers[name]
        except KeyError:
            known = ", ".join((*RESERVED_PROVIDERS, *self.config.providers))
            raise ConfigError(
                f"unknown provider {name!r}; known are {known}; "
                f"add [providers.{name}] to {str(self.paths.config_file)!r}"
            ) from None

    def check_model(self, model_id: str, origin: str) -> None:
        """Raise ConfigError where an id names no known provider, or its key is missing."""
        _judge_leaf(("model",), model_id, origin)
        name = model_id.partition("/")[0]
        if name not in RESERVED_PROVIDERS:
            self.api_key(name)

    def with_value(self, key: str, value: str, origin: str) -> "Settings":
        """Return these settings with one top-level value changed. Raises ConfigError."""
        if key == "model":
            self.check_model(value, origin)
        config = msgspec.convert({**msgspec.to_builtins(self.config), key: value}, Config)
        return replace(self, config=config, origins={**self.origins, key: origin})

    def api_key(self, name: str) -> str | None:
        """Return the key for a provider, None where it needs none.

        Raises ConfigError naming the variable where it is needed and not set.
        """
        variable = self.provider(name).env_key
        if not variable:
            return None
        if key := self.environment.get(variable):
            return key.strip()
        raise ConfigError(f"the provider {name!r} needs a key: set the variable {variable}")


def load_settings(
    environment: Environment,
    cwd: Path,
    *,
    overrides: Sequence[Override] = (),
    assignments: Sequence[str] = (),
    trust: bool = False,
) -> Settings:
    """Read all sources and return the settings for work in `cwd`.

    `assignments` are the texts of `-c key=value`, `trust` counts the folder as trusted this once.
    Raises ConfigError naming file and line, flag or variable of what is wrong.
    """
    paths = environment.paths()
    root = project_root(cwd)
    layers = _Layers()
    if user_file := read_file(paths.config_file):
        layers.add_file(user_file)
    notes: list[str] = []
    trusted = trust or is_trusted(paths.trust_file, root)
    if not trusted and was_trusted(paths.trust_file, root):
        notes.append(
            f"the files of {root} that trust switches on have changed since you trusted it, so it "
            f"is not trusted now; to look at them and trust it again: kodo trust {root}"
        )
    project_path = root / PROJECT_FILE
    if project_path.resolve() != paths.config_file.resolve() and project_path.exists():
        if trusted and (project_file := read_file(project_path)):
            _refuse_in_project(project_file, paths.config_file)
            notes += layers.add_project(project_file, paths.config_file, environment)
        elif not trusted:
            notes.append(
                f"{project_path} is not used, the folder is not trusted; "
                f"to trust it: kodo trust {root}"
            )
    layers.add_environment(environment)
    for override in overrides:
        layers.add(override.key, override.value, override.origin)
    for text in assignments:
        layers.add_assignment(text)
    return Settings(
        config=layers.result(),
        origins=layers.origins,
        notes=tuple(notes),
        cwd=cwd.resolve(),
        project=root,
        trusted=trusted,
        paths=paths,
        environment=environment,
    )


def check_tables(tables: Table) -> None:
    """Raise ConfigError where tables, as of a config.toml, hold unknown keys or wrong types."""
    layers = _Layers()
    layers.add_file(ConfigFile("config.toml", "", tables))
    layers.result()


class _Layers:
    """Sources laid over one another, leaf by leaf, each leaf checked where it comes in."""

    __slots__ = ("_merged", "origins")

    def __init__(self) -> None:
        self._merged: Table = {"providers": msgspec.to_builtins(BUILT_IN_PROVIDERS)}
        self.origins: dict[str, str] = {}

    def add_file(self, file: ConfigFile) -> None:
        for key, nearest in unknown_keys(file.tables, Config):
            raise ConfigError(f"{file.where(key)}: {_unknown(key, nearest)}")
        for key, value in leaves(file.tables):
            self.add(key, value, file.where(key))

    def add_project(self, file: ConfigFile, user_file: Path, environment: Environment) -> list[str]:
        """Add a trusted project's file; returns notes on what of it does not count.

        It chooses a model that costs nothing or is served by the user's own provider, and it
        lowers limits; it never raises one that the user has set.
        """
        for key, nearest in unknown_keys(file.tables, Config):
            raise ConfigError(f"{file.where(key)}: {_unknown(key, nearest)}")
        own: Config = self.result()
        chosen = (environment.get("KODO_MODEL") or own.model).partition("/")[0]
        notes: list[str] = []
        for key, value in leaves(file.tables):
            origin = file.where(key)
            self.check(key, value, origin)
            limit = getattr(own.limits, key[1], None) if key[0] == "limits" and key[1:] else None
            if key == ("model",) and str(value).partition("/")[0] not in (
                *RESERVED_PROVIDERS,
                chosen,
            ):
                notes.append(
                    f"{origin}: the model {value!r} is not used: a project chooses among local "
                    f"models and those of your own provider ({chosen!r}); to use it: -m {value}, "
                    f"or set model in {str(user_file)!r}"
                )
            elif isinstance(value, int | float) and limit is not None and value > limit:
                notes.append(
                    f"{origin}: {'.'.join(key)} = {value!r} is not used: a project may lower your "
                    f"limit of {limit!r} (from {self.origins['.'.join(key)]}), not raise it"
                )
            else:
                self.add(key, value, origin)
        return notes

    def add_assignment(self, text: str) -> None:
        tables = parse_assignment(text)
        for key, nearest in unknown_keys(tables, Config):
            raise ConfigError(f"-c: {_unknown(key, nearest)}")
        for key, value in leaves(tables):
            self.add(key, value, f"-c {'.'.join(key)}")

    def add_environment(self, environment: Environment) -> None:
        if model := environment.get("KODO_MODEL"):
            self.add(("model",), model, "$KODO_MODEL")
        if url := environment.get("OPENAI_BASE_URL"):
            self.add(("providers", "openai", "base_url"), url, "$OPENAI_BASE_URL")
        if resident := environment.get("KODO_RESIDENT"):
            self.add(("resident",), resident, "$KODO_RESIDENT")
        offline = (environment.get("KODO_OFFLINE") or "").lower()
        if offline not in _TRUE | _FALSE:
            raise ConfigError(f"$KODO_OFFLINE is {offline!r}; use 1 or 0")
        if offline:
            self.add(("offline",), offline in _TRUE, "$KODO_OFFLINE")

    def add(self, key: Key, value: object, origin: str) -> None:
        """Check and set one leaf."""
        self.check(key, value, origin)
        put(self._merged, key, value)
        self.origins[".".join(key)] = origin

    def check(self, key: Key, value: object, origin: str) -> None:
        """Raise ConfigError where a leaf is of the wrong type or cannot be meant."""
        single: Table = {}
        put(single, key, value)
        try:
            msgspec.convert(single, Config)
        except msgspec.ValidationError as error:
            if "missing required field" not in str(error):  # may come from another leaf
                raise ConfigError(f"{origin}: {_wrong(key, value, error)}") from error
        _judge_leaf(key, value, origin)

    def result(self) -> Config:
        try:
            config = msgspec.convert(self._merged, Config)
        except msgspec.ValidationError as error:
            raise ConfigError(f"the configuration is not whole: {error}") from error
        for name, provider in config.providers.items():
            if not provider.base_url:
                raise ConfigError(
                    f"providers.{name} has no base_url; for example "
                    f'base_url = "http://127.0.0.1:8000/v1"'
                )
            if provider.transport == "websocket" and provider.wire != "responses":
                raise ConfigError(
                    f"providers.{name} has transport = 'websocket' and wire = {provider.wire!r}; "
                    f"only the wire 'responses' has a WebSocket mode"
                )
        return config


def _wrong(key: Key, value: object, error: msgspec.ValidationError) -> str:
    """Return why a value does not fit its key. What stands under providers is not shown."""
    shown = "" if key[0] == "providers" else f" cannot be {value!r}"
    choices = choices_of(Config, key)
    reason = re.sub(r" - at `.*`$", "", str(error))
    reason = f"choose from {', '.join(choices)}" if choices else reason[:1].lower() + reason[1:]
    return f"{'.'.join(key)!r}{shown}: {reason}"


def _unknown(key: Key, nearest: str | None) -> str:
    hint = f"; did you mean {'.'.join((*key[:-1], nearest))!r}?" if nearest else ""
    return f"unknown key {'.'.join(key)!r}{hint}"


def _judge_leaf(key: Key, value: object, origin: str) -> None:
    """Refuse values of the right type that cannot be meant. Never shows what may be a key."""
    name = ".".join(key)
    if key == ("model",) and not re.fullmatch(r"[^/\s]+/\S.*", str(value)):
        raise ConfigError(
            f"{origin}: the model {value!r} has no provider; "
            f"ids look like local/qwen2.5-coder-1.5b or openai/gpt-5"
        )
    if key[0] == "limits" and isinstance(value, int | float) and value < 0:
        raise ConfigError(f"{origin}: {name!r} cannot be {value!r}; a limit is 0 or more")
    if key[0] == "providers" and len(key) > 2:
        if key[1] in RESERVED_PROVIDERS or "/" in key[1]:
            raise ConfigError(f"{origin}: a provider cannot be named {key[1]!r}; choose another")
        if key[2] == "base_url" and not re.match(r"https?://[^/\s]", str(value)):
            raise ConfigError(
                f"{origin}: {name!r} is {value!r}; it begins with http:// or https://"
            )
        if key[2] == "env_key" and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*|", str(value)):
            raise ConfigError(
                f"{origin}: {name!r} is not the name of a variable; keys stand in the environment, "
                f"never in a file"
            )
        if key[2] == "headers" and re.search(r"[\r\n]", f"{key[-1]}{value}"):
            raise ConfigError(f"{origin}: {name!r} holds a line break")


def _refuse_in_project(file: ConfigFile, user_file: Path) -> None:
    own = {item.name for item in msgspec.structs.fields(Config)} - PROJECT_KEYS | _NEVER_PROJECT
    for name in file.tables:
        if name in own:
            raise ConfigError(
                f"{file.where((name,))}: a project's file may not set {name!r}; "
                f"it belongs in {str(user_file)!r}"
            )
