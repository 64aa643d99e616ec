"""Reports: SARIF as the specification wants it, text that people can trust, counts that add up."""

import json
from typing import Any, cast

import pytest
from msgspec.structs import replace

from kodo.scan.baseline import make_baseline
from kodo.scan.file_scan import Scanned, Silenced
from kodo.scan.findings import FileReport, Weakness
from kodo.scan.report.rules import RuleInfo, rules_of, secret_rules
from kodo.scan.report.sarif import sarif_report
from kodo.scan.report.summary import Summary, summarise
from kodo.scan.report.text import text_report
from tests.scan.weaknesses import weakness

KNOWN = {
    "python.sql-injection": RuleInfo(
        "python.sql-injection",
        "sqli",
        89,
        "error",
        "Outside data becomes part of a statement.",
        "Use parameters.",
        ("python",),
        ("execute(q)",),
        ("execute(q, x)",),
    )
}


def summary(*weaknesses: Weakness, **more: Any) -> Summary:
    by_path: dict[str, list[Weakness]] = {}
    for one in weaknesses:
        by_path.setdefault(one.path, []).append(one)
    scanned = [
        Scanned(FileReport(path, tuple(found), lines=100)) for path, found in by_path.items()
    ]
    return summarise([*scanned, *more.pop("also", [])], version="1.0", root=".", seconds=1, **more)


ALSO = [
    Scanned(FileReport("half.py", partial="syntax errors", lines=10)),
    Scanned(FileReport("a.min.js", skipped="minified")),
    Scanned(
        FileReport("quiet.py", lines=5),
        (Silenced(weakness(path="quiet.py"), 5, "the table is ours"),),
    ),
]

# The parts of the SARIF 2.1.0 schema that kodo writes: required and allowed properties.
SHAPES: dict[str, tuple[set[str], set[str]]] = {
    "log": ({"version", "runs"}, {"$schema"}),
    "run": (
        {"tool"},
        {"results", "invocations", "taxonomies", "columnKind", "originalUriBaseIds"},
    ),
    "driver": ({"name"}, {"version", "rules", "supportedTaxonomies"}),
    "rule": (
        {"id"},
        {
            *("shortDescription", "fullDescription", "help", "defaultConfiguration"),
            *("properties", "relationships"),
        },
    ),
    "result": (
        {"message"},
        {
            *("ruleId", "ruleIndex", "level", "locations", "partialFingerprints", "properties"),
            *("codeFlows", "suppressions", "taxa"),
        },
    ),
    "region": (set(), {"startLine", "startColumn", "endLine", "endColumn"}),
    "invocation": ({"executionSuccessful"}, {"toolExecutionNotifications"}),
    "taxonomy": ({"name"}, {"organization", "shortDescription", "taxa"}),
}


def check_shape(name: str, value: dict[str, Any]) -> None:
    required, allowed = SHAPES[name]
    assert required <= value.keys(), (name, value)
    assert value.keys() <= required | allowed, (name, value)


def check_place(place: dict[str, Any]) -> None:
    physical = place["physicalLocation"]
    assert physical["artifactLocation"]["uriBaseId"] == "%SRCROOT%"
    assert not physical["artifactLocation"]["uri"].startswith("/")
    check_shape("region", physical["region"])
    assert physical["region"]["startLine"] >= 1


def sarif(made: Summary) -> dict[str, Any]:
    """Return the SARIF of a summary after holding it to the schema's structure."""
    log = cast("dict[str, Any]", json.loads(sarif_report(made, KNOWN)))
    check_shape("log", log)
    assert log["version"] == "2.1.0"
    [run] = log["runs"]
    check_shape("run", run)
    driver = run["tool"]["driver"]
    check_shape("driver", driver)
    for rule in driver["rules"]:
        check_shape("rule", rule)
        assert rule["defaultConfiguration"]["level"] in ("note", "warning", "error")
        assert float(rule["properties"]["security-severity"]) > 0
    for result in run["results"]:
        check_shape("result", result)
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["message"]["text"]
        for location in result["locations"]:
            check_place(location)
        for flow in result.get("codeFlows", []):
            for thread in flow["threadFlows"]:
                assert thread["locations"]
                for stop in thread["locations"]:
                    check_place(stop["location"])
                    assert stop["location"]["message"]["text"]
        for suppression in result.get("suppressions", []):
            assert suppression["kind"] in ("inSource", "external")
    for invocation in run["invocations"]:
        check_shape("invocation", invocation)
    for taxonomy in run["taxonomies"]:
        check_shape("taxonomy", taxonomy)
        named = {taxon["id"] for taxon in taxonomy["taxa"]}
        used = {one["id"] for result in run["results"] for one in result["taxa"]}
        assert used <= named
    return run


