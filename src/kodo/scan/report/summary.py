"""The result of a scan as one value, from which every report is made; it is also the JSON report.

Knows findings, not formats. Guards that what was not looked at stands beside what was found.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from kodo.scan.baseline import Baseline
from kodo.scan.file_scan import Scanned
from kodo.scan.findings import Confidence, Severity, Step, Weakness

FORMAT = 1
ORDER: dict[Severity, int] = {"error": 0, "warning": 1, "note": 2}

Level = Literal["error", "warning", "note", "none"]


class Found(msgspec.Struct, frozen=True):
    """One finding. `id` is its fingerprint; `kodo scan explain ID` takes it, and the rule."""

    id: str
    rule: str
    cwe: int
    kind: str
    severity: Severity
    confidence: Confidence
    path: str
    line: int
    column: int
    end_line: int
    end_column: int
    message: str
    fix: str
    function: str
    sink: str
    trace: list[Step]


class Suppressed(msgspec.Struct, frozen=True):
    """A finding that a comment silences, and the reason that it gives."""

    finding: Found
    reason: str


class NotScanned(msgspec.Struct, frozen=True):
    """A file that was scanned in part or not at all, and why."""

    path: str
    reason: str


class Summary(msgspec.Struct, frozen=True):
    """`kodo scan --format json`. `known` counts findings of the baseline or of before a diff.

    `skipped` counts files by reason; `partial` names each file that was not seen whole.
    """

    version: int
    kodo: str
    root: str
    files: int
    lines: int
    seconds: float
    findings: list[Found]
    suppressed: list[Suppressed]
    known: int
    partial: list[NotScanned]
    skipped: dict[str, int]

    def at_or_above(self, level: Level) -> list[Found]:
        """Return the findings that reach a level; `none` is reached by nothing."""
        if level == "none":
            return []
        return [one for one in self.findings if ORDER[one.severity] <= ORDER[level]]


def show(weakness: Weakness) -> Found:
    """Return a finding as reports tell it."""
    return Found(
        id=weakness.fingerprint,
        rule=weakness.rule,
        cwe=weakness.cwe,
        kind=weakness.kind,
        severity=weakness.severity,
        confidence=weakness.confidence,
        path=weakness.path,
        line=weakness.line,
        column=weakness.column,
        end_line=weakness.end_line,
        end_column=weakness.end_column,
        message=weakness.message,
        fix=weakness.fix,
        function=weakness.function,
        sink=weakness.sink,
        trace=list(weakness.trace),
    )


def summarise(
    scanned: Sequence[Scanned],
    *,
    version: str,
    root: str,
    seconds: float,
    new: Iterable[Weakness] | None = None,
    baseline: Baseline | None = None,
) -> Summary:
    """Return the summary of a scan, findings by path and line.

    `new` are the findings that count where only some do (None: all); `baseline` takes away what it
    knows.
    """
    everything = [weakness for one in scanned for weakness in one.report.weaknesses]
    counted = everything if new is None else list(new)
    known = len(everything) - len(counted)
    if baseline is not None:
        counted, in_baseline = baseline.split(counted)
        known += in_baseline
    counted.sort(key=lambda one: (one.path, one.line, one.column, one.rule))
    reports = [one.report for one in scanned]
    return Summary(
        version=FORMAT,
        kodo=version,
        root=root,
        files=sum(not report.skipped for report in reports),
        lines=sum(report.lines for report in reports),
        seconds=round(seconds, 3),
        findings=[show(one) for one in counted],
        suppressed=[
            Suppressed(show(item.weakness), item.reason) for one in scanned for item in one.silenced
        ],
        known=known,
        partial=[NotScanned(report.path, report.partial) for report in reports if report.partial],
        skipped=dict(Counter(report.skipped for report in reports if report.skipped)),
    )
