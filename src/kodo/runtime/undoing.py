"""Which runs of a thread can be taken back or put back, and doing so on the files.

Every run records a snapshot before and after; undo and redo record theirs in the same thread.
Guards that the files as they are get saved before they are touched.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec.structs import replace

from kodo.agent.journal import Journal
from kodo.agent.steps import STEP, STEPPED
from kodo.base.clock import Now
from kodo.base.errors import ConfigError, ToolError
from kodo.base.hashing import NewId, sha256_hex
from kodo.core.check import Change
from kodo.core.events import (
    Event,
    FilesChanged,
    Passing,
    RunStarted,
    SnapshotTaken,
    ToolStarted,
)
from kodo.core.messages import Value
from kodo.core.store import Log, Snapshots, Span
from kodo.core.thread import Entry, Thread
from kodo.runtime.past.workspaces import workspace_at

SAVED = "saved before undo of "
SAVED_AGAIN = "saved before redo of "
UNDONE = "undone "
REDONE = "redone "


class StepFiles(Value, frozen=True):
    """One step of a run: snapshots `before` and `after` (None where it was cut off).

    `tool` and `arguments` are of the call that it carried out; "" for a check that kodo ran.
    """

    number: int
    before: str
    after: str | None = None
    tool: str = ""
    arguments: str = ""


class Undone(Value, frozen=True):
    """One undo that stands: the steps from `first` on (0: the whole run).

    `saved` is what the files were then and `undone` what they became.
    """

    first: int
    saved: str
    undone: str


class RunFiles(Value, frozen=True):
    """The files of one run: snapshots `before` and `after` (None where the run was cut off).

    `told` are the files that its edits changed, with the blob of what they became (None: removed).
    `undos` stand in the order in which they were done; `pending` is what was saved for one of which
    no end is on record.
    """

    run_id: str
    task: str
    cwd: str
    before: str
    after: str | None = None
    sandbox: str = ""
    steps: tuple[StepFiles, ...] = ()
    undos: tuple[Undone, ...] = ()
    pending: tuple[int, str] | None = None
    told: dict[str, str | None] = msgspec.field(default_factory=dict[str, str | None])

    @property
    def standing(self) -> tuple[StepFiles, ...]:
        """The steps that are not undone and changed something, or may have."""
        first = self.undos[-1].first if self.undos else None
        return tuple(
            step
            for step in self.steps
            if (first is None or step.number < first) and step.before != step.after
        )

    @property
    def stands(self) -> bool:
        """Whether it changed something that is not undone."""
        if self.undos and not self.undos[-1].first:
            return False
        return bool(self.standing) if self.steps else self.before != self.after


def run_files(entries: Sequence[Entry]) -> list[RunFiles]:
    """Return the runs that have a snapshot, oldest first, as undo and redo have left them."""
    started: dict[str, RunStarted] = {}
    calls: dict[str, ToolStarted] = {}
    runs: dict[str, RunFiles] = {}
    for entry in entries:
        run_id, body = entry.event.run_id, entry.event.body
        if isinstance(body, RunStarted):
            started[run_id] = body
        elif isinstance(body, ToolStarted):
            calls[body.call_id] = body
        elif isinstance(body, SnapshotTaken):
            if body.label in (STEP, STEPPED):
                if run := runs.get(run_id):
                    runs[run_id] = _with_step(run, body, calls.get(body.call_id))
            else:
                _follow(runs, started, run_id, body)
        elif isinstance(body, FilesChanged) and (run := runs.get(run_id)):
            made = {change.path: change.after for change in body.changes}
            runs[run_id] = replace(run, told={**run.told, **made})
    return list(runs.values())


def _with_step(run: RunFiles, body: SnapshotTaken, call: ToolStarted | None) -> RunFiles:
    if body.label == STEPPED:
        steps = tuple(
            replace(step, after=body.snapshot) if step.number == body.step else step
            for step in run.steps
        )
        return replace(run, steps=steps)
    name, arguments = (call.name, call.arguments) if call is not None else ("", "")
    step = StepFiles(body.step, body.snapshot, None, name, arguments)
    return replace(run, steps=(*run.steps, step))


def _follow(
    runs: dict[str, RunFiles], started: dict[str, RunStarted], run_id: str, body: SnapshotTaken
) -> None:
    label, name = body.label, body.snapshot
    if label == "before" and run_id in started:
        start = started[run_id]
        runs[run_id] = RunFiles(run_id, start.task, start.cwd, name, sandbox=start.sandbox)
    elif label == "after" and (run := runs.get(run_id)):
        runs[run_id] = replace(run, after=name, undos=(), pending=None)
    elif label.startswith(SAVED) and (run := runs.get(label.removeprefix(SAVED))):
        runs[run.run_id] = replace(run, pending=(body.step, name))
    elif label.startswith(UNDONE) and (run := runs.get(label.removeprefix(UNDONE))):
        saved = run.pending[1] if run.pending else run.after or run.before
        undos = (*run.undos, Undone(body.step, saved, name))
        runs[run.run_id] = replace(run, undos=undos, pending=None)
    elif label.startswith(REDONE) and (run := runs.get(label.removeprefix(REDONE))):
        undos = run.undos[:-1]
        after = run.after if run.steps or undos else name
        runs[run.run_id] = replace(run, after=after, undos=undos, pending=None)


def last_to_undo(runs: Sequence[RunFiles]) -> RunFiles:
    """Return the newest run that changed files and has not been undone.

    Raises ConfigError where there is none.
    """
    for run in reversed(runs):
        if run.stands:
            return run
    raise ConfigError("there is nothing to undo in this session; see: kodo sessions list")


def last_to_redo(runs: Sequence[RunFiles]) -> RunFiles:
    """Return the run to put back: the oldest of those undone since the newest other run.

    Raises ConfigError where there is none.
    """
    found: RunFiles | None = None
    for run in reversed(runs):
        if run.undos:
            found = run
        if run.stands:
            break
    if found is None:
        raise ConfigError("there is nothing to redo in this session")
    return found


def find_step(run: RunFiles, number: int) -> StepFiles:
    """Return a step by its number. Raises ConfigError."""
    for step in run.steps:
        if step.number == number:
            return step
    last = len(run.steps)
    raise ConfigError(
        f"the run has no step {number}; "
        + (f"its steps are 1 to {last}, see: kodo diff --steps" if last else "it has none")
    )


def steps_to_undo(run: RunFiles, first: int) -> tuple[StepFiles, ...]:
    """Return the steps that undo takes back from step `first` on; 0 is all of them.

    Raises ConfigError where the run has no such step, or it is undone already.
    """
    if first:
        find_step(run, first)
    found = tuple(step for step in run.standing if step.number >= first)
    if first and not found:
        raise ConfigError(f"there is nothing to undo from step {first} on")
    return found


def spans_of(run: RunFiles, first: int, *, whole: bool) -> tuple[Span, ...]:
    """Return what has to be taken back. `whole`: all that changed between its begin and its end.

    Without it, what somebody else changed while the run was at work stays. Raises ConfigError.
    """
    if whole or not run.steps:
        return (Span(run.before, run.after),)
    return tuple(Span(step.before, step.after) for step in steps_to_undo(run, first))


async def undo(
    run: RunFiles,
    thread: Thread,
    log: Log,
    snapshots: Snapshots,
    now: Now,
    new_id: NewId,
    *,
    force: bool,
    first: int = 0,
    whole: bool = False,
) -> list[Change]:
    """Take back what `run` changed, from step `first` on; returns what that changed.

    Files that changed since are refused by name (ToolError) unless `force`; of a run or step that
    was cut off, all but what its edits are known to have made. What the files were is saved and on
    record before one is touched, and `redo` brings it back. Raises ConfigError for a wrong step.
    """
    spans = spans_of(run, first, whole=whole)
    journal = Journal(thread, log, run.run_id, now, new_id, _nobody)
    saved = await snapshots.take()
    if spans and spans[-1].after is None:
        if not force:
            await _check_told(run, spans[-1].before, saved, snapshots)
        spans = (*spans[:-1], Span(spans[-1].before, saved))
    # An undo that died may have been finished meanwhile: then what it had saved is what counts.
    again = run.pending is not None and run.pending[0] == first
    if not again or (await snapshots.preview(spans)).changes:
        await journal.record(SnapshotTaken(saved, f"{SAVED}{run.run_id}", first))
    changes = await snapshots.take_back(spans, force=force)
    undone = await snapshots.take()
    await journal.record(SnapshotTaken(undone, f"{UNDONE}{run.run_id}", first))
    return changes


async def _check_told(run: RunFiles, before: str, now: str, snapshots: Snapshots) -> None:
    """Raise ToolError naming the files that are not as the edits of the run left them."""
    unknown = [
        change.path
        for change in await snapshots.changes(before, now)
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
    """Bring back what the last `undo` took away; returns what that changed. Raises as undo.

    What the files were is saved and on record before one is touched.
    """
    if not run.undos:
        raise ToolError(f"run {run.run_id!r} has not been undone")
    last = run.undos[-1]
    journal = Journal(thread, log, run.run_id, now, new_id, _nobody)
    saved = await snapshots.take()
    await journal.record(SnapshotTaken(saved, f"{SAVED_AGAIN}{run.run_id}", last.first))
    changes = await snapshots.take_back((Span(last.saved, last.undone),), force=force)
    redone = await snapshots.take()
    await journal.record(SnapshotTaken(redone, f"{REDONE}{run.run_id}", last.first))
    return changes


def workspace_of(run: RunFiles) -> Path:
    """Return the folder whose files the run changed. Raises ConfigError where it has gone."""
    return workspace_at(run.cwd)


def _nobody(happening: Event | Passing) -> None:
    return None
