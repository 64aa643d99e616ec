"""Readers of test reports of Python, JavaScript and Ruby runners.

Each takes the whole output (no colours) and returns a Report. Knows formats, not processes. Guards
that a report cut in the middle still gives what it holds.
"""

import re

from kodo.agent.projects.stackframes import Paths, frames_of
from kodo.agent.projects.testreport import FailingTest, Report

MAX_MESSAGE_CHARS = 1200


def shortened(text: str) -> str:
    """Return a failure's text without blank edges, cut at MAX_MESSAGE_CHARS."""
    text = "\n".join(line.rstrip() for line in text.strip("\n").splitlines()).strip()
    return text if len(text) <= MAX_MESSAGE_CHARS else text[:MAX_MESSAGE_CHARS] + " […]"


def counted(text: str, words: str) -> int:
    """Return the number in front of one of `words` (a regex) in the last line that has one."""
    found = re.findall(rf"(\d+) (?:{words})\b", text)
    return int(found[-1]) if found else 0


def made_test(
    name: str, block: str, message: str, paths: Paths, *, file: str = "", error: bool = False
) -> FailingTest:
    """Return a failing test with its frames, and its own line where a frame stands in its file."""
    frames = frames_of(block, paths)
    line = 0
    if file:
        line = next((frame.line for frame in reversed(frames) if frame.path == file), 0)
    elif frames:
        file, line = frames[0].path, frames[0].line
    return FailingTest(name, file, line, shortened(message), frames, error)


def read_pytest(text: str, paths: Paths) -> Report:
    """Read pytest's report, whatever `--tb` style."""
    report = Report("pytest")
    closing = [line for line in text.splitlines() if re.search(r"\d+ \w+.* in [\d.]+s", line)]
    last = closing[-1] if closing else ""
    report.passed = counted(last, "passed")
    report.failed = counted(last, "failed")
    report.errors = counted(last, "errors?")
    report.skipped = counted(last, "skipped")
    blocks: dict[str, str] = {}
    parts = re.split(r"^_{3,} (.+?) _{3,}$", text, flags=re.M)
    for title, block in zip(parts[1::2], parts[2::2], strict=False):
        blocks[title] = re.split(r"^={3,} .+ ={3,}$", block, maxsplit=1, flags=re.M)[0]
    summary = re.findall(r"^(FAILED|ERROR) ([^\s].*?)(?: - (.*))?$", text, flags=re.M)
    for kind, node, brief in summary:
        file, _, name = node.partition("::")
        titles = (name.replace("::", "."), f"ERROR collecting {file}", f"ERROR at setup of {name}")
        block = next((blocks[title] for title in titles if title in blocks), "")
        lines = re.findall(r"^E {1,7}(.*)$", block, flags=re.M)
        path = paths.inside(file) or file
        report.failing.append(
            made_test(
                name or file,
                block,
                "\n".join(lines) or brief or block,
                paths,
                file=path,
                error=kind == "ERROR",
            )
        )
    if not summary:  # cut before the summary, or without one (-r N)
        for title, block in blocks.items():
            lines = re.findall(r"^E {1,7}(.*)$", block, flags=re.M)
            broken = title.startswith("ERROR ")
            name = title.removeprefix("ERROR collecting ").removeprefix("ERROR at setup of ")
            report.failing.append(
                made_test(name, block, "\n".join(lines) or block, paths, error=broken)
            )
        report.failed = report.failed or sum(not test.error for test in report.failing)
        report.errors = report.errors or sum(test.error for test in report.failing)
    return report


