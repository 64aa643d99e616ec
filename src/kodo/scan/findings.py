"""What the scanner finds: a weakness at a place, with the way the data took to get there.

Plain values for every reporter, cache and check. Guards fingerprints that survive moved lines.
"""

from typing import Literal

from kodo.base.hashing import sha256_hex
from kodo.core.messages import Value

Severity = Literal["note", "warning", "error"]
Confidence = Literal["low", "medium", "high"]


class Step(Value, frozen=True):
    """One stop on the way from source to sink. Lines and columns are 1-based."""

    path: str
    line: int
    column: int
    note: str


class Weakness(Value, frozen=True):
    """One finding. `path` is relative to the scanned root, with forward slashes.

    Lines and columns are 1-based and inclusive. `function` is the qualified name of the innermost
    function ("" at module level), `sink` the normalised text of what is dangerous; with `rule` they
    make the fingerprint. `cwe` is a number as in CWE-89.
    """

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
    fix: str = ""
    function: str = ""
    sink: str = ""
    trace: tuple[Step, ...] = ()

    @property
    def fingerprint(self) -> str:
        """16 hex digits that stay the same when lines move, so that baselines last."""
        normal = " ".join(self.sink.split())
        return sha256_hex("\0".join((self.rule, self.path, self.function, normal)).encode())[:16]


class FileReport(Value, frozen=True):
    """What scanning one file gave.

    `partial` says why some of it was not looked at (syntax errors, a deadline, depth), `skipped`
    why none of it was (minified, generated, too large, unknown language); empty means neither.
    """

    path: str
    weaknesses: tuple[Weakness, ...] = ()
    partial: str = ""
    skipped: str = ""
    lines: int = 0
