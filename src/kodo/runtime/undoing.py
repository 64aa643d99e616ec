"""Which runs of a thread can be taken back or put back, and doing so on the files.

Every run records a snapshot before and after; undo and redo record theirs in the same thread.
Guards that the files as they are get saved before they are touched.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec.structs import replace

from kodo.agent.journal import Journal
from kodo.base.clock import Now
from kodo.base.errors import ConfigError, ToolError
from kodo.base.hashing import NewId, sha256_hex
from kodo.core.check import Change
from kodo.core.events import Event, FilesChanged, Passing, RunStarted, SnapshotTaken
from kodo.core.messages import Value
from kodo.core.store import Log, Snapshots
from kodo.core.thread import Entry, Thread
from kodo.runtime.past.workspaces import workspace_at

SAVED = "saved before undo of "
SAVED_AGAIN = "saved before redo of "
UNDONE = "undone "
REDONE = "redone "


class RunFiles(Value, frozen=True):
    """The files of one run: snapshots `before` and `after` (None where the run was cut off).

    `told` are the files that its edits changed, with the blob of what they became (None: removed).
    Once it has been undone, `saved` is what the files were then and `undone` what they became.
    """

    run_id: str
    task: str
    cwd: str
    before: str
    after: str | None = None
    saved: str | None = None
    undone: str | None = None
    told: dict[str, str | None] = msgspec.field(default_factory=dict[str, str | None])


def run_files(entries: Sequence[Entry]) -> list[RunFiles]:
    """Return the runs that have a snapshot, oldest first, as undo and redo have left them."""
    started: dict[str, RunStarted] = {}
    runs: dict[str, RunFiles] = {}
    for entry in entries:
        run_id, body = entry.event.run_id, entry.event.body
        if isinstance(body, RunStarted):
            started[run_id] = body
        elif isinstance(body, SnapshotTaken):
            _follow(runs, started, run_id, body)
        elif isinstance(body, FilesChanged) and (run := runs.get(run_id)):
            made = {change.path: change.after for change in body.changes}
            runs[run_id] = replace(run, told={**run.told, **made})
    return list(runs.values())


def _follow(
    runs: dict[str, RunFiles], started: dict[str, RunStarted], run_id: str, body: SnapshotTaken
) -> None:
    label, name = body.label, body.snapshot
    if label == "before" and run_id in started:
        start = started[run_id]
        runs[run_id] = RunFiles(run_id, start.task, start.cwd, name)
    elif label == "after" and (run := runs.get(run_id)):
        runs[run_id] = replace(run, after=name, saved=None, undone=None)
    elif label.startswith(SAVED) and (run := runs.get(label.removeprefix(SAVED))):
        runs[run.run_id] = replace(run, saved=name, undone=None)
    elif label.startswith(UNDONE) and (run := runs.get(label.removeprefix(UNDONE))):
        runs[run.run_id] = replace(run, undone=name)
    elif label.startswith(REDONE) and (run := runs.get(label.removeprefix(REDONE))):
        runs[run.run_id] = replace(run, after=name, saved=None, undone=None)


def last_to_undo(runs: Sequence[RunFiles]) -> RunFiles:
    """Return the newest run that changed files and has not been undone.

    Raises ConfigError where there is none.
    """
    for run in reversed(runs):
        if run.undone is None and run.before != run.after:
            return run
    raise ConfigError("there is nothing to undo in this session; see: kodo sessions list")


def last_to_redo(runs: Sequence[RunFiles]) -> RunFiles:
    """Return the run to put back: the oldest of those undone since the newest other run.

    Raises ConfigError where there is none.
    """
    found: RunFiles | None = None
    for run in reversed(runs):
        if run.undone is not None:
            found = run
        elif run.before != run.after:
            break
    if found is None:
        raise ConfigError("there is nothing to redo in this session")
    return found


async def undo(
    run: RunFiles,
    thread: Thread,
    log: Log,
    snapshots: Snapshots,
    now: Now,
    new_id: NewId,
    *,
    force: bool,
) -> list[Change]:
    """Bring the files back to what they were before `run`; returns what that changed.

    Files that changed since the run ended are refused by name (ToolError) unless `force`; of a run
    that was cut off, all but what its edits are known to have made. What the files were is saved
    and on record before one is touched, and `redo` brings it back.
    """
    journal = Journal(thread, log, run.run_id, now, new_id, _nobody)
    saved = await snapshots.take()
    if run.after is None and not force:
        await _check_told(run, saved, snapshots)
    await journal.record(SnapshotTaken(saved, f"{SAVED}{run.run_id}"))
    changes = await snapshots.restore(run.before, run.after or saved, force=force)
    undone = await snapshots.take()
    await journal.record(SnapshotTaken(undone, f"{UNDONE}{run.run_id}"))
    return changes


async def _check_told(run: RunFiles, now: str, snapshots: Snapshots) -> None:
    """Raise ToolError naming the files that are not as the edits of the run left them."""
    unknown = [
        change.path
        for change in await snapshots.changes(run.before, now)
        if change.path not in run.told
        or run.told[change.path] != (None if change.after is None else sha256_hex(change.after))
    ]
    if unknown:
        shown = ", ".join(repr(path) for path in unknown[:5])
        more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
        raise ToolError(
            f"that run was cut off, and nothing tells who changed {shown}{more}; nothing was "
            "touched. To bring back all files as they were before it, do it again with force"
        )


async def redo(
    run: RunFiles,
    thread: Thread,
    log: Log,
    snapshots: Snapshots,
    now: Now,
    new_id: NewId,
    *,
    force: bool,
) -> list[Change]:
    """Bring back what `undo` took away; returns what that changed. Raises ToolError as undo.

    What the files were is saved and on record before one is touched.
    """
    if run.saved is None or run.undone is None:
        raise ToolError(f"run {run.run_id!r} has not been undone")
    journal = Journal(thread, log, run.run_id, now, new_id, _nobody)
    await journal.record(SnapshotTaken(await snapshots.take(), f"{SAVED_AGAIN}{run.run_id}"))
    changes = await snapshots.restore(run.saved, run.undone, force=force)
    await journal.record(SnapshotTaken(await snapshots.take(), f"{REDONE}{run.run_id}"))
    return changes


def workspace_of(run: RunFiles) -> Path:
    """Return the folder whose files the run changed. Raises ConfigError where it has gone."""
    return workspace_at(run.cwd)


def _nobody(happening: Event | Passing) -> None:
    return None