def read_unittest(text: str, paths: Paths) -> Report:
    """Read the report of Python's unittest."""
    report = Report("unittest")
    total = re.findall(r"^Ran (\d+) tests?", text, flags=re.M)
    status = re.findall(r"^(?:FAILED|OK) \((.*)\)$", text, flags=re.M)
    counts = dict(re.findall(r"([a-z ]+)=(\d+)", status[-1])) if status else {}
    report.failed = int(counts.get("failures", 0)) + int(counts.get(" unexpected successes", 0))
    report.errors = int(counts.get("errors", 0)) + int(counts.get(" errors", 0)) * (
        "errors" not in counts
    )
    report.skipped = int(counts.get("skipped", 0)) or int(counts.get(" skipped", 0))
    ran = int(total[-1]) if total else 0
    report.passed = max(0, ran - report.failed - report.errors - report.skipped)
    for block in re.split(r"^={20,}$", text, flags=re.M)[1:]:
        head = re.match(r"\s*(FAIL|ERROR): (\S+)(?: \(([^)\s]+).*\))?", block)
        if head is None:
            continue
        kind, method, place = head.groups()
        dotted = [word for word in (place or "").split(".") if word and word != method]
        owner = dotted[-1] if dotted else ""
        module = "/".join(dotted[:-1])
        if owner == "_FailedTest" or not owner:
            name, module = method, method.replace(".", "/")
        else:
            name = f"{owner}.{method}"
        body = re.split(r"^-{20,}$", block, flags=re.M)
        trace = body[1] if len(body) > 1 else block
        lines = trace.strip().splitlines()
        start = max(
            (row for row, line in enumerate(lines) if re.match(r'\s+File "', line)), default=-2
        )
        message = "\n".join(
            line for line in lines[start + 2 :] if not re.match(r"^\s*[~^]+\s*$", line)
        )
        file = paths.inside(f"{module}.py") if module else ""
        report.failing.append(
            made_test(name, trace, message, paths, file=file or "", error=kind == "ERROR")
        )
    if not total:
        report.failed = sum(not test.error for test in report.failing)
        report.errors = sum(test.error for test in report.failing)
    return report


def read_tap(text: str, paths: Paths) -> Report:
    """Read TAP as node's test runner prints it, nested subtests and all."""
    report = Report("node")
    names: list[tuple[int, str]] = []
    lines = text.splitlines()
    for row, line in enumerate(lines):
        subtest = re.match(r"^(\s*)# Subtest: (.*)$", line)
        if subtest:
            depth = len(subtest[1])
            while names and names[-1][0] >= depth:
                names.pop()
            names.append((depth, subtest[2]))
            continue
        point = re.match(r"^(\s*)(not ok|ok) \d+(?: - )?(.*)$", line)
        if point is None:
            continue
        depth, name = len(point[1]), point[3]
        directive = re.search(r"\s# (SKIP|TODO)\b.*$", name, re.IGNORECASE)
        end = next(
            (
                at
                for at in range(row + 1, min(row + 200, len(lines)))
                if lines[at].strip() == "..." or re.match(r"\s*(not ok|ok) \d", lines[at])
            ),
            row + 1,
        )
        block = "\n".join(lines[row + 1 : end])
        if "type: 'suite'" in block or "subtestsFailed" in block:
            continue
        if directive:
            report.skipped += 1
        elif point[2] == "ok":
            report.passed += 1
        else:
            outer = [word for at, word in names if at < depth and "/" not in word]
            location = re.search(r"location: '(?:file://)?(.+?):(\d+):\d+'", block)
            file = (paths.inside(location[1]) if location else "") or ""
            error = re.search(
                r"error: (?:\|-\n)?((?:.|\n)*?)\n\s*(?:code|name|stack|\.\.\.):", block
            )
            message = (error[1] if error else block).strip(" '\"")
            stem = " > ".join([*outer, paths.inside(name) or name])
            test = made_test(stem, block, message, paths, file=file)
            report.failing.append(test)
    report.failed = len(report.failing)
    return report


