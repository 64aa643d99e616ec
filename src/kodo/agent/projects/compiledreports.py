"""Readers of test reports of Rust, Go, Java and C++ runners.

Each takes the whole output (no colours) and returns a Report. Knows formats, not processes. Guards
that a report cut in the middle still gives what it holds.
"""

import re

from kodo.agent.projects.scriptreports import made_test
from kodo.agent.projects.stackframes import Paths
from kodo.agent.projects.testreport import FailingTest, Report


def read_cargo(text: str, paths: Paths) -> Report:
    """Read `cargo test`, all its test binaries added up."""
    report = Report("cargo")
    for passed, failed, ignored in re.findall(
        r"^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored", text, flags=re.M
    ):
        report.passed += int(passed)
        report.failed += int(failed)
        report.skipped += int(ignored)
    parts = re.split(r"^---- (.+?) stdout ----$", text, flags=re.M)
    for name, block in zip(parts[1::2], parts[2::2], strict=False):
        block = re.split(r"^failures:$", block, maxsplit=1, flags=re.M)[0]
        message = re.split(r"^(?:stack backtrace:|note: )", block, maxsplit=1, flags=re.M)[0]
        message = re.sub(
            r"^thread '.*' .*panicked at (.*?):?\n", r"\1: ", message.strip(), flags=re.M
        )
        report.failing.append(made_test(name, block, message, paths))
    if "test result:" not in text:
        report.passed = len(re.findall(r"^test .+ \.\.\. ok$", text, flags=re.M))
        report.failed = len(re.findall(r"^test .+ \.\.\. FAILED$", text, flags=re.M))
    report.errors = int("could not compile" in text)
    return report


def read_go(text: str, paths: Paths) -> Report:
    """Read `go test`, with or without -v. A parent whose subtest failed is not counted twice."""
    report = Report("go")
    report.passed = len(re.findall(r"^\s*--- PASS: ", text, flags=re.M)) or len(
        re.findall(r"^ok\s+\S+", text, flags=re.M)
    )
    report.skipped = len(re.findall(r"^\s*--- SKIP: ", text, flags=re.M))
    heads = list(re.finditer(r"^\s*--- FAIL: (\S+) \([\d.]+s\)$", text, flags=re.M))
    names = [head[1] for head in heads]
    for row, head in enumerate(heads):
        name = head[1]
        if any(other.startswith(name + "/") for other in names):
            continue
        end = heads[row + 1].start() if row + 1 < len(heads) else len(text)
        block = re.split(
            r"^(?:FAIL|ok|=== RUN|\s*--- )\b", text[head.end() : end], maxsplit=1, flags=re.M
        )[0]
        if not block.strip():  # -v prints a test's output above its verdict
            run = text.rfind(f"=== RUN   {name}\n", 0, head.start())
            block = text[run : head.start()] if run >= 0 else ""
            block = re.split(r"^\s*--- ", block.split("\n", 1)[-1], maxsplit=1, flags=re.M)[0]
        message = re.split(r"^goroutine \d+", block, maxsplit=1, flags=re.M)[0]
        message = re.sub(r"^\s+", "", message, flags=re.M)
        report.failing.append(made_test(name, block, message, paths))
    report.failed = len(report.failing)
    report.errors = len(re.findall(r"^FAIL\s+\S+ \[(?:build|setup) failed\]", text, flags=re.M))
    if not report.failing and "\npanic: " in text:
        report.errors += 1
    return report


def read_junit(text: str, paths: Paths) -> Report:
    """Read JUnit 4's own runner, Maven's surefire, and Gradle."""
    report = Report("junit")
    totals = re.findall(
        r"Tests run:\s*(\d+),\s*Failures:\s*(\d+)(?:,\s*Errors:\s*(\d+))?(?:,\s*Skipped:\s*(\d+))?",
        text,
    )
    fine = re.findall(r"^OK \((\d+) tests?\)", text, flags=re.M)
    gradle = re.findall(
        r"^(\d+) tests? completed, (\d+) failed(?:, (\d+) skipped)?", text, flags=re.M
    )
    if totals:
        ran, report.failed, report.errors, report.skipped = (int(n or 0) for n in totals[-1])
        report.passed = max(0, ran - report.failed - report.errors - report.skipped)
    elif fine:
        report.passed = int(fine[-1])
    elif gradle:
        ran, report.failed, report.skipped = (int(n or 0) for n in gradle[-1])
        report.passed = max(0, ran - report.failed - report.skipped)
    head = re.compile(
        r"^(?:\d+\) (?P<name>[\w\[\] ]+)\((?P<owner>[\w.$]+)\)"
        r"|(?:\[ERROR\] )?(?P<name2>[\w\[\]]+)\((?P<owner2>[\w.$]+)\)\s+(?:-- )?Time elapsed:.*"
        r"|\[ERROR\] (?P<both>[\w.$\[\]]+)\s+(?:-- )?Time elapsed:.*<<<.*"
        r"|(?P<owner3>[\w.$]+) > (?P<name3>[^\n]+?) FAILED)$",
        re.M,
    )
    found = list(head.finditer(text))
    for row, match in enumerate(found):
        owner = match["owner"] or match["owner2"] or match["owner3"] or ""
        name = match["name"] or match["name2"] or match["name3"] or ""
        if match["both"]:
            owner, _, name = match["both"].rpartition(".")
            if not owner or "Tests run" in match[0]:
                continue
        end = found[row + 1].start() if row + 1 < len(found) else len(text)
        block = text[match.end() : end]
        block = re.split(r"^\[(?:INFO|ERROR)\] |^\n\n|^FAILURES", block, maxsplit=1, flags=re.M)[0]
        message = re.split(r"^\s*at ", block, maxsplit=1, flags=re.M)[0]
        file = paths.inside(owner.split("$")[0].replace(".", "/") + ".java") or ""
        error = "<<< ERROR" in match[0]
        test = made_test(
            f"{owner}.{name.rstrip('()')}", block, message, paths, file=file, error=error
        )
        report.failing.append(test)
    if re.search(r"COMPILATION ERROR|Compilation failed", text):
        report.errors += 1
    return report


