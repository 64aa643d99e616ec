"""What a test run came to, as values: counts, failing tests, stack frames, compile errors.

Knows no runner's format. Guards one shape for every language.
"""

from dataclasses import dataclass, field
from typing import ClassVar

from kodo.core.check import Finding
from kodo.core.messages import Value


class Frame(Value, frozen=True):
    """One stack frame inside the workspace. `path` is relative to it, `line` 1-based."""

    path: str
    line: int
    function: str = ""


class FailingTest(Value, frozen=True):
    """One test that failed or broke.

    `name` is what the runner calls it, `file` the test's file relative to the workspace where the
    output tells ("" otherwise), `line` 0 where it does not. `frames` are ordered with the innermost
    last, only those inside the workspace. `error` says that it broke rather than failed.
    """

    name: str
    file: str = ""
    line: int = 0
    message: str = ""
    frames: tuple[Frame, ...] = ()
    error: bool = False


class TestRun(Value, frozen=True):
    """A finished run of tests.

    `runner` is the format that was recognised ("" when none was: then the counts are 0 and only
    `exit_code` tells). `errors` counts tests and files that broke before they could fail.
    `findings` are compile and syntax errors with the file and line they name.
    """

    __test__: ClassVar[bool] = False  # pytest must not collect it

    exit_code: int
    runner: str = ""
    passed: int = 0
    failed: int = 0
    errors: int = 0
    skipped: int = 0
    failing: tuple[FailingTest, ...] = ()
    findings: tuple[Finding, ...] = ()
    timed_out: bool = False

    @property
    def green(self) -> bool:
        """Whether the run ended well: exit code 0, nothing failed, and not cut by time."""
        return self.exit_code == 0 and not (self.failed or self.errors or self.timed_out)


@dataclass(slots=True)
class Report:
    """What one format's reader found, before it becomes a TestRun."""

    runner: str
    passed: int = 0
    failed: int = 0
    errors: int = 0
    skipped: int = 0
    failing: list[FailingTest] = field(default_factory=list[FailingTest])