def read_node_spec(text: str, paths: Paths) -> Report:
    """Read the `spec` reporter of node's test runner."""
    report = Report("node")
    report.passed = int((re.findall(r"^ℹ pass (\d+)", text, flags=re.M) or [0])[-1])
    report.skipped = int((re.findall(r"^ℹ skipped (\d+)", text, flags=re.M) or [0])[-1])
    body = text.split("✖ failing tests:", 1)
    blocks = re.split(r"^test at (.+?):(\d+):\d+$", body[-1] if len(body) > 1 else "", flags=re.M)
    for path, line, block in zip(blocks[1::3], blocks[2::3], blocks[3::3], strict=False):
        head = re.search(r"^\s*✖ (.*?) \([\d.]+ms\)$", block, flags=re.M)
        name = head[1] if head else ""
        file = paths.inside(path) or ""
        whole_file = name.startswith("/") or name == path
        message = block[head.end() :] if head else block
        message = re.split(r"^\s+at ", message, maxsplit=1, flags=re.M)[0]
        test = made_test(
            paths.inside(name) or name if whole_file else name,
            block,
            message,
            paths,
            file=file,
            error=whole_file,
        )
        if not test.line:
            test = FailingTest(test.name, file, int(line), test.message, test.frames, test.error)
        report.failing.append(test)
    total = re.findall(r"^ℹ fail (\d+)", text, flags=re.M)
    report.errors = sum(test.error for test in report.failing)
    report.failed = max(0, int(total[-1]) - report.errors) if total else len(report.failing)
    return report


def read_jest(text: str, paths: Paths) -> Report:
    """Read jest's default reporter."""
    report = Report("jest")
    tests = re.findall(r"^Tests:\s+(.*)$", text, flags=re.M)
    if tests:
        report.passed = counted(tests[-1], "passed")
        report.failed = counted(tests[-1], "failed")
        report.skipped = counted(tests[-1], "skipped|todo")
    body = text.split("Summary of all failing tests", 1)[0]
    seen: set[tuple[str, str]] = set()
    file = ""
    parts = re.split(r"^(?=(?:PASS|FAIL) \S|  ● )", body, flags=re.M)
    for part in parts:
        suite = re.match(r"(PASS|FAIL) (\S+)", part)
        if suite:
            file = paths.inside(suite[2]) or suite[2]
            continue
        head = re.match(r"  ● (.*)\n", part)
        if head is None or head[1].startswith("Console"):
            continue
        name = head[1].strip()
        broken = "Test suite failed to run" in name
        block = re.split(r"^(?:Test Suites|Tests):", part[head.end() :], maxsplit=1, flags=re.M)[0]
        if (file, name) in seen:
            continue
        seen.add((file, name))
        message = re.split(r"^\s+(?:at |[>\d ]+ \|)", block, maxsplit=1, flags=re.M)[0]
        if broken:
            report.errors += 1
            message = block
        report.failing.append(
            made_test(file if broken else name, block, message, paths, file=file, error=broken)
        )
    if not tests:
        report.failed = len(report.failing) - report.errors
    return report


def read_vitest(text: str, paths: Paths) -> Report:
    """Read vitest's default reporter."""
    report = Report("vitest")
    tests = re.findall(r"^\s*Tests\s+(.*)$", text, flags=re.M)
    if tests:
        report.passed = counted(tests[-1], "passed")
        report.failed = counted(tests[-1], "failed")
        report.skipped = counted(tests[-1], "skipped|todo")
    parts = re.split(r"^\s*FAIL\s+(?:\|[^|]*\|\s*)?(.*)$", text, flags=re.M)
    for title, block in zip(parts[1::2], parts[2::2], strict=False):
        file, _, name = title.partition(" > ")
        file = file.split(" [ ")[0].strip()
        path = paths.inside(file) or file
        block = re.split(r"^⎯{5,}\[|^\s*Test Files ", block, maxsplit=1, flags=re.M)[0]
        message = re.split(r"^\s*❯ ", block, maxsplit=1, flags=re.M)[0]
        if not name:
            report.errors += 1
        report.failing.append(
            made_test(name or path, block, message, paths, file=path, error=not name)
        )
    if not tests:
        report.failed = len(report.failing) - report.errors
    return report


