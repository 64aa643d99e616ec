"""What Rust, Go, Java, Ruby, C and C++ projects pin, each in its own form."""

import re
from collections.abc import Iterator
from xml.parsers import expat

import msgspec

from kodo.scan.dependencies.manifests.lines import LineFinder, locked_tables
from kodo.scan.dependencies.package import Package
from kodo.scan.dependencies.versions.semantic import semantic_key


def read_cargo_lock(text: str) -> Iterator[Package]:
    """Yield the packages of Cargo.lock."""
    for name, version, number in locked_tables(text):
        yield Package("crates.io", name, version, number)


_GO_REQUIRE = re.compile(
    r"^\s*(?:require\s+)?(?P<name>[\w.\-~]+\.[\w.\-~/]+)\s+v(?P<version>[\w.\-+]+)"
)
_GO_SUM = re.compile(r"^(?P<name>\S+) v(?P<version>[\w.\-+]+) h1:")


def read_go_mod(text: str) -> Iterator[Package]:
    """Yield what `require` names; `replace` and `exclude` blocks are passed over."""
    block = ""
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.partition("//")[0].strip()
        if match := re.match(r"(\w+)\s*\($", stripped):
            block = match[1]
        elif stripped == ")":
            block = ""
        elif (block == "require" or (not block and stripped.startswith("require "))) and (
            match := _GO_REQUIRE.match(stripped)
        ):
            yield Package("Go", match["name"], match["version"], number)


def read_go_sum(text: str) -> Iterator[Package]:
    """Yield the highest version of each module that was downloaded: that is the one in use."""
    newest: dict[str, Package] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if match := _GO_SUM.match(line):
            found = Package("Go", match["name"], match["version"], number)
            known = newest.get(found.name)
            if known is None or semantic_key(known.version) < semantic_key(found.version):
                newest[found.name] = found
    yield from newest.values()


_GEM = re.compile(
    r"^    (?P<name>[A-Za-z0-9_.\-]+) \((?P<version>[0-9][^()\s\-]*)(?:-[^()\s]+)?\)$"
)


def read_gemfile_lock(text: str) -> Iterator[Package]:
    """Yield the gems of Gemfile.lock, their platform left away."""
    inside = False
    for number, line in enumerate(text.splitlines(), 1):
        if line and not line[0].isspace():
            inside = line in ("GEM", "GIT", "PATH")
        elif inside and (match := _GEM.match(line)):
            yield Package("RubyGems", match["name"], match["version"], number)


_GRADLE = re.compile(r"^(?P<name>[^:#=\s]+:[^:=\s]+):(?P<version>[^:=\s]+)=")


def read_gradle_lock(text: str) -> Iterator[Package]:
    """Yield the artefacts of gradle.lockfile."""
    for number, line in enumerate(text.splitlines(), 1):
        if match := _GRADLE.match(line):
            yield Package("Maven", match["name"], match["version"], number)


class _Pom:
    """Collects dependencies and properties of one pom.xml; a DTD ends the reading."""

    def __init__(self) -> None:
        self.properties: dict[str, str] = {}
        self.found: list[tuple[dict[str, str], int]] = []
        self._path: list[str] = []
        self._text = ""
        self._open: list[tuple[dict[str, str], int]] = []
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._data
        self.parser.StartDoctypeDeclHandler = self._refuse

    def _refuse(self, *_: object) -> None:
        raise ValueError("a pom.xml has no document type")

    def _start(self, name: str, _: dict[str, str]) -> None:
        self._path.append(name.rpartition(":")[2])
        self._text = ""
        if self._path[-1] in ("dependency", "parent", "plugin"):
            self._open.append(({}, self.parser.CurrentLineNumber))

    def _data(self, data: str) -> None:
        self._text += data

    def _end(self, _: str) -> None:
        name = self._path.pop()
        above = self._path[-1] if self._path else ""
        text = self._text.strip()
        if name in ("dependency", "parent", "plugin"):
            self.found.append(self._open.pop())
        elif above in ("dependency", "parent", "plugin") and self._open:
            self._open[-1][0][name] = text
        elif above == "properties":
            self.properties[name] = text
        elif above == "project" and name in ("version", "groupId"):
            self.properties[f"project.{name}"] = text
        self._text = ""


def read_pom(text: str) -> Iterator[Package]:
    """Yield the dependencies of a pom.xml whose version it states itself, properties filled in.

    Raises ValueError where it is no XML, or has a document type.
    """
    pom = _Pom()
    try:
        pom.parser.Parse(text.encode(), True)  # noqa: FBT003 - expat's own signature
    except expat.ExpatError as error:
        raise ValueError(str(error)) from error
    for fields, number in pom.found:
        group, artifact = fields.get("groupId", ""), fields.get("artifactId", "")
        version = re.sub(
            r"\$\{([^}]+)\}",
            lambda match: pom.properties.get(match[1], match[0]),
            fields.get("version", ""),
        )
        if group and artifact and version[:1].isalnum():
            yield Package("Maven", f"{group}:{artifact}", version, number)


class _ConanLock(msgspec.Struct):
    requires: list[str] = []
    build_requires: list[str] = []


_CONAN = re.compile(r"^(?P<name>[a-z0-9_+.\-]+)/(?P<version>[^@#\s\[\]%]+)")


def read_conan_lock(text: str) -> Iterator[Package]:
    """Yield the references of conan.lock (version 2). Raises msgspec.DecodeError."""
    lock = msgspec.json.decode(text, type=_ConanLock)
    lines = LineFinder(text)
    for reference in (*lock.requires, *lock.build_requires):
        if match := _CONAN.match(reference):
            number = lines.find(reference)
            yield Package("ConanCenter", match["name"], match["version"], number)


def read_conanfile(text: str) -> Iterator[Package]:
    """Yield the references under [requires] of conanfile.txt; version ranges are none."""
    inside = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("["):
            inside = line.strip() in ("[requires]", "[tool_requires]", "[build_requires]")
        elif inside and (match := _CONAN.match(line.strip())):
            yield Package("ConanCenter", match["name"], match["version"], number)


class _Override(msgspec.Struct):
    name: str = ""
    version: str = ""


class _Vcpkg(msgspec.Struct):
    overrides: list[_Override] = []


def read_vcpkg(text: str) -> Iterator[Package]:
    """Yield what vcpkg.json pins under `overrides`. Raises msgspec.DecodeError."""
    lines = LineFinder(text)
    lines.find('"overrides"')
    for item in msgspec.json.decode(text, type=_Vcpkg).overrides:
        if item.name and item.version:
            number = lines.find(f'"{item.name}"')
            yield Package("vcpkg", item.name, item.version.partition("#")[0], number)
