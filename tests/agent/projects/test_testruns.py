"""Reports of real runners, recorded in runner_outputs/, become one value.

`{root}` in a recording stands for the workspace. Each project has one test that fails, one that
breaks and one that passes; the `_bad` and `_syn` recordings do not compile.
"""

from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kodo.agent.projects.testreport import Frame, TestRun
from kodo.agent.projects.testruns import parse_test_run

RECORDINGS = Path(__file__).with_name("runner_outputs")
ROOT = Path("/ws/project")


def run_of(name: str, *, exit_code: int = 1, files: tuple[str, ...] = ()) -> TestRun:
    text = (RECORDINGS / f"{name}.txt").read_text("utf-8").replace("{root}", str(ROOT))
    return parse_test_run(text, exit_code=exit_code, root=ROOT, files=files)


@dataclass
class Expected:
    """Runner, counts (passed, failed, errors) and the failing tests as (name, file, line)."""

    runner: str
    counts: tuple[int, int, int]
    failing: list[tuple[str, str, int]]


EXPECTED = {
    "pytest_v": Expected(
        "pytest",
        (1, 3, 0),
        [
            ("CalcTest::test_error", "test_calc.py", 13),
            ("CalcTest::test_wrong", "test_calc.py", 10),
            ("test_plain", "test_calc.py", 17),
        ],
    ),
    "pytest": Expected("pytest", (0, 0, 1), [("test_broken.py", "test_broken.py", 1)]),
    "pytest_syn": Expected("pytest", (0, 0, 1), [("syn/test_syn.py", "syn/bad.py", 1)]),
    "unittest": Expected(
        "unittest",
        (1, 1, 1),
        [("CalcTest.test_error", "test_calc.py", 13), ("CalcTest.test_wrong", "test_calc.py", 10)],
    ),
    "unittest_all": Expected(
        "unittest",
        (1, 1, 2),
        [
            ("test_broken", "test_broken.py", 1),
            ("CalcTest.test_error", "test_calc.py", 13),
            ("CalcTest.test_wrong", "test_calc.py", 10),
        ],
    ),
    "node_tap": Expected(
        "node", (2, 2, 0), [("adds", "sum.test.js", 4), ("group > explodes", "sum.test.js", 6)]
    ),
    "node_spec": Expected(
        "node",
        (2, 2, 1),
        [
            ("bad.test.js", "bad.test.js", 1),
            ("adds", "sum.test.js", 4),
            ("explodes", "sum.test.js", 6),
        ],
    ),
    "jest": Expected(
        "jest",
        (1, 2, 1),
        [
            ("group › adds", "sum.spec.js", 3),
            ("group › explodes", "sum.spec.js", 4),
            ("broken.spec.js", "broken.spec.js", 0),
        ],
    ),
    "vitest": Expected(
        "vitest",
        (1, 2, 2),
        [
            ("broken.spec.js", "broken.spec.js", 0),
            ("sum.spec.js", "sum.spec.js", 2),
            ("group > adds", "vi.test.mjs", 4),
            ("group > explodes", "vi.test.mjs", 5),
        ],
    ),
    "mocha": Expected(
        "mocha", (1, 2, 0), [("group adds", "sum.spec.js", 3), ("group explodes", "sum.spec.js", 4)]
    ),
    "cargo": Expected(
        "cargo",
        (1, 2, 0),
        [("tests::halves", "src/lib.rs", 7), ("tests::panics", "src/lib.rs", 11)],
    ),
    "cargo_bad": Expected("cargo", (0, 0, 1), []),
    "go": Expected(
        "go", (0, 2, 0), [("TestHalf", "calc_test.go", 7), ("TestSub/a_b", "calc_test.go", 11)]
    ),
    "go_v": Expected(
        "go", (1, 2, 0), [("TestHalf", "calc_test.go", 7), ("TestSub/a_b", "calc_test.go", 11)]
    ),
    "go_panic": Expected("go", (0, 1, 0), [("TestBoom", "boom_test.go", 3)]),
    "go_bad": Expected("go", (0, 0, 1), []),
    "junit4": Expected(
        "junit",
        (1, 2, 0),
        [("CalcTest.boom", "CalcTest.java", 5), ("CalcTest.half", "CalcTest.java", 4)],
    ),
    "ctest": Expected("ctest", (1, 1, 0), [("half", "a.cc", 3)]),
    "gtest": Expected("gtest", (1, 1, 0), [("Half.Works", "t.cc", 3)]),
    "minitest": Expected(
        "minitest",
        (1, 1, 1),
        [("CalcTest#test_half", "test_calc.rb", 5), ("CalcTest#test_boom", "test_calc.rb", 8)],
    ),
    "testunit": Expected(
        "minitest",
        (1, 1, 1),
        [("CalcTest#test_boom", "tu.rb", 8), ("CalcTest#test_half", "tu.rb", 5)],
    ),
    "rspec": Expected(
        "rspec",
        (1, 2, 0),
        [("Calc halves", "spec/calc_spec.rb", 4), ("Calc booms", "spec/calc_spec.rb", 7)],
    ),
    "assert": Expected("", (0, 0, 0), [("", "a.cc", 3)]),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_counts_and_failing_tests(name: str) -> None:
    run, expected = run_of(name), EXPECTED[name]
    assert run.runner == expected.runner
    assert (run.passed, run.failed, run.errors) == expected.counts
    assert [(test.name, test.file, test.line) for test in run.failing] == expected.failing
    assert all(test.message for test in run.failing)
    assert not run.green


@pytest.mark.parametrize(
    ("name", "test", "frames"),
    [
        ("pytest_v", 0, ["test_calc.py:13", "calc.py:6 outer", "calc.py:2 divide"]),
        ("unittest", 0, ["test_calc.py:13", "calc.py:6 outer", "calc.py:2 divide"]),
        ("node_tap", 1, ["sum.test.js:6", "sum.js:2 boom"]),
        ("jest", 1, ["sum.spec.js:4", "sum.js:2"]),
        ("vitest", 3, ["vi.test.mjs:5", "sum.js:2 boom"]),
        ("mocha", 1, ["sum.spec.js:4", "sum.js:2 boom"]),
        ("cargo", 1, ["src/lib.rs:11 calc::tests::panics", "src/lib.rs:2 calc::idx"]),
        ("go_panic", 0, ["boom_test.go:3 calc.TestBoom", "calc.go:4 calc.Boom"]),
        ("junit4", 0, ["CalcTest.java:5 CalcTest.boom", "Calc.java:3 Calc.boom"]),
        ("minitest", 1, ["test_calc.rb:8 test_boom", "calc.rb:5 boom"]),
        ("rspec", 1, ["spec/calc_spec.rb:7", "calc.rb:5 boom"]),
    ],
)
def test_frames_are_innermost_last_and_inside_the_workspace(
    name: str, test: int, frames: list[str]
) -> None:
    found = run_of(name).failing[test].frames
    assert len(found) == len(frames)
    for frame, wanted in zip(found, frames, strict=True):
        place, _, function = wanted.partition(" ")
        assert f"{frame.path}:{frame.line}" == place
        assert function in ("", frame.function)


@pytest.mark.parametrize(
    ("name", "places"),
    [
        ("pytest_syn", [("syn/bad.py", 1)]),
        ("node_syntax", [("bad.test.js", 1)]),
        ("node_spec", [("bad.test.js", 1)]),
        ("jest", [("broken.spec.js", 1)]),
        ("cargo_bad", [("src/lib.rs", 2), ("src/lib.rs", 1)]),
        ("go_bad", [("bad.go", 2)]),
        ("gcc_bad", [("b.cc", 1), ("b.cc", 2)]),
        ("javac_bad", [("A.java", 2), ("A.java", 3)]),
        ("tsc", [("t.ts", 2)]),
        ("ruby_bad", [("bad.rb", 3)]),
    ],
)
def test_compile_errors_are_findings(name: str, places: list[tuple[str, int]]) -> None:
    run = run_of(name)
    assert [(finding.path, finding.line) for finding in run.findings] == places
    assert all(finding.severity == "error" and finding.message for finding in run.findings)
    assert run.errors + run.failed > 0


def test_messages_say_what_went_wrong() -> None:
    assert run_of("pytest_v").failing[1].message == "AssertionError: 2 != 2.5"
    assert "left: 1" in run_of("cargo").failing[0].message
    assert run_of("go").failing[0].message == "calc_test.go:7: got 1"
    assert "Expected: 2" in run_of("minitest").failing[0].message
    assert "Received: -1" in run_of("jest").failing[0].message


def test_bare_file_names_are_resolved_by_the_list_of_files() -> None:
    files = ("src/main/java/Calc.java", "src/test/java/CalcTest.java")
    frames = run_of("junit4", files=files).failing[0].frames
    assert [frame.path for frame in frames] == [files[1], files[0]]


def test_a_green_run() -> None:
    run = parse_test_run("...\n3 passed, 1 skipped in 0.01s\n", exit_code=0, root=ROOT)
    assert (run.runner, run.passed, run.skipped, run.green) == ("pytest", 3, 1, True)


def test_exit_code_decides_where_nothing_is_recognised() -> None:
    assert parse_test_run("fine\n", exit_code=0, root=ROOT).green
    run = parse_test_run("it broke\n", exit_code=3, root=ROOT)
    assert not run.green
    assert run.failing[0].message == "it broke"


def test_a_run_cut_by_time_is_not_green() -> None:
    run = parse_test_run("test_a.py ..", exit_code=0, root=ROOT, timed_out=True)
    assert run.timed_out
    assert not run.green


def test_colours_are_taken_off() -> None:
    text = "\x1b[31mFAILED\x1b[0m t.py::test_a - \x1b[1massert 0\x1b[0m\n1 failed in 0.1s\x1b[0m"
    run = parse_test_run(text, exit_code=1, root=ROOT)
    assert (run.failed, run.failing[0].name, run.failing[0].message) == (1, "test_a", "assert 0")


def test_a_traceback_of_a_plain_program_gives_frames() -> None:
    text = (
        f'Traceback (most recent call last):\n  File "{ROOT}/main.py", line 3, in <module>\n'
        f'    go()\n  File "{ROOT}/lib/a.py", line 9, in go\n    1 / 0\nZeroDivisionError: x\n'
    )
    run = parse_test_run(text, exit_code=1, root=ROOT)
    assert run.failing[0].frames == (Frame("main.py", 3), Frame("lib/a.py", 9, "go"))


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_report_cut_anywhere_is_still_read(name: str) -> None:
    text = (RECORDINGS / f"{name}.txt").read_text("utf-8")
    for cut in range(0, len(text), max(1, len(text) // 12)):
        assert parse_test_run(text[:cut], exit_code=1, root=ROOT).exit_code == 1


@given(st.text(max_size=400))
@settings(max_examples=100, deadline=None)
def test_any_output_is_a_result(text: str) -> None:
    assert not parse_test_run(text, exit_code=1, root=ROOT).green