def read_mocha(text: str, paths: Paths) -> Report:
    """Read mocha's `spec` reporter."""
    report = Report("mocha")
    report.passed = counted(text, "passing")
    report.failed = counted(text, "failing")
    report.skipped = counted(text, "pending")
    body = re.split(r"^\s*\d+ failing$", text, maxsplit=1, flags=re.M)
    parts = re.split(r"^  \d+\) (.*)$", body[1] if len(body) > 1 else "", flags=re.M)
    for title, block in zip(parts[1::2], parts[2::2], strict=False):
        lines = block.splitlines()
        names = [title.strip().rstrip(":")]
        row = 0
        while not title.strip().endswith(":") and row < len(lines):
            if lines[row].strip():
                names.append(lines[row].strip().rstrip(":"))
                if lines[row].rstrip().endswith(":"):
                    break
            row += 1
        rest = "\n".join(lines[row + 1 :])
        message = re.split(r"^\s+at ", rest, maxsplit=1, flags=re.M)[0]
        report.failing.append(made_test(" ".join(names), rest, message, paths))
    return report


def read_minitest(text: str, paths: Paths) -> Report:
    """Read the reports of minitest and of Ruby's test-unit."""
    report = Report("minitest")
    totals = re.findall(
        r"^(\d+) (?:runs|tests), \d+ assertions, (\d+) failures, (\d+) errors"
        r"(?:, (\d+) (?:skips|pendings))?",
        text,
        flags=re.M,
    )
    if totals:
        ran, report.failed, report.errors, report.skipped = (
            int(number or 0) for number in totals[-1]
        )
        report.passed = max(0, ran - report.failed - report.errors - report.skipped)
    for kind, block in _ruby_blocks(text):
        head = re.match(r"\s*(\S+?)(?: \[(.+?):(\d+)\])?:?\n", block)
        unit = re.match(r"\s*(\S+)\(([\w:]+)\):?", block)
        if unit:
            name, message = f"{unit[2]}#{unit[1]}", block[unit.end() :]
            message = re.sub(
                r"^\s*(=>)?\s+\d+: .*\n?|^\S+\.rb:\d+:in .*\n?", "", message, flags=re.M
            )
            place = None
        elif head:
            name, message = head[1], block[head.end() :]
            message = re.split(r"^\s+\S+\.rb:\d+:in ", message, maxsplit=1, flags=re.M)[0]
            place = (head[2], head[3]) if head[2] else None
        else:
            continue
        test = made_test(name, block, message, paths, error=kind == "Error")
        if place is not None and (file := paths.inside(place[0])) is not None:
            test = FailingTest(name, file, int(place[1]), test.message, test.frames, test.error)
        report.failing.append(test)
    return report


def _ruby_blocks(text: str) -> list[tuple[str, str]]:
    parts = re.split(r"^\s+\d+\) (Failure|Error):\n", text, flags=re.M)
    if len(parts) == 1:
        parts = re.split(r"^(Failure|Error): ", text, flags=re.M)
    ends = r"^\d+ (?:runs|tests), |^={20,}$"
    return [
        (kind, re.split(ends, block, maxsplit=1, flags=re.M)[0])
        for kind, block in zip(parts[1::2], parts[2::2], strict=False)
    ]


def read_rspec(text: str, paths: Paths) -> Report:
    """Read RSpec's default reporters."""
    report = Report("rspec")
    total = counted(text, "examples?")
    report.failed = counted(text, "failures?")
    report.skipped = counted(text, "pending")
    report.errors = counted(text, "errors? occurred outside of examples")
    report.passed = max(0, total - report.failed - report.skipped)
    places = {
        name.strip(): path for path, name in re.findall(r"^rspec (\S+) # (.*)$", text, flags=re.M)
    }
    body = text.split("\nFailed examples:", 1)[0]
    parts = re.split(r"^  \d+\) (.*)$", body, flags=re.M)
    for title, block in zip(parts[1::2], parts[2::2], strict=False):
        name = title.strip()
        message = re.split(r"^\s+# ", block, maxsplit=1, flags=re.M)[0]
        file, _, line = places.get(name, "").partition(":")
        test = made_test(name, block, message, paths, file=paths.inside(file) or "")
        if not test.line and line.isdigit():
            test = FailingTest(name, test.file, int(line), test.message, test.frames)
        report.failing.append(test)
    return report
