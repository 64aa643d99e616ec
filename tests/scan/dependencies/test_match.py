"""Advisories against packages: ranges, lists, withdrawn ones, exports as zip and as folder."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from kodo.base.errors import ConfigError
from kodo.scan.dependencies.match import find_vulnerable
from kodo.scan.dependencies.package import Ecosystem, Package


def advisory(
    name: str,
    ecosystem: str,
    events: list[dict[str, str]],
    *,
    number: str = "GHSA-aaaa-bbbb-cccc",
    kind: str = "ECOSYSTEM",
    **more: Any,
) -> dict[str, Any]:
    affected = {
        "package": {"ecosystem": ecosystem, "name": name},
        "ranges": [{"type": kind, "events": events}],
        **more.pop("affected", {}),
    }
    return {"id": number, "modified": "2024-01-01T00:00:00Z", "affected": [affected], **more}


def export(folder: Path, *advisories: dict[str, Any]) -> Path:
    path = folder / "osv"
    path.mkdir(exist_ok=True)
    for one in advisories:
        (path / f"{one['id']}.json").write_text(json.dumps(one))
    return path


def rules(
    folder: Path, ecosystem: Ecosystem, name: str, version: str, *advisories: dict[str, Any]
) -> list[str]:
    package = Package(ecosystem, name, version, 3)
    return [one.rule for one in find_vulnerable([("lock", [package])], export(folder, *advisories))]


RANGE = [{"introduced": "1.2.0"}, {"fixed": "1.4.0"}, {"introduced": "2.0.0"}, {"fixed": "2.0.3"}]


@pytest.mark.parametrize(
    ("version", "hit"),
    [
        ("1.1.9", 0),
        ("1.2.0", 1),
        ("1.3.9", 1),
        ("1.4.0", 0),
        ("1.9", 0),
        ("2.0.2", 1),
        ("2.0.3", 0),
    ],
)
def test_a_version_is_judged_by_the_last_event_at_or_before_it(
    tmp_path: Path, version: str, hit: int
) -> None:
    shuffled = [RANGE[2], RANGE[1], RANGE[3], RANGE[0]]
    for events in (RANGE, shuffled):
        found = rules(
            tmp_path, "npm", "left", version, advisory("left", "npm", events, kind="SEMVER")
        )
        assert len(found) == hit


def test_last_affected_is_inclusive_and_zero_means_from_the_beginning(tmp_path: Path) -> None:
    events = [{"introduced": "0"}, {"last_affected": "1.5"}]
    one = advisory("rack", "RubyGems", events)
    assert rules(tmp_path, "RubyGems", "rack", "1.5.0", one)
    assert not rules(tmp_path, "RubyGems", "rack", "1.5.1", one)
    assert rules(tmp_path, "RubyGems", "rack", "0.0.1.pre", one)


def test_each_ecosystem_compares_in_its_own_way(tmp_path: Path) -> None:
    events = [{"introduced": "0"}, {"fixed": "2.9.10.1"}]
    jackson = advisory("com.x:y", "Maven", events)
    assert rules(tmp_path, "Maven", "com.x:y", "2.9.10", jackson)
    assert not rules(tmp_path, "Maven", "com.x:y", "2.9.10.8", jackson)
    pypi = advisory("Zope.Interface", "PyPI", [{"introduced": "0"}, {"fixed": "1.0rc1"}])
    assert rules(tmp_path, "PyPI", "zope-interface", "1.0b2", pypi)
    assert not rules(tmp_path, "PyPI", "zope-interface", "1.0", pypi)


def test_listed_versions_count_where_there_is_no_range(tmp_path: Path) -> None:
    one = advisory("x", "PyPI", [], affected={"ranges": [], "versions": ["1.0.0"]})
    assert rules(tmp_path, "PyPI", "x", "1.0", one)
    assert not rules(tmp_path, "PyPI", "x", "1.0.1", one)


def test_what_is_withdrawn_of_another_ecosystem_or_of_git_does_not_count(tmp_path: Path) -> None:
    events = [{"introduced": "0"}]
    assert not rules(tmp_path, "npm", "x", "1.0.0", advisory("x", "PyPI", events))
    gone = advisory("x", "npm", events, withdrawn="2024-02-02T00:00:00Z")
    assert not rules(tmp_path, "npm", "x", "1.0.0", gone)
    assert not rules(tmp_path, "npm", "x", "1.0.0", advisory("x", "npm", events, kind="GIT"))


def test_a_finding_names_the_package_the_fix_the_class_and_the_score(tmp_path: Path) -> None:
    one = advisory(
        "left",
        "npm",
        RANGE,
        kind="SEMVER",
        summary="Prototype pollution",
        aliases=["CVE-2020-1"],
        severity=[{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
        database_specific={"cwe_ids": ["CWE-1321"], "severity": "CRITICAL"},
    )
    packages = [Package("npm", "left", "1.3.0", 7)]
    [found] = find_vulnerable([("a/package-lock.json", packages)], export(tmp_path, one))
    assert (found.rule, found.cwe, found.severity) == (
        "dependency.GHSA-aaaa-bbbb-cccc",
        1321,
        "error",
    )
    assert (found.path, found.line) == ("a/package-lock.json", 7)
    assert "CVE-2020-1" in found.message
    assert found.fix == "Raise left to 1.4.0 or later."


def test_a_zip_is_read_like_a_folder_and_a_broken_advisory_is_named(tmp_path: Path) -> None:
    path = tmp_path / "all.zip"
    one = advisory("x", "Go", [{"introduced": "0"}], kind="SEMVER")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("GO-1.json", json.dumps(one))
        archive.writestr("other.json", json.dumps(advisory("y", "Go", [])))
        archive.writestr("broken-but-not-ours.json", '{"id": 3')
    manifests = [("go.mod", [Package("Go", "x", "1.0.0", 1)])]
    assert len(find_vulnerable(manifests, path)) == 1
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("bad.json", '{"id": 3, "name": "x"}')
    with pytest.raises(ConfigError, match=r"bad\.json is not an OSV advisory"):
        find_vulnerable(manifests, path)


def test_an_export_that_is_none_is_told(tmp_path: Path) -> None:
    manifests = [("go.mod", [Package("Go", "x", "1.0.0", 1)])]
    with pytest.raises(ConfigError, match="there is no OSV export"):
        find_vulnerable(manifests, tmp_path / "no")
    (tmp_path / "x.zip").write_bytes(b"no zip")
    with pytest.raises(ConfigError, match="cannot read the OSV export"):
        find_vulnerable(manifests, tmp_path / "x.zip")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="holds no OSV advisory"):
        find_vulnerable(manifests, tmp_path / "empty")
    assert find_vulnerable([], tmp_path / "no") == []
