"""The report that people read: findings by file, each with its way, its fix and its id.

Knows no terminal: `paint` colours a piece of text for a role. Guards that nothing from a scanned
file can steer the terminal.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Literal

from kodo.base.text import printable
from kodo.scan.report.summary import Found, Summary

Role = Literal["error", "warning", "note", "path", "dim", "good"]
Paint = Callable[[str, Role], str]

SHOWN_STEPS = 8
SHOWN_PARTIAL = 10


def plain(text: str, role: Role) -> str:
    """Return the text as it is: no colours."""
    return text


def text_report(summary: Summary, paint: Paint = plain) -> str:
    """Return the whole report, with a newline at its end."""
    return "\n".join(_lines(summary, paint)) + "\n"


def _lines(summary: Summary, paint: Paint) -> Iterator[str]:
    for path, group in groupby(summary.findings, key=lambda one: one.path):
        yield paint(_safe(path), "path")
        for found in group:
            yield from finding_lines(found, paint)
        yield ""
    for item in summary.partial[:SHOWN_PARTIAL]:
        yield paint(f"partial: {_safe(item.path)}: {_safe(item.reason)}", "warning")
    if len(summary.partial) > SHOWN_PARTIAL:
        yield paint(f"partial: and {len(summary.partial) - SHOWN_PARTIAL} more files", "warning")
    yield last_line(summary, paint)


def finding_lines(found: Found, paint: Paint = plain) -> Iterator[str]:
    """Yield one finding under its file's name."""
    level = paint(f"{found.severity:<7}", found.severity)
    tail = paint(f"[{_safe(found.rule)}] CWE-{found.cwe}", "dim")
    yield f"  {found.line}:{found.column}  {level}  {_safe(found.message)}  {tail}"
    steps = found.trace
    if len(steps) > SHOWN_STEPS:
        cut = len(steps) - SHOWN_STEPS
        shown = [*steps[: SHOWN_STEPS // 2], None, *steps[-SHOWN_STEPS // 2 :]]
    else:
        cut, shown = 0, list(steps)
    for step in shown:
        if step is None:
            yield paint(f"        … {cut} more steps …", "dim")
            continue
        place = f"{step.line}" if step.path == found.path else f"{_safe(step.path)}:{step.line}"
        yield paint(f"        {place}: {_safe(step.note)}", "dim")
    if found.fix:
        yield f"        fix: {_safe(found.fix)}"
    sure = "" if found.confidence == "high" else f"  confidence: {found.confidence}"
    yield paint(f"        id: {found.id}{sure}", "dim")


def last_line(summary: Summary, paint: Paint = plain) -> str:
    """Return the line that sums it all up; it is the last one of every report."""
    counts = Counter(one.severity for one in summary.findings)
    told = [
        paint(f"{counts[level]} {level}{'s' if counts[level] != 1 else ''}", level)
        for level in ("error", "warning", "note")
        if counts[level]
    ]
    parts = [", ".join(told) if told else paint("no findings", "good")]
    files, lines = _count(summary.files, "file"), _count(summary.lines, "line")
    parts[0] += f" in {files} ({lines}, {summary.seconds:.1f} s)"
    if summary.known:
        parts.append(f"{summary.known} known")
    if summary.suppressed:
        parts.append(f"{len(summary.suppressed)} suppressed")
    if summary.skipped:
        reasons = ", ".join(f"{count} {reason}" for reason, count in summary.skipped.items())
        parts.append(f"{_count(sum(summary.skipped.values()), 'file')} skipped ({reasons})")
    if summary.partial:
        missed = _count(len(summary.partial), "file")
        parts.append(paint(f"PARTIAL: {missed} not seen whole", "warning"))
    return "; ".join(parts)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _safe(text: str) -> str:
    return " ".join(printable(text).split())
