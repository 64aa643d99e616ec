"""The engine: any bytes in, a report out, on time."""

import pytest

from kodo.scan.engine import Engine
from tests.scan.engines import BAD, GOOD, SHIPPED_RULES

ENGINE = Engine(SHIPPED_RULES)


def rules(source: bytes, path: str = "a.py") -> list[str]:
    """The rules that hold in a file."""
    return [one.rule for one in ENGINE.scan_file(path, source).weaknesses]


def test_finds_and_leaves_alone() -> None:
    """A finding has its place, text, function and way."""
    (found,) = ENGINE.scan_file("a.py", BAD.encode()).weaknesses
    assert (found.rule, found.cwe, found.severity) == ("python.sql-injection", 89, "error")
    assert (found.line, found.column, found.end_line) == (8, 5, 8)
    assert found.function == "view"
    assert found.sink.startswith("cursor.execute(")
    assert found.trace[0].line == 6
    assert not rules(GOOD.encode())


def test_fingerprint_stays_when_lines_move() -> None:
    """Lines above do not change what a finding is."""
    (one,) = ENGINE.scan_file("a.py", BAD.encode()).weaknesses
    (other,) = ENGINE.scan_file("a.py", b"# a line\n\n" + BAD.encode()).weaknesses
    assert other.line == one.line + 2
    assert other.fingerprint == one.fingerprint


def test_columns_count_characters() -> None:
    """Bytes before a finding that make one character count once."""
    source = "import os\nfrom flask import request\nx = 'ä'; os.system(request.args['ü'])\n"
    (found,) = ENGINE.scan_file("a.py", source.encode()).weaknesses
    assert found.column == 10
    assert found.sink == "os.system(request.args['ü'])"


def test_other_languages_are_skipped_with_a_reason() -> None:
    """A file without rules is not called clean."""
    assert ENGINE.scan_file("a.txt", b"x").skipped == "no rules for this language"


@pytest.mark.parametrize(
    "source",
    [
        b"",
        b"\xff\xfe\x00",
        b"def",
        b"class :\n  def f(",
        b"\0" * 100,
        b"x = " + b"[" * 5000,
        b"x = " + b"-" * 5000 + b"1",
        b"eval(" * 3000 + b")" * 3000,
        b"if a:\n"
        + b"".join(b" " * n + b"if eval(x):\n" for n in range(1, 300))
        + b" " * 300
        + b"pass",
        b"f" + b".a(eval(x))" * 3000,
        b"@route\n" * 2000 + b"def f(): eval(input())",
        b"lambda: " * 1000 + b"eval(input())",
    ],
    ids=range(12),
)
def test_any_source_gives_a_report(source: bytes) -> None:
    """Empty, broken, binary and deeply nested files raise nothing."""
    ENGINE.scan_file("a.py", source)


def test_deep_code_is_said_to_be_partial() -> None:
    """What lies too deep is not called clean."""
    report = ENGINE.scan_file("a.py", b"eval(" * 300 + b"x" + b")" * 300)
    assert report.partial


def test_syntax_errors_leave_the_rest() -> None:
    """Half-written code: the other functions are scanned, and the report says partial."""
    report = ENGINE.scan_file("a.py", b"def half(:\n    x = \n\n" + BAD.encode())
    assert report.partial == "syntax errors"
    assert [one.rule for one in report.weaknesses] == ["python.sql-injection"]


def test_past_the_deadline_patterns_are_matched() -> None:
    """A deadline never makes a silent pass: patterns are found, and the report is partial."""
    source = BAD + "import hashlib\ndef weak(x):\n    return hashlib.md5(x)\n" * 30
    report = Engine(SHIPPED_RULES, clock=lambda: 10.0).scan_file(
        "a.py", source.encode(), deadline=5.0
    )
    assert report.partial.startswith("deadline")
    assert {one.rule for one in report.weaknesses} == {"python.weak-hash"}
    assert len(report.weaknesses) == 30


def test_before_the_deadline_all_is_done() -> None:
    """A deadline that has not come changes nothing."""
    report = Engine(SHIPPED_RULES, clock=lambda: 1.0).scan_file("a.py", BAD.encode(), deadline=5.0)
    assert not report.partial
    assert len(report.weaknesses) == 1


def test_only_some_ranges() -> None:
    """Functions outside of the ranges are left out."""
    source = (BAD + BAD.replace("def view", "def other")).encode()
    place = source.index(b"def other")
    found = ENGINE.scan_file("a.py", source, only=[(place, place + 5)]).weaknesses
    assert [one.function for one in found] == ["other"]


def test_a_loop_that_never_ends_ends() -> None:
    """Loops and recursion in the scanned code are bounded."""
    source = b"""
from flask import request
import os
def f(x):
    while True:
        x = x + request.args['a']
        for y in x:
            while y:
                g(x)
                os.system(x)
def g(x):
    f(x)
    g(x + 'a')
"""
    assert rules(source) == ["python.command-injection"]


def test_work_is_bounded_for_nested_closures() -> None:
    """Closures in closures in loops do not multiply."""
    source = "from flask import request\nimport os\n" + "".join(
        f"{'    ' * depth}def f{depth}(x):\n{'    ' * (depth + 1)}for i in x:\n"
        f"{'    ' * (depth + 2)}pass\n"
        for depth in range(12)
    )
    source += "    " * 12 + "os.system(request.args['x'])\n"
    for depth in reversed(range(11)):
        source += (
            "    " * (depth + 1) + f"g(f{depth + 1}, f{depth + 1}(x), lambda y: f{depth + 1}(y))\n"
        )
    ENGINE.scan_file("a.py", source.encode(), deadline=None)