def read_ctest(text: str, paths: Paths) -> Report:
    """Read CTest with --output-on-failure. Each registered test counts as one."""
    report = Report("ctest")
    rows = list(
        re.finditer(r"^\s*\d+/\d+ Test\s+#\d+: (\S+) [. ]*(.*?)\s+[\d.]+ sec\s*$", text, flags=re.M)
    )
    for index, row in enumerate(rows):
        if "Passed" in row[2]:
            report.passed += 1
            continue
        if "Not Run" in row[2] or "Skipped" in row[2] or "Disabled" in row[2]:
            report.skipped += 1
            continue
        end = rows[index + 1].start() if index + 1 < len(rows) else len(text)
        block = re.split(
            r"^\s+Start\s+\d+:|^\d+% tests passed", text[row.end() : end], maxsplit=1, flags=re.M
        )[0]
        report.failed += 1
        report.failing.append(made_test(row[1], block, block.strip() or row[2], paths))
    return report


def read_gtest(text: str, paths: Paths) -> Report:
    """Read GoogleTest."""
    report = Report("gtest")
    report.passed = len(re.findall(r"^\[\s+OK \] ", text, flags=re.M))
    report.skipped = len(re.findall(r"^\[  SKIPPED \] .*ms\)$", text, flags=re.M))
    parts = re.split(r"^\[ RUN      \] (\S+)$", text, flags=re.M)
    for name, block in zip(parts[1::2], parts[2::2], strict=False):
        verdict = re.search(r"^\[\s+(OK|FAILED|SKIPPED) +\] ", block, flags=re.M)
        if verdict is not None and verdict[1] != "FAILED":
            continue
        body = block[: verdict.start()] if verdict else block
        report.failing.append(made_test(name, body, body, paths, error=verdict is None))
    report.errors = sum(test.error for test in report.failing)
    report.failed = len(report.failing) - report.errors
    return report


def read_catch(text: str, paths: Paths) -> Report:
    """Read Catch2 and doctest."""
    report = Report("catch2")
    summary = re.findall(r"test cases:\s*(\d+)(.*)$", text, flags=re.M)
    if summary:
        report.passed = counted_bar(summary[-1][1], "passed")
        report.failed = counted_bar(summary[-1][1], "failed")
    elif fine := re.findall(r"All tests passed \(.* in (\d+) test cases?\)", text):
        report.passed = int(fine[-1])
    doctest = re.split(r"^TEST CASE:\s+(.*)$", text, flags=re.M)
    if len(doctest) > 1:
        for name, block in zip(doctest[1::2], doctest[2::2], strict=False):
            body = re.split(r"^={20,}$", block, maxsplit=1, flags=re.M)[0]
            report.failing.append(made_test(name.strip(), body, body, paths))
        return report
    sections = re.split(r"^-{60,}\n(.+)\n(?:.*\n)*?-{60,}\n", text, flags=re.M)
    for name, block in zip(sections[1::2], sections[2::2], strict=False):
        if "FAILED:" in block:
            body = re.split(r"^={20,}$", block, maxsplit=1, flags=re.M)[0]
            report.failing.append(made_test(name.strip(), body, body, paths))
    return report


def counted_bar(text: str, word: str) -> int:
    """Return the number before `word` in a bar-separated summary."""
    found = re.search(rf"(\d+)\s+{word}", text)
    return int(found[1]) if found else 0


def read_program(text: str, paths: Paths) -> Report:
    """Read a program that is its own test: its last words, and a trace where it printed one."""
    report = Report("")
    tail = "\n".join(text.strip().splitlines()[-15:])
    test: FailingTest = made_test("", text, tail, paths)
    report.failing.append(test)
    return report
