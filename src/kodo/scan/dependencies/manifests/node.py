"""What Node projects lock: package-lock.json (versions 1 to 3), yarn.lock, pnpm-lock.yaml."""

import re
from collections.abc import Iterator

import msgspec

from kodo.scan.dependencies.manifests.lines import LineFinder
from kodo.scan.dependencies.package import Package

MAX_DEPTH = 50


class _Locked(msgspec.Struct):
    version: str = ""
    name: str = ""
    link: bool = False
    dependencies: dict[str, msgspec.Raw] = {}


class _PackageLock(msgspec.Struct):
    packages: dict[str, _Locked] = {}
    dependencies: dict[str, msgspec.Raw] = {}


def read_package_lock(text: str) -> Iterator[Package]:
    """Yield the packages of package-lock.json or npm-shrinkwrap.json. Raises DecodeError."""
    lock = msgspec.json.decode(text, type=_PackageLock)
    lines = LineFinder(text)
    if lock.packages:
        for place, locked in lock.packages.items():
            _, inside, last = place.rpartition("node_modules/")
            if inside and locked.version and not locked.link:
                number = lines.find(f'"{place}":')
                yield Package("npm", locked.name or last, locked.version, number)
        return
    yield from _nested(lock.dependencies, lines, 0)


def _nested(tree: dict[str, msgspec.Raw], lines: LineFinder, depth: int) -> Iterator[Package]:
    for name, raw in tree.items():
        locked = msgspec.json.decode(raw, type=_Locked)
        number = lines.find(f'"{name}":')
        version = locked.version
        if version.startswith("npm:"):  # an alias: the real name stands before the version
            name, _, version = version.removeprefix("npm:").rpartition("@")
        if version[:1].isdigit():
            yield Package("npm", name, version, number)
        if depth < MAX_DEPTH:
            yield from _nested(locked.dependencies, lines, depth + 1)


_YARN_HEAD = re.compile(r'^"?(?P<name>@?[^@\s",]+)@(?P<wanted>[^",:]*(?::[^",]*)?)')
_YARN_VERSION = re.compile(r'^\s+version:?\s+"?(?P<version>[^"\s]+)"?\s*$')
_YARN_RESOLUTION = re.compile(r'^\s+resolution:\s+"(?P<name>@?[^@"]+)@npm:')


def read_yarn_lock(text: str) -> Iterator[Package]:
    """Yield the packages of yarn.lock, of the classic and of the newer form."""
    name = version = ""
    head = 0
    for number, line in enumerate((*text.splitlines(), "end"), 1):
        if line and not line[0].isspace() and not line.startswith("#"):
            if name and version and version[:1].isdigit() and not version.startswith("0.0.0-use"):
                yield Package("npm", name, version, head)
            match = _YARN_HEAD.match(line)
            name, version, head = (match["name"], "", number) if match else ("", "", number)
            if match and match["wanted"].startswith("npm:") and "@" in match["wanted"][4:]:
                name = match["wanted"][4:].rpartition("@")[0]
        elif match := _YARN_VERSION.match(line):
            version = version or match["version"]
        elif match := _YARN_RESOLUTION.match(line):
            name = match["name"]


_PNPM = re.compile(
    r"""^  ['"]?/?(?P<name>(?:@[^/@\s]+/)?[^/@\s'"]+)[/@](?P<version>\d[^()_:'"\s]*)"""
)


def read_pnpm_lock(text: str) -> Iterator[Package]:
    """Yield the packages of pnpm-lock.yaml, versions 5 to 9 of its form, read by lines."""
    inside = False
    for number, line in enumerate(text.splitlines(), 1):
        if line and not line[0].isspace():
            inside = line.startswith("packages:")
        elif inside and (match := _PNPM.match(line)):
            yield Package("npm", match["name"], match["version"], number)
