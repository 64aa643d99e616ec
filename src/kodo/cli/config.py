"""`kodo config`: every value with where it came from, the path of the file, and setting a key."""

import argparse
from collections.abc import Iterator
from typing import cast

import msgspec

from kodo.agent.hooks.hook import Hook
from kodo.base.errors import ConfigError
from kodo.base.text import printable
from kodo.cli.options import add_common, add_jail, add_json, add_model, load
from kodo.runtime.config import Settings, check_tables, read_environment
from kodo.runtime.config_edit import set_value, write_file
from kodo.runtime.config_file import (
    Key,
    Table,
    leaves,
    parse_assignment,
    put,
    read_file,
)
from kodo.runtime.settings import RESERVED_PROVIDERS

EXAMPLES = """\
examples:
  kodo config show
  kodo config show --json -c limits.tokens=50000
  kodo config set model openai/gpt-5
  kodo config set limits.cost_usd 0.50
  kodo config set providers.lab.base_url http://127.0.0.1:8000/v1
  kodo config path

Order, weakest first: defaults, config.toml, a trusted project's .kodo/config.toml, environment,
flags. Keys never stand in a file: `env_key` names the variable that holds one.
"""


Scalar = bool | int | float | str | list[str] | None


class Shown(msgspec.Struct, frozen=True):
    """One value as `config show` prints it."""

    key: str
    value: Scalar
    origin: str


class Report(msgspec.Struct, frozen=True):
    """`kodo config show --json`."""

    config_file: str
    project: str
    trusted: bool
    values: list[Shown]
    notes: list[str]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare show, path and set."""
    actions = parser.add_subparsers(dest="action", metavar="show|path|set", required=True)
    show = actions.add_parser("show", help="every value, and where it came from")
    add_json(show)
    add_model(show)
    add_jail(show)
    add_common(show)
    path = actions.add_parser("path", help="where the user's config.toml lies")
    add_common(path)
    setter = actions.add_parser("set", help="set one key in the user's config.toml")
    setter.add_argument("key", help="for example limits.tokens")
    setter.add_argument("value", help="a TOML value, or plain text")
    add_common(setter)


def run(arguments: argparse.Namespace) -> int:
    """Carry out one of the three. Raises ConfigError."""
    if arguments.action == "path":
        print(read_environment().paths().config_file)
    elif arguments.action == "set":
        if arguments.key == "model":
            check_provider(load(arguments), arguments.value)
        set_key(arguments.key, arguments.value)
    else:
        report = make_report(load(arguments))
        if arguments.json:
            print(msgspec.json.format(msgspec.json.encode(report), indent=2).decode())
        else:
            print("\n".join(lines(report)))
    return 0


def check_provider(settings: Settings, model_id: str) -> None:
    """Raise ConfigError where a model id names a provider that nobody has declared."""
    provider, slash, _ = model_id.partition("/")
    if slash and provider not in RESERVED_PROVIDERS:
        settings.provider(provider)


def set_key(key: str, value: str) -> None:
    """Set one key in the user's file, checked before anything is written. Raises ConfigError."""
    path = read_environment().paths().config_file
    assignment = parse_assignment(f"{key}={value}")
    found = list(leaves(assignment))
    file = read_file(path)
    text = file.text if file else ""
    tables: Table = file.tables if file else {}
    for name, item in found:
        put(tables, name, item)
        text = set_value(text, name, item)
    try:
        check_tables(tables)
    except ConfigError as error:
        raise ConfigError(str(error).removeprefix("config.toml: ")) from error
    write_file(path, text)
    print(f"{key} is set in {path}")


_HIDDEN = frozenset({"headers", "env"})


def make_report(settings: Settings) -> Report:
    """Return all values with their origins; headers and variables are shown by name only."""
    values = [
        Shown(".".join(key), "***" if _HIDDEN & set(key) else value, settings.origin(".".join(key)))
        for key, value in sorted(flatten(settings.config))
    ]
    return Report(
        str(settings.paths.config_file),
        str(settings.project),
        settings.trusted,
        values,
        list(settings.notes),
    )


def flatten(value: object, key: Key = ()) -> Iterator[tuple[Key, Scalar]]:
    """Yield (key, value) of every field of a struct, defaults included."""
    if isinstance(value, msgspec.Struct):
        for field in msgspec.structs.fields(value):
            yield from flatten(getattr(value, field.name), (*key, field.name))
    elif isinstance(value, dict):
        for name, item in cast(Table, value).items():
            yield from flatten(item, (*key, name))
    else:
        yield key, cast(Scalar, list(value) if isinstance(value, tuple) else value)  # pyright: ignore[reportUnknownArgumentType]


def lines(report: Report) -> Iterator[str]:
    """Yield the report for people, the origins in a column of their own."""
    shown = [(item.key, _text(item.value), item.origin) for item in report.values]
    wide_key = max(len(key) for key, _, _ in shown)
    wide_value = min(48, max(len(value) for _, value, _ in shown))
    for key, value, origin in shown:
        yield f"{key:<{wide_key}}  {value:<{wide_value}}  {origin}"
    yield ""
    yield f"config file: {report.config_file}"
    yield f"project: {report.project} ({'trusted' if report.trusted else 'not trusted'})"
    yield from report.notes


def _text(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, list):
        return printable(", ".join(map(_item, value))) or "none"  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    if isinstance(value, bool):
        return "true" if value else "false"
    return printable(str(value))


def _item(value: object) -> str:
    return f"{value.name or 'a hook'} ({value.on})" if isinstance(value, Hook) else str(value)
