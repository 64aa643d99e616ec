"""Which of the packages at hand an advisory affects, by the rules of each ecosystem's versions.

Knows no file. Guards that a version which cannot be compared is matched by the advisory's own list
only, never guessed.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from kodo.scan.dependencies.cvss import base_score
from kodo.scan.dependencies.manifests.python import normal_name
from kodo.scan.dependencies.osv import Advisory, Affected, Event, Range, read_advisories
from kodo.scan.dependencies.package import Package
from kodo.scan.dependencies.versions.maven import MavenKey
from kodo.scan.dependencies.versions.python import python_key
from kodo.scan.dependencies.versions.ruby import ruby_key
from kodo.scan.dependencies.versions.semantic import semantic_key
from kodo.scan.findings import Severity, Weakness

VULNERABLE_COMPONENT_CWE = 1395
ERROR_SCORE = 7.0
_WORDS: dict[str, Severity] = {"CRITICAL": "error", "HIGH": "error", "LOW": "note"}

Key = Callable[[str], Any]
_KEYS: dict[str, Key] = {
    "PyPI": python_key,
    "npm": semantic_key,
    "crates.io": semantic_key,
    "Go": semantic_key,
    "Maven": MavenKey,
    "RubyGems": ruby_key,
    "ConanCenter": semantic_key,
    "vcpkg": semantic_key,
}


def find_vulnerable(
    manifests: Sequence[tuple[str, Sequence[Package]]], export: Path
) -> list[Weakness]:
    """Return a finding for each (manifest, package, advisory), by path and line.

    `manifests` are (path, packages). Raises ConfigError where the export cannot be read.
    """
    by_name: dict[tuple[str, str], list[tuple[str, Package]]] = {}
    for path, packages in manifests:
        for package in packages:
            by_name.setdefault((package.ecosystem, package.name), []).append((path, package))
    if not by_name:
        return []
    found: dict[tuple[str, str, str, str], Weakness] = {}
    for advisory in read_advisories(export, {name for _, name in by_name}):
        for affected in advisory.affected or ():
            if affected.package is None:
                continue
            ecosystem = affected.package.ecosystem.partition(":")[0]
            name = affected.package.name
            name = normal_name(name) if ecosystem == "PyPI" else name
            for path, package in by_name.get((ecosystem, name), ()):
                if is_affected(package, affected):
                    key = (path, advisory.id, package.name, package.version)
                    found.setdefault(key, _weakness(path, package, advisory, affected))
    return sorted(found.values(), key=lambda item: (item.path, item.line, item.rule))


def is_affected(package: Package, affected: Affected) -> bool:
    """Tell whether a package's version is listed, or lies in a range, of an advisory."""
    if package.version in affected.versions:
        return True
    key = _KEYS[package.ecosystem]
    if package.ecosystem == "PyPI":  # 1.0 is listed as 1.0.0 at times
        mine = key(package.version)
        if any(key(version) == mine for version in affected.versions):
            return True
    return any(
        _in_range(package.version, one, semantic_key if one.type == "SEMVER" else key)
        for one in affected.ranges
        if one.type in ("SEMVER", "ECOSYSTEM")
    )


def _in_range(version: str, span: Range, key: Key) -> bool:
    """Walk the events in order of their versions; the last at or before `version` decides."""
    mine = key(version)

    def place(event: Event) -> tuple[bool, Any, int]:
        at = event.introduced or event.fixed or event.last_affected
        return (at != "0", key(at) if at != "0" else mine, 0 if event.introduced else 1)

    inside = False
    events = [event for event in span.events if not event.limit]
    for event in sorted(events, key=place):
        if event.introduced:
            if event.introduced == "0" or key(event.introduced) <= mine:
                inside = True
        elif event.fixed:
            if key(event.fixed) <= mine:
                inside = False
        elif event.last_affected and key(event.last_affected) < mine:
            inside = False
    return inside


def first_fix(package: Package, affected: Iterable[Affected]) -> str:
    """Return the lowest version above the package's own in which it is fixed, or ""."""
    key = _KEYS[package.ecosystem]
    mine = key(package.version)
    fixes = [
        event.fixed
        for one in affected
        for span in one.ranges
        if span.type in ("SEMVER", "ECOSYSTEM")
        for event in span.events
        if event.fixed and mine < key(event.fixed)
    ]
    return min(fixes, key=key, default="")


def _weakness(path: str, package: Package, advisory: Advisory, affected: Affected) -> Weakness:
    fix = first_fix(package, (affected,))
    summary = advisory.summary or _first_sentence(advisory.details) or "a known vulnerability"
    names = ", ".join(_names(advisory))
    return Weakness(
        rule=f"dependency.{advisory.id}",
        cwe=_cwe(advisory),
        kind="dependency",
        severity=severity_of(advisory),
        confidence="high",
        path=path,
        line=package.line,
        column=1,
        end_line=package.line,
        end_column=1,
        message=f"{package.name} {package.version} ({package.ecosystem}) has {names}: {summary}",
        fix=f"Raise {package.name} to {fix} or later." if fix else "No fixed version is known.",
        sink=f"{package.ecosystem}:{package.name}@{package.version}",
    )


def _names(advisory: Advisory) -> Iterator[str]:
    yield advisory.id
    yield from (alias for alias in advisory.aliases or () if alias.startswith("CVE-"))


def _first_sentence(text: str) -> str:
    return re.split(r"(?<=[.!?])\s|\n", text.strip(), maxsplit=1)[0][:200]


def _cwe(advisory: Advisory) -> int:
    named = advisory.database_specific.cwe_ids if advisory.database_specific else None
    for text in named or ():
        if match := re.fullmatch(r"CWE-(\d+)", text):
            return int(match[1])
    return VULNERABLE_COMPONENT_CWE


def severity_of(advisory: Advisory) -> Severity:
    """Return error for what is scored high or critical (7.0 and above), note for low."""
    scores = [score for item in advisory.severity or () if (score := base_score(item.score))]
    if scores:
        top = max(scores)
        return "error" if top >= ERROR_SCORE else "warning" if top >= 4.0 else "note"
    word = advisory.database_specific.severity if advisory.database_specific else None
    return _WORDS.get((word or "").upper(), "warning")
