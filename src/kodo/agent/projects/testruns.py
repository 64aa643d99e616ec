"""Read the output of a test runner, whichever it was, into one value.

Knows formats, not how the command was run. Guards that an unknown output is still a result: the
exit code decides, and stack frames and compile errors are looked for all the same.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from kodo.agent.projects.compiledreports import (
    read_cargo,
    read_catch,
    read_ctest,
    read_go,
    read_gtest,
    read_junit,
    read_program,
)
from kodo.agent.projects.compileerrors import compile_errors
from kodo.agent.projects.scriptreports import (
    read_jest,
    read_minitest,
    read_mocha,
    read_node_spec,
    read_pytest,
    read_rspec,
    read_tap,
    read_unittest,
    read_vitest,
)
from kodo.agent.projects.stackframes import Paths
from kodo.agent.projects.testreport import FailingTest, Frame, Report, TestRun

__all__ = ["FailingTest", "Frame", "TestRun", "parse_test_run"]

MAX_OUTPUT_CHARS = 2_000_000
_COLOUR = re.compile(r"\x1b(?:\[[0-9;?]*[A-Za-z]|\][^\x07]*\x07)")
# The first mark that is found names the format; those that others embed come later.
_FORMATS: tuple[tuple[str, Callable[[str, Paths], Report]], ...] = (
    (r"^\s*\d+/\d+ Test\s+#\d+: ", read_ctest),
    (r"^\[==========\] Running |^\[ RUN      \] ", read_gtest),
    (r"\btest cases:\s*\d+ *\||^All tests passed \(.*test case", read_catch),
    (r"^test result: |^running \d+ tests?$|could not compile `", read_cargo),
    (r"^\s*--- (?:FAIL|PASS): |^(?:ok|FAIL)\s+\S+\s+(?:[\d.]+s|\[|\(cached\))", read_go),
    (r"Tests run:\s*\d+|^OK \(\d+ tests?\)|^\d+ tests? completed, |COMPILATION ERROR", read_junit),
    (
        r"^=+ (?:test session starts|FAILURES|ERRORS|short test summary info) =+$"
        r"|^(?:=+ )?(?:\d+ (?:passed|failed|errors?|skipped)(?:, )?)+.* in [\d.]+s"
        r"|^no tests ran in",
        read_pytest,
    ),
    (r"^Ran \d+ tests? in [\d.]+s$|^(?:FAIL|ERROR): \S+ \(", read_unittest),
    (r"^Test Suites:\s+\d|^Tests:\s+.*\d+ total|^(?:PASS|FAIL) \S+\.[cm]?[jt]sx?", read_jest),
    (r"^\s*Test Files\s+\d|^\s*RUN\s+v\d", read_vitest),
    (r"^\d+ (?:runs|tests), \d+ assertions, ", read_minitest),
    (r"^\d+ examples?, \d+ failures?", read_rspec),
    (r"^\s*\d+ passing \(", read_mocha),
    (r"^\s*\d+ failing$", read_mocha),
    (r"^TAP version \d+|^\s*(?:not ok|ok) \d+", read_tap),
    (r"^ℹ tests \d+|^✖ failing tests:", read_node_spec),
)
_MARKS = tuple((re.compile(mark, re.MULTILINE), reader) for mark, reader in _FORMATS)


def parse_test_run(
    output: str,
    *,
    exit_code: int,
    root: Path,
    timed_out: bool = False,
    files: Sequence[str] = (),
) -> TestRun:
    """Return what `output` (stdout and stderr, colours allowed) says about a run in `root`.

    Paths in it may be relative to `root` or absolute below it; what lies outside is left out of
    frames. `files`, relative to `root`, resolve the bare file names that Java and Go print. A
    failing run of unknown format has one failing test without a name, with the last lines as its
    message. Output past MAX_OUTPUT_CHARS loses its middle. Never raises.
    """
    half = MAX_OUTPUT_CHARS // 2
    whole = output if len(output) <= MAX_OUTPUT_CHARS else output[:half] + "\n" + output[-half:]
    text = _COLOUR.sub("", whole)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    paths = Paths(str(root), files)
    reader = next((reader for mark, reader in _MARKS if mark.search(text)), None)
    findings = compile_errors(text, paths)
    if reader is None:
        bad = exit_code != 0 or timed_out
        report = read_program(text, paths) if bad else Report("")
        if bad and findings:
            report.errors = 1
    else:
        report = reader(text, paths)
        if exit_code != 0 and not report.failing and not findings and not report.passed:
            report.failing = read_program(text, paths).failing
    return TestRun(
        exit_code=exit_code,
        runner=report.runner,
        passed=report.passed,
        failed=report.failed,
        errors=report.errors,
        skipped=report.skipped,
        failing=tuple(report.failing),
        findings=findings,
        timed_out=timed_out,
    )