def test_sarif_has_flows_places_fingerprints_and_classes() -> None:
    run = sarif(summary(weakness(path="src/a b.py", function="Shop.view")))
    [result] = run["results"]
    place = result["locations"][0]
    assert place["physicalLocation"]["artifactLocation"]["uri"] == "src/a%20b.py"
    assert place["physicalLocation"]["region"] == {
        "startLine": 5,
        "startColumn": 3,
        "endLine": 5,
        "endColumn": 13,  # one behind the last character
    }
    assert place["logicalLocations"][0]["fullyQualifiedName"] == "Shop.view"
    stops = result["codeFlows"][0]["threadFlows"][0]["locations"]
    assert [stop["location"]["message"]["text"] for stop in stops] == ["a request", "execute"]
    [rule] = run["tool"]["driver"]["rules"]
    assert "external/cwe/cwe-089" in rule["properties"]["tags"]
    assert "execute(q, x)" in rule["help"]["markdown"]
    assert result["taxa"] == [{"id": "89", "toolComponent": {"name": "CWE", "index": 0}}]


def test_two_findings_alike_have_different_fingerprints_that_survive_moved_lines() -> None:
    def prints(*lines: int) -> list[str]:
        run = sarif(summary(*(weakness(line=line) for line in lines)))
        return [one["partialFingerprints"]["primaryLocationLineHash"] for one in run["results"]]

    first, second = prints(5, 9)
    assert first != second
    assert prints(50, 90) == [first, second]


def test_sarif_tells_suppressions_gaps_and_skips() -> None:
    run = sarif(summary(weakness(), also=ALSO))
    suppressed = [one for one in run["results"] if one.get("suppressions")]
    assert [one["suppressions"][0]["justification"] for one in suppressed] == ["the table is ours"]
    notes = run["invocations"][0]["toolExecutionNotifications"]
    assert [(note["level"], note["message"]["text"]) for note in notes] == [
        ("warning", "not seen whole: syntax errors"),
        ("note", "1 file skipped: minified"),
    ]


def test_sarif_of_nothing_is_whole_too() -> None:
    run = sarif(summary())
    assert run["results"] == []
    assert run["tool"]["driver"]["rules"] == []


def test_text_names_place_rule_way_fix_and_id() -> None:
    found = weakness()
    text = text_report(summary(found, also=ALSO))
    assert text.splitlines() == [
        "app.py",
        "  5:3  error    outside data reaches a statement  [python.sql-injection] CWE-89",
        "        3: a request",
        "        5: execute",
        "        fix: Use parameters",
        f"        id: {found.fingerprint}",
        "",
        "partial: half.py: syntax errors",
        "1 error in 3 files (115 lines, 1.0 s); 1 suppressed; 1 file skipped (1 minified); "
        "PARTIAL: 1 file not seen whole",
    ]


def test_text_of_a_scanned_file_cannot_steer_the_terminal() -> None:
    evil = replace(weakness(path="a\x1b[2J.py"), message="x\x1b]0;pwned\x07\ny")
    text = text_report(summary(evil))
    assert "\x1b" not in text
    assert "\x07" not in text
    assert r"a\x1b[2J.py" in text


def test_a_long_way_is_cut_in_the_middle() -> None:
    step = weakness().trace[0]
    long = replace(weakness(), trace=tuple(replace(step, note=f"stop {n}") for n in range(30)))
    text = text_report(summary(long))
    assert "stop 0" in text
    assert "stop 29" in text
    assert "… 22 more steps …" in text
    assert "stop 12" not in text


@pytest.mark.parametrize(
    ("level", "count"), [("error", 1), ("warning", 2), ("note", 3), ("none", 0)]
)
def test_levels_include_what_is_worse(level: Any, count: int) -> None:
    made = summary(weakness("a"), weakness("b", severity="warning"), weakness("c", severity="note"))
    assert len(made.at_or_above(level)) == count


def test_baseline_and_old_findings_are_counted_not_shown() -> None:
    old, new = weakness("a"), weakness("b")
    made = summary(old, new, baseline=make_baseline([old]))
    assert ([one.sink for one in made.findings], made.known) == (["b"], 1)
    made = summary(old, new, new=[new])
    assert ([one.sink for one in made.findings], made.known) == (["b"], 1)


def test_rules_of_findings_that_nobody_knows_are_told_by_the_finding() -> None:
    made = summary(weakness(rule="dependency.GHSA-1"), weakness(rule="secret.key"))
    first, second = rules_of(made.findings, secret_rules())
    assert (first.id, first.message) == ("dependency.GHSA-1", "outside data reaches a statement")
    assert "secret store" in second.fix
