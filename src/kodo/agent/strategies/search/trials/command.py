"""Tries proposals by writing them into the scratch copy and running the project's test command.

Knows no language; the output's meaning comes from the test run parser. Guards that each trial
starts from the workspace's own files, which are read and written through the sandbox: a test may
have put a symlink in their place.
"""

import os
import re
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from anyio import CancelScope

from kodo.agent.projects.testcommand import TestCommand
from kodo.agent.projects.testruns import parse_test_run
from kodo.agent.strategies.search.trials.ground import Baseline
from kodo.agent.strategies.search.trials.proposal import Proposal, Trial
from kodo.agent.strategies.search.trials.rust_fixes import CHECK, fixed_proposals, read_suggestions
from kodo.base.errors import SandboxError, ToolError
from kodo.base.text import repair_utf8
from kodo.core.sandbox import ExecResult, Scratch

LONGEST_RUN_S = 60.0
SHORTEST_RUN_S = 8.0
SHORTEST_BUILD_S = 20.0
"""The measured run may have found all built; a build on a busy machine takes its time."""

_BUILT = frozenset({"c", "cpp", "go", "java", "rust"})


class CommandGround:
    """See `Ground`; a trial costs what one run of the tests costs."""

    __slots__ = ("_scratch", "_timeout_s", "command")

    def __init__(self, scratch: Scratch, command: TestCommand) -> None:
        self._scratch = scratch
        self._timeout_s = LONGEST_RUN_S
        self.command = command

    @property
    def fast(self) -> bool:
        """A trial starts the runner anew."""
        return False

    async def measure(self, proposal: Proposal, *, seconds: float) -> Baseline:
        """See `Ground`; coverage is unknown here."""
        trial = await self._run(proposal, min(seconds, LONGEST_RUN_S))
        shortest_s = SHORTEST_BUILD_S if self.command.language in _BUILT else SHORTEST_RUN_S
        self._timeout_s = min(LONGEST_RUN_S, max(shortest_s, 4 * trial.seconds))
        return Baseline(trial)

    async def try_all(
        self,
        proposals: Sequence[Proposal],
        *,
        seconds: float,
        first: Sequence[str] = (),
        stop_after: int = 0,
        seconds_after_pass: float = 5.0,
        whole: bool = False,
        base: Proposal | None = None,
    ) -> list[Trial]:
        """See `Ground`. `first` and `base` are of no use: the start of the runner is what costs."""
        ends = time.monotonic() + seconds
        found: list[Trial] = []
        greens = 0
        for proposal in proposals:
            left_s = ends - time.monotonic()
            if left_s < 0.5:
                break
            trial = await self._run(proposal, min(left_s, self._timeout_s))
            found.append(trial)
            if trial.green:
                greens += 1
                if stop_after and greens >= stop_after:
                    break
                if greens == 1:
                    ends = min(ends, time.monotonic() + seconds_after_pass)
        return found

    async def aclose(self) -> None:
        """Nothing is held between calls."""

    async def fixes(self, proposal: Proposal) -> list[Proposal]:
        """See `Ground`; known for Rust only."""
        path = next((path for path in proposal.files if path.endswith(".rs")), None)
        if path is None or self.command.language != "rust":
            return []
        try:
            result = await self._execute(proposal, CHECK, self._timeout_s)
        except ToolError:
            return []
        return fixed_proposals(proposal, path, read_suggestions(result.output, path))

    async def _execute(
        self, proposal: Proposal, command: Sequence[str] | str, timeout_s: float
    ) -> ExecResult:
        """Run a command with the proposal's files in the copy, and put the old ones back.

        Raises ToolError where a file may not be written, SandboxError where one cannot be put back.
        """
        kept: dict[str, bytes | None] = {}
        sandbox = self._scratch.sandbox
        try:
            for path, text in proposal.files.items():
                exists = os.path.lexists(self._scratch.root / path)
                before = await sandbox.read(Path(path)) if exists else None
                await sandbox.write(Path(path), text.encode("utf-8", "surrogateescape"))
                kept[path] = before
            return await sandbox.exec(
                command,
                env=self.command.env,
                timeout_s=max(1.0, timeout_s),
                max_output_bytes=4 << 20,
            )
        finally:
            with CancelScope(shield=True):
                await self._put_back(kept)

    async def _put_back(self, kept: Mapping[str, bytes | None]) -> None:
        for path, before in kept.items():
            if before is None:
                with suppress(ToolError):
                    await self._scratch.sandbox.write(Path(path), None)
                continue
            try:
                await self._scratch.sandbox.write(Path(path), before)
            except ToolError as error:
                raise SandboxError(f"the tests spoiled the scratch copy: {error}") from error

    async def _run(self, proposal: Proposal, timeout_s: float) -> Trial:
        try:
            result = await self._execute(proposal, self.command.command, timeout_s)
        except ToolError as error:
            return Trial(proposal, broken=str(error))
        run = parse_test_run(
            repair_utf8(result.output),
            exit_code=result.exit_code,
            root=self._scratch.root,
            timed_out=result.timed_out,
        )
        broken = ""
        errors = compile_errors(repair_utf8(result.output))
        if errors and not run.passed and self.command.language == "rust":
            broken = errors
        elif run.findings and not run.passed:
            broken = "\n".join(f"{f.path}:{f.line}: {f.message}" for f in run.findings[:6])
        elif run.exit_code != 0 and not (run.passed or run.failed or run.failing):
            broken = repair_utf8(result.output)[-1500:]
        return Trial(
            proposal,
            passed=run.passed,
            failed=run.failed + run.errors,
            failing=run.failing,
            broken=broken,
            timed_out=run.timed_out,
            green=run.green and (run.passed > 0 or not run.runner),
            seconds=result.duration_s,
        )


def compile_errors(output: str, most: int = 3) -> str:
    """Return the first errors of a compiler as it shows them, with the lines they point at."""
    found: list[str] = []
    for piece in re.split(r"\n\s*\n", re.sub(r"\x1b\[[0-9;]*m", "", output)):
        start = re.search(r"^error(?:\[E\d+\])?: ", piece, re.MULTILINE)
        if start and "could not compile" not in piece and "test failed" not in piece:
            lines = [line for line in piece[start.start() :].splitlines() if line.strip(" |")]
            found.append("\n".join(lines[:9]))
        if len(found) >= most:
            break
    return "\n".join(found)
