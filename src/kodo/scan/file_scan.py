"""One file through everything: encoding, engine, secrets, manifest, suppressions.

Does not know folders, processes or reports. Guards that each step which could not look is named in
the result, and that one weakness is not told twice.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from kodo.core.messages import Value
from kodo.scan.content import Content, read_content
from kodo.scan.dependencies.manifests.names import is_manifest
from kodo.scan.dependencies.package import Package
from kodo.scan.findings import FileReport, Weakness
from kodo.scan.repository import RepositoryFiles
from kodo.scan.secrets.finder import find_secrets
from kodo.scan.suppressions import judge
from kodo.syntax.languages import language_of

HARD_CODED_CWES = frozenset({259, 321, 798})


class SourceEngine(Protocol):
    """The part of the engine that is used here."""

    def scan_file(
        self,
        path: str,
        source: bytes,
        *,
        deadline: float | None = None,
        only: Sequence[tuple[int, int]] | None = None,
    ) -> FileReport:
        """Return what is wrong with a source file; `deadline` is on the monotonic clock."""
        ...


ReadPackages = Callable[[str, bytes], tuple[list[Package], str]]
"""Reads a manifest: `dependencies.manifests.reader.read_packages`."""

MakeEngine = Callable[[Callable[[str], bytes | None]], SourceEngine]
"""Makes an engine from a function that reads other files of the repository."""


class Silenced(Value, frozen=True):
    """A finding that a comment silences, and why."""

    weakness: Weakness
    line: int
    reason: str


class Scanned(Value, frozen=True):
    """A file's report, what suppressions silenced in it, and the packages that it pins.

    `asked` are the digests of the other files that the result depends on.
    """

    report: FileReport
    silenced: tuple[Silenced, ...] = ()
    packages: tuple[Package, ...] = ()
    asked: dict[str, bytes] = msgspec.field(default_factory=dict[str, bytes])


class FileScan:
    """Scans files one after the other with one engine. Not safe for several threads at a time.

    `files` is where the engine reads what a file imports. Without `read_packages` manifests are
    passed over.
    """

    __slots__ = ("_engine", "_read_packages", "files")

    def __init__(
        self,
        make_engine: MakeEngine,
        files: RepositoryFiles,
        read_packages: ReadPackages | None = None,
    ) -> None:
        self.files = files
        self._read_packages = read_packages
        self._engine = make_engine(files.read)

    def scan(
        self,
        path: str,
        raw: bytes,
        *,
        deadline: float | None = None,
        trust_marks: bool = True,
        only: Sequence[tuple[int, int]] | None = None,
    ) -> Scanned:
        """Return what was found in the bytes of `path` (relative, forward slashes).

        `deadline` (monotonic seconds) cuts the engine to patterns, and the report says partial.
        `trust_marks`: see read_content. `only`: byte ranges; functions elsewhere are passed over.
        """
        manifest = is_manifest(path)
        content = read_content(path, raw, trust_marks=trust_marks and not manifest)
        if manifest and content.skipped == "minified":
            content = Content(raw)
        if content.skipped:
            return Scanned(FileReport(path, skipped=content.skipped))
        data = content.data
        lines = data.count(b"\n") + (not data.endswith(b"\n") and bool(data))
        packages: Sequence[Package] = ()
        partial = ""
        weaknesses: list[Weakness] = []
        self.files.take_asked()
        if manifest:
            if self._read_packages is not None:
                packages, partial = self._read_packages(path, data)
        elif language_of(path) not in (None, "bash"):
            report = self._engine.scan_file(path, data, deadline=deadline, only=only)
            partial = report.partial or (f"not scanned: {report.skipped}" if report.skipped else "")
            weaknesses += _strongest(report.weaknesses)
        if not manifest:
            weaknesses += _not_told(find_secrets(path, data), weaknesses)
        judged = judge(path, data, weaknesses)
        silenced = tuple(Silenced(weakness, by.line, by.reason) for weakness, by in judged.silenced)
        found = FileReport(path, judged.open, partial, lines=lines)
        return Scanned(found, silenced, tuple(packages), self.files.take_asked())


def _strongest(weaknesses: Sequence[Weakness]) -> list[Weakness]:
    """Leave out notes on a line where something of the same class is told more firmly."""
    firm = {(one.line, one.cwe) for one in weaknesses if one.severity != "note"}
    return [one for one in weaknesses if one.severity != "note" or (one.line, one.cwe) not in firm]


def _not_told(secrets: Sequence[Weakness], told: Sequence[Weakness]) -> list[Weakness]:
    """Leave out secrets on lines where a rule of the language has said the same."""
    lines = {
        line
        for one in told
        if one.cwe in HARD_CODED_CWES
        for line in range(one.line, one.end_line + 1)
    }
    return [one for one in secrets if one.line not in lines]
