"""A set of changed files, scanned on both sides, so that only what is new counts.

Does not know git. Guards that a dependency which was vulnerable before is not new either.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from kodo.core.check import Change
from kodo.scan.dependencies.match import find_vulnerable
from kodo.scan.dependencies.package import Package
from kodo.scan.file_scan import FileScan, Scanned
from kodo.scan.findings import FileReport, Weakness
from kodo.scan.newness import Pair, find_new, touched_lines

_BEFORE = "before\0"


class Changed(NamedTuple):
    """The files as they are after the change, and the findings that it brings."""

    after: list[Scanned]
    new: tuple[Weakness, ...]


def scan_changes(scan: FileScan, changes: Sequence[Change], osv: Path | None = None) -> Changed:
    """Scan both sides of every change. Raises ConfigError where the OSV export cannot be read."""
    before = [_look(scan, change.path, change.before) for change in changes]
    after = [_look(scan, change.path, change.after) for change in changes]
    if osv is not None:
        _add_advisories(before, after, osv)
    pairs = [
        Pair(old.report, new.report, *touched_lines(change.before or b"", change.after or b""))
        for change, old, new in zip(changes, before, after, strict=True)
    ]
    fresh = find_new(pairs)
    kept = [one for one, change in zip(after, changes, strict=True) if change.after is not None]
    return Changed(kept, fresh.new)


def _look(scan: FileScan, path: str, data: bytes | None) -> Scanned:
    return Scanned(FileReport(path)) if data is None else scan.scan(path, data)


def _add_advisories(before: list[Scanned], after: list[Scanned], osv: Path) -> None:
    """Add the findings on both sides' packages, reading the export once."""
    manifests: list[tuple[str, Sequence[Package]]] = []
    manifests += [(_BEFORE + one.report.path, one.packages) for one in before if one.packages]
    manifests += [(one.report.path, one.packages) for one in after if one.packages]
    for weakness in find_vulnerable(manifests, osv):
        was = weakness.path.startswith(_BEFORE)
        path = weakness.path.removeprefix(_BEFORE)
        side = before if was else after
        for at, one in enumerate(side):
            if one.report.path == path:
                more = (*one.report.weaknesses, replace(weakness, path=path))
                side[at] = replace(one, report=replace(one.report, weaknesses=more))
