"""Rules at run time: compiled to one msgpack file that is found again by a hash of its sources.

Does not know YAML (it takes the reader as an argument, whose import alone costs more than a warm
start) nor what rules mean. Guards the start: YAML is parsed only when a rule has changed.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from kodo.scan.rules.schema import RuleFile

ReadRules = Callable[[Path], list[RuleFile]]
"""Decodes the YAML files below a folder: `decode.read_rules`, or what loads that by name."""

SHIPPED = Path(__file__).parent
VERSION = 1

_decoder = msgspec.msgpack.Decoder(list[RuleFile])
_encoder = msgspec.msgpack.Encoder()


def load_rules(
    cache: Path | None, read: ReadRules, *, folders: tuple[Path, ...] = (SHIPPED,)
) -> list[RuleFile]:
    """Return the rules of all `folders`, from `cache` where they are compiled already.

    A damaged or missing cache is made anew; a folder that cannot be written is no error. Raises
    ConfigError where a rule file is wrong.
    """
    name = f"rules-{content_hash(folders)}.msgpack"
    if cache is not None:
        try:
            return _decoder.decode((cache / name).read_bytes())
        except (OSError, msgspec.DecodeError):
            pass
    rules = [rule_file for folder in folders for rule_file in read(folder)]
    if cache is not None:
        _write(cache / name, _encoder.encode(rules))
    return rules


def content_hash(folders: tuple[Path, ...]) -> str:
    """Return 24 hex digits that change when a rule file does."""
    digest = hashlib.sha256(f"{VERSION}".encode())
    for folder in folders:
        for path in sorted(folder.rglob("*.yaml")):
            digest.update(str(path.relative_to(folder)).encode())
            digest.update(b"\0")
            digest.update(path.read_bytes())
            digest.update(b"\0")
    return digest.hexdigest()[:24]


def _write(path: Path, data: bytes) -> None:
    """Write beside and rename, so that another process never reads half a file."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f"{path.name}.{os.getpid()}")
        beside.write_bytes(data)
        beside.replace(path)
    except OSError:
        return
