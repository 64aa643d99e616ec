"""Findings for tests that do not need an engine to make them."""

from kodo.scan.findings import Confidence, Severity, Step, Weakness


def weakness(
    sink: str = "execute(q)",
    *,
    rule: str = "python.sql-injection",
    path: str = "app.py",
    line: int = 5,
    function: str = "view",
    severity: Severity = "error",
    confidence: Confidence = "high",
) -> Weakness:
    """Return a finding with a way of two steps."""
    return Weakness(
        rule=rule,
        cwe=89,
        kind="sqli",
        severity=severity,
        confidence=confidence,
        path=path,
        line=line,
        column=3,
        end_line=line,
        end_column=12,
        message="outside data reaches a statement",
        fix="Use parameters",
        function=function,
        sink=sink,
        trace=(Step(path, line - 2, 1, "a request"), Step(path, line, 3, "execute")),
    )
