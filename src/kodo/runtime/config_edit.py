"""Setting one key in a config.toml, with its comments and order kept where that is possible.

Knows TOML, not which keys exist. Guards that the file is replaced whole or not at all, and that
what is written says exactly what was wanted.
"""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import tomli_w

from kodo.base.errors import ConfigError
from kodo.runtime.config_file import Key, Table, find_line, put


def set_value(text: str, key: Key, value: object) -> str:
    """Return a file's text with one key set, its comments and order kept where that is possible.

    Raises ConfigError where `text` is not TOML.
    """
    try:
        wanted: Table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"the configuration is not TOML: {error}; mend it by hand first"
        ) from error
    put(wanted, key, value)
    line = f"{_dotted(key[-1:])} = {tomli_w.dumps({'v': value})[4:]}"
    for candidate in _candidates(text, key, line):
        try:
            if tomllib.loads(candidate) == wanted:
                return candidate
        except tomllib.TOMLDecodeError:
            continue
    return tomli_w.dumps(wanted)


def remove_table(text: str, key: Key) -> str:
    """Return a file's text without the table `key`; the rest keeps its comments where possible.

    Raises ConfigError where `text` is not TOML.
    """
    try:
        wanted: Table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"the configuration is not TOML: {error}; mend it by hand") from error
    at: Table = wanted
    for name in key[:-1]:
        at = at.get(name, {})
    at.pop(key[-1], None)
    header, inside, kept = _dotted(key), False, list[str]()
    for line in text.splitlines(keepends=True):
        if line.lstrip().startswith("["):
            inside = re.match(rf"\s*\[{re.escape(header)}[\].]", line) is not None
        if not inside:
            kept.append(line)
    candidate = "".join(kept)
    left = tomllib.loads(candidate)
    if left == wanted or {**left, key[0]: left.get(key[0], {})} == wanted:
        return candidate
    return tomli_w.dumps(wanted)


def _candidates(text: str, key: Key, line: str) -> Iterator[str]:
    """Yield texts that may say what is wanted: the line replaced, put in its table, or appended."""
    lines = text.splitlines(keepends=True)
    number = find_line(text, key)
    if number is not None:
        yield "".join((*lines[: number - 1], line, *lines[number:]))
        yield "".join((*lines[:number], line, *lines[number:]))
    if len(key) == 1:
        headers = [index for index, item in enumerate(lines) if item.lstrip().startswith("[")]
        at = headers[0] if headers else len(lines)
        ended = "" if at == 0 or lines[at - 1].endswith("\n") else "\n"
        yield "".join((*lines[:at], ended, line, *lines[at:]))
    else:
        ended = "\n" if not text or text.endswith("\n") else "\n\n"
        yield f"{text}{ended if text else ''}[{_dotted(key[:-1])}]\n{line}"


def _dotted(key: Key) -> str:
    return ".".join(
        name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else msgspec.json.encode(name).decode()
        for name in key
    )


def write_file(path: Path, text: str) -> None:
    """Replace the file atomically, readable by its owner only. Raises ConfigError."""
    beside = path.with_suffix(".toml.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(text.encode())
        beside.chmod(0o600)
        beside.replace(path)
    except OSError as error:
        raise ConfigError(f"cannot write {str(path)!r}: {error.strerror}") from error
