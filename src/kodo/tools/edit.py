"""How every editing tool keeps its changes: checked first, then written, all or none.

Does not know where changes come from. Guards that what a check blocks is never on the disk, and
that a write which fails half-way is taken back.
"""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import anyio
import msgspec

from kodo.base.errors import ToolError
from kodo.core.check import Change, Finding
from kodo.core.diff import unified_diff
from kodo.core.judging import judge_edits
from kodo.core.messages import Text
from kodo.core.tool import ToolContext, ToolOutput

MAX_DIFF_CHARS = 64 << 10


class FileDetails(msgspec.Struct, frozen=True):
    """One changed file, for screens. `kind` is A (added), M (modified) or D (deleted)."""

    path: str
    kind: str
    diff: str


class EditDetails(msgspec.Struct, frozen=True):
    """What an edit did, for screens."""

    files: tuple[FileDetails, ...]
    findings: tuple[Finding, ...] = ()
    kept: bool = True


def relative_path(path: str, workspace: Path) -> str:
    """Return `path` relative to the workspace, with forward slashes and without dots.

    Raises ToolError where it names nothing or leads out. Symlinks are the sandbox's concern.
    """
    if not path.strip() or "\0" in path:
        raise ToolError(f"{path!r} is not a path")
    parts: list[str] = []
    for part in PurePosixPath(workspace / path).parts:
        if part == "..":
            if len(parts) > 1:
                parts.pop()
        else:
            parts.append(part)
    full = PurePosixPath(*parts)
    if not full.is_relative_to(workspace) or full == PurePosixPath(workspace):
        raise ToolError(
            f"path {path!r} is outside the workspace {str(workspace)!r}; use a path inside it"
        )
    return str(full.relative_to(workspace))


async def read_if_there(context: ToolContext, path: str) -> bytes | None:
    """Return a file's bytes, or None where there is no file.

    Raises ToolError where the path is a folder, leads out, or cannot be read.
    """
    try:
        return await context.sandbox.read(context.workspace / path)
    except ToolError as error:
        if isinstance(error.__cause__, FileNotFoundError) or str(error).endswith("does not exist"):
            return None
        raise


async def keep(changes: Sequence[Change], context: ToolContext, said: str) -> ToolOutput:
    """Check the changes and write them; `said` is what the model reads where all went well.

    What a check blocks, or a person refuses, is an output marked as failed, and nothing is
    written. Raises ToolError where a file cannot be written; then none is changed.
    """
    decision, findings = await judge_edits(context.checks, changes, context.emit)
    if decision == "block":
        return _refused(changes, findings, "Not written: a check blocks this edit.")
    if decision == "ask" and not await context.ask(_question(changes, findings)):
        return _refused(changes, findings, "Not written: a check asks for approval, and got none.")
    await _write_all(changes, context)
    lines = [said, *(_finding_line(finding) for finding in findings)]
    return ToolOutput(
        (Text("\n".join(lines)),),
        details=_details(changes, findings, kept=True),
        changes=tuple(changes),
    )


async def _write_all(changes: Sequence[Change], context: ToolContext) -> None:
    written: list[Change] = []
    try:
        for change in changes:
            written.append(change)  # before it is: a cancelled write may have been carried out
            await context.sandbox.write(context.workspace / change.path, change.after)
    except BaseException as error:
        if isinstance(error, Exception):
            written.pop()  # it was refused, so there is nothing to take back
        with anyio.CancelScope(shield=True):
            for change in reversed(written):
                await context.sandbox.write(context.workspace / change.path, change.before)
        raise


def _refused(changes: Sequence[Change], findings: tuple[Finding, ...], why: str) -> ToolOutput:
    lines = [why, *(_finding_line(finding) for finding in findings)]
    return ToolOutput(
        (Text("\n".join(lines)),), details=_details(changes, findings, kept=False), failed=True
    )


def _question(changes: Sequence[Change], findings: tuple[Finding, ...]) -> str:
    paths = ", ".join(change.path for change in changes)
    return "\n".join([f"Keep this edit of {paths}?", *(_finding_line(item) for item in findings)])


def _finding_line(finding: Finding) -> str:
    rule = f" [{finding.rule}]" if finding.rule else ""
    return f"{finding.path}:{finding.line}: {finding.severity}: {finding.message}{rule}"


def _details(changes: Sequence[Change], findings: tuple[Finding, ...], *, kept: bool) -> str:
    files = tuple(
        FileDetails(change.path, kind_of(change), unified_diff(change)[:MAX_DIFF_CHARS])
        for change in changes
    )
    return msgspec.json.encode(EditDetails(files, findings, kept)).decode()


def kind_of(change: Change) -> str:
    """Return A, D or M."""
    if change.before is None:
        return "A"
    return "D" if change.after is None else "M"
