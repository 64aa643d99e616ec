"""A config.toml as nested tables, with line numbers for messages.

Knows the shape of the configuration only through the type it is asked to check against.
"""

import difflib
import re
import tomllib
import types
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, Union, cast, get_args, get_origin

import msgspec

from kodo.base.errors import ConfigError

Table = dict[str, Any]
"""A TOML table whose keys are not known before it has been checked."""

Key = tuple[str, ...]


class ConfigFile(msgspec.Struct, frozen=True):
    """A file's tables and text; `where(key)` names the line for messages."""

    path: str
    text: str
    tables: Table

    def where(self, key: Key) -> str:
        """Return `path:line` of the assignment or table header of `key`, or the path alone."""
        number = find_line(self.text, key)
        return f"{self.path}:{number}" if number else self.path


def read_file(path: Path) -> ConfigFile | None:
    """Return the file, or None where there is none. Raises ConfigError for broken TOML."""
    try:
        text = path.read_text("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text: {error.reason}") from error
    except OSError as error:
        raise ConfigError(f"cannot read {str(path)!r}: {error.strerror}") from error
    try:
        return ConfigFile(str(path), text, tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"at line (\d+)", str(error))
        line = f":{found[1]}" if found else ""
        raise ConfigError(f"{path}{line}: {error}") from error


def parse_assignment(text: str) -> Table:
    """Return `key=value` as nested tables. What is not a TOML value is taken as text."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"-c takes key=value, not {text!r}; for example -c limits.tokens=50000")
    if "\n" in text:
        raise ConfigError(f"-c takes one line, not {text!r}")
    for candidate in (value, msgspec.json.encode(value.strip()).decode()):
        try:
            return tomllib.loads(f"{key} = {candidate}")
        except tomllib.TOMLDecodeError:
            continue
    raise ConfigError(f"{key.strip()!r} is not a key; keys look like limits.tokens")


def find_line(text: str, key: Key) -> int | None:
    """Return the 1-based line on which `key` is set, or its table begins; None if not found."""
    table: Key = ()
    best: tuple[int, int] | None = None
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if header := re.match(r"\[+\s*([^\]]+?)\s*\]+", stripped):
            table = _split(header[1])
            here = table
        elif assignment := re.match(r"([A-Za-z0-9_.\-\"' ]+?)\s*=", stripped):
            here = table + _split(assignment[1])
        else:
            continue
        shared = min(len(here), len(key))
        if key[:shared] == here[:shared] and (best is None or shared > best[0]):
            best = (shared, number)
    return best[1] if best else None


def _split(dotted: str) -> Key:
    return tuple(
        (match[1] or match[2] or match[3]).strip()
        for match in re.finditer(r"\"([^\"]*)\"|'([^']*)'|([^.\s\"']+)", dotted)
    )


def unknown_keys(tables: Table, kind: type, at: Key = ()) -> Iterator[tuple[Key, str | None]]:
    """Yield (key, nearest known key) for each key that `kind` has no place for."""
    fields = {field.name: field.type for field in msgspec.structs.fields(kind)}
    for name, value in tables.items():
        if name not in fields:
            nearest = difflib.get_close_matches(name, fields, n=1)
            yield (*at, name), nearest[0] if nearest else None
        elif isinstance(value, dict):
            yield from _inside(cast(Table, value), fields[name], (*at, name))


def _inside(tables: Table, declared: object, at: Key) -> Iterator[tuple[Key, str | None]]:
    kind = _struct(declared)
    if kind is not None:
        yield from unknown_keys(tables, kind, at)
    elif get_origin(declared) is dict:
        for name, value in tables.items():
            if isinstance(value, dict):
                yield from _inside(cast(Table, value), get_args(declared)[1], (*at, name))


def _struct(declared: object) -> type | None:
    """Return the struct in `X` or `X | None`."""
    choices: Sequence[object] = (declared,)
    if get_origin(declared) in (Union, types.UnionType):
        choices = get_args(declared)
    for choice in choices:
        if isinstance(choice, type) and issubclass(choice, msgspec.Struct):
            return choice
    return None


def choices_of(kind: type, key: Key) -> tuple[str, ...]:
    """Return the words that a key takes, where it takes nothing but certain words."""
    declared: object = kind
    for name in key:
        struct = _struct(declared)
        if struct is not None:
            fields = {field.name: field.type for field in msgspec.structs.fields(struct)}
            declared = fields.get(name)
        elif get_origin(declared) is dict:
            declared = get_args(declared)[1]
        else:
            return ()
    return tuple(map(str, get_args(declared))) if get_origin(declared) is Literal else ()


def leaves(tables: Table, at: Key = ()) -> Iterator[tuple[Key, object]]:
    """Yield (key, value) for every value that is not a table, and for empty tables."""
    for name, value in tables.items():
        if isinstance(value, dict) and value:
            yield from leaves(cast(Table, value), (*at, name))
        else:
            yield (*at, name), value


def put(tables: Table, key: Key, value: object) -> None:
    """Set a value in nested tables, making tables on the way."""
    for name in key[:-1]:
        inner = tables.setdefault(name, {})
        if not isinstance(inner, dict):
            inner = tables[name] = {}
        tables = cast(Table, inner)
    if value == {}:
        tables.setdefault(key[-1], {})
    else:
        tables[key[-1]] = value
