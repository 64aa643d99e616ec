"""Changes and the checks that judge them."""

from collections.abc import Sequence
from typing import Literal, Protocol

from kodo.core.messages import Value

Decision = Literal["pass", "note", "ask", "block"]

DECISIONS: tuple[Decision, ...] = ("pass", "note", "ask", "block")
"""From the mildest to the strictest."""


class Change(Value, frozen=True):
    """One file before and after, as bytes. None means it does not exist on that side.

    `path` is relative to the workspace, with forward slashes.
    """

    path: str
    before: bytes | None
    after: bytes | None
    origin: Literal["edit", "shell"] = "edit"


class Finding(Value, frozen=True):
    """One thing a check found. Lines are 1-based and inclusive."""

    path: str
    line: int
    message: str
    rule: str = ""
    severity: Literal["note", "warning", "error"] = "warning"


class Evidence(Value, frozen=True):
    """A command that was run to prove something, and how it ended.

    `passed` and `failed` count tests where the output says so.
    """

    command: str
    exit_code: int
    duration_s: float
    tail: str = ""
    passed: int | None = None
    failed: int | None = None
    timed_out: bool = False


class Verdict(Value, frozen=True):
    """What a check decided, with what it found and what it ran. `partial`: a deadline cut it."""

    decision: Decision
    findings: tuple[Finding, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    partial: bool = False


class Check(Protocol):
    """Judges changes: before an edit is kept (`edit`), or at the finish gate (`finish`)."""

    @property
    def name(self) -> str:
        """What people know it by: `syntax`, `tests`, ..."""
        ...

    @property
    def when(self) -> Literal["edit", "finish"]:
        """At which gate it runs."""
        ...

    async def run(self, changes: Sequence[Change]) -> Verdict:
        """Judge the changes. A failing test is a verdict, not an exception."""
        ...
