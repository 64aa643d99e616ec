"""What Python projects pin: requirements files, poetry.lock, uv.lock, Pipfile.lock."""

import re
from collections.abc import Iterator

import msgspec

from kodo.scan.dependencies.manifests.lines import LineFinder, locked_tables
from kodo.scan.dependencies.package import Package

_PINNED = re.compile(
    r"^\s*(?P<name>[A-Za-z0-9][A-Za-z0-9._\-]*)\s*(?:\[[^\]]*\])?\s*={2,3}\s*(?P<version>[^\s;,#\\*]+)"
    r"\s*(?:[;#\\]|--hash|$)"
)


def normal_name(name: str) -> str:
    """Return a name as PyPI compares names (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read_requirements(text: str) -> Iterator[Package]:
    """Yield what is pinned by `==`; ranges, options and addresses are not versions."""
    for number, line in enumerate(text.splitlines(), 1):
        if match := _PINNED.match(line):
            yield Package("PyPI", normal_name(match["name"]), match["version"], number)


def read_lock_tables(text: str) -> Iterator[Package]:
    """Yield the packages of poetry.lock and uv.lock."""
    for name, version, number in locked_tables(text):
        yield Package("PyPI", normal_name(name), version, number)


class _Pinned(msgspec.Struct):
    version: str = ""


class _PipfileLock(msgspec.Struct):
    default: dict[str, _Pinned] = {}
    develop: dict[str, _Pinned] = {}


def read_pipfile_lock(text: str) -> Iterator[Package]:
    """Yield the packages of Pipfile.lock. Raises msgspec.DecodeError."""
    lock = msgspec.json.decode(text, type=_PipfileLock)
    lines = LineFinder(text)
    for name, pinned in (*lock.default.items(), *lock.develop.items()):
        if pinned.version.startswith("=="):
            number = lines.find(f'"{name}":')
            yield Package("PyPI", normal_name(name), pinned.version.lstrip("="), number)
