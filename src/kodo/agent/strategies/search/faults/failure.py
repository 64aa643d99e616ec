"""Failures in few words: what a small model needs to see of a failing test, and no more.

Knows trials and test texts. Guards the length: reading a token costs time.
"""

import re
import textwrap

from kodo.agent.projects.testreport import FailingTest
from kodo.agent.strategies.search.trials.proposal import Trial
from kodo.base.text import cut_middle
from kodo.syntax.languages import language_of
from kodo.syntax.symbols import find_symbol, symbols

_TEST_CALL = re.compile(r"\s*(?:test|it|specify)\b[\w.]*\(")

MOST_MESSAGE_CHARACTERS = 360
MOST_TEST_LINES = 12
MOST_TEST_CHARACTERS = 520


def describe_failures(trial: Trial, tests: dict[str, str], most: int = 1) -> str:
    """Return code and messages of the `most` shortest failing tests, "" where there are none."""
    if trial.broken:
        return shorten(trial.broken, 900)
    shown: list[str] = []
    seen: set[str] = set()
    described = [(test, test_source(test, tests)) for test in trial.failing[:40]]
    for failing, source in sorted(described, key=lambda pair: len(pair[1]) + len(pair[0].message)):
        mark = source or failing.message
        if mark in seen:
            continue
        seen.add(mark)
        text = f"{source}\n" if source else f"{failing.name}\n"
        shown.append(text + shorten(clean(failing.message), MOST_MESSAGE_CHARACTERS))
        if len(shown) >= most:
            break
    if not shown and trial.timed_out:
        return "The tests never end: there is an endless loop."
    return "\n\n".join(shown)


def test_source(failing: FailingTest, tests: dict[str, str]) -> str:
    """Return the text of a failing test's function around the line that failed, or ""."""
    path = failing.file or failing.name.split("::")[0]
    text = tests.get(path)
    language = language_of(path)
    if text is None or language is None:
        return ""
    name = re.sub(r"\[.*$", "", failing.name.split("::")[-1]).rsplit(".", 1)[-1]
    data = text.encode()
    symbol = find_symbol(symbols(data, language), name)
    failed_at = _failing_line(failing, path)
    if symbol is not None:
        lines = data[symbol.start_byte : symbol.end_byte].decode("utf-8", "replace").splitlines()
        at = failed_at - symbol.start_line
    elif language in ("javascript", "typescript", "tsx") and failed_at:
        lines, at = _call_around(text.splitlines(), failed_at)
    else:
        return ""
    if 0 < at < len(lines):
        # What comes after the failing line has not run; what comes long before matters less.
        end = at + 1
        while end < len(lines) and lines[end].startswith((" " * 12, ")", "    )", "        )")):
            end += 1
        lines = lines[max(0, end - MOST_TEST_LINES) : end]
    kept = [line for line in lines[:MOST_TEST_LINES] if line.strip()]
    while len(kept) > 1 and sum(map(len, kept)) > MOST_TEST_CHARACTERS:
        kept = kept[1:]
    return shorten(textwrap.dedent("\n".join(kept)), MOST_TEST_CHARACTERS)


def _call_around(lines: list[str], line: int) -> tuple[list[str], int]:
    """Return the lines from the test's call on, and which of them is `line`, from 0."""
    above = range(min(line, len(lines)) - 1, -1, -1)
    first = next((row for row in above if _TEST_CALL.match(lines[row])), 0)
    return lines[first:line], line - 1 - first


def _failing_line(failing: FailingTest, path: str) -> int:
    return next((frame.line for frame in failing.frames if frame.path == path), failing.line)


def clean(message: str) -> str:
    """Return a message without the marks that only people need."""
    message = message.replace(
        "TestTimeout: the test ran longer than", "endless loop: stopped after"
    )
    return re.sub(r"\x1b\[[0-9;]*m", "", message)


def shorten(text: str, most: int) -> str:
    """Return `text`, its middle left out where it is long."""
    return cut_middle(text.strip(), most).text.strip()
