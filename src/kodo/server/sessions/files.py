"""The files of an open session: what a run changed, undo, redo, stepping back.

Knows one session and its snapshots. Guards nothing itself: what is done here is saved first and can
be taken back, and where somebody changed a file since, it is refused by name.
"""

from collections.abc import Iterable

from kodo.base.clock import utc_now
from kodo.base.errors import ConfigError
from kodo.base.hashing import new_id
from kodo.core.check import Change
from kodo.core.diff import unified_diff
from kodo.runtime.beyond import beyond_undo
from kodo.runtime.config import Settings
from kodo.runtime.past.rewinding import files_then, find_entry, preview_files, rewind
from kodo.runtime.past.workspaces import open_writer
from kodo.runtime.session import Session
from kodo.runtime.undoing import (
    find_step,
    last_to_redo,
    last_to_undo,
    redo,
    run_files,
    spans_of,
    steps_to_undo,
    undo,
)
from kodo.server.sessions.commands import Rewind, Undo
from kodo.server.sessions.tellings import Changed, FileDiff
from kodo.store.snapshots import WorkspaceSnapshots


class SessionFiles:
    """The files of one session. Everything raises ConfigError, ToolError or StoreError."""

    def __init__(self, settings: Settings, session: Session, snapshots: WorkspaceSnapshots) -> None:
        self._settings = settings
        self._session = session
        self._snapshots = snapshots

    async def diff(self, step: int) -> Changed:
        """Return what the last run changed, or one step of it."""
        runs = run_files(self._session.thread.path())
        if not runs:
            raise ConfigError("nothing was done in this session yet")
        last = next((run for run in reversed(runs) if run.stands), runs[-1])
        before, after = last.before, last.after
        if step:
            one = find_step(last, step)
            before, after = one.before, one.after
        return Changed(files=shown(await self._snapshots.changes(before, after)))

    async def undo(self, command: Undo) -> Changed:
        """Take back the last run that stands, from a step on; or show what that would do."""
        thread = self._session.thread
        target = last_to_undo(run_files(thread.path()))
        steps = steps_to_undo(target, command.step)
        beyond = tuple(await beyond_undo(target, steps, thread.path(), self._snapshots))
        if command.dry_run:
            spans = spans_of(target, command.step, whole=False)
            preview = await self._snapshots.preview(spans)
            return Changed(
                files=shown(preview.changes),
                dry_run=True,
                refused=tuple(preview.changed_since),
                obstacle=preview.obstacle,
                beyond=beyond,
            )
        changes = await undo(
            target,
            thread,
            self._session.log,
            self._snapshots,
            utc_now,
            new_id,
            force=command.force,
            first=command.step,
        )
        return Changed(files=shown(changes), beyond=beyond)

    async def redo(self, *, force: bool) -> Changed:
        """Bring back what the last undo took away."""
        thread = self._session.thread
        target = last_to_redo(run_files(thread.path()))
        changes = await redo(
            target, thread, self._session.log, self._snapshots, utc_now, new_id, force=force
        )
        return Changed(files=shown(changes))

    async def rewind(self, command: Rewind) -> Changed:
        """Step back to an entry; or show which files that would change."""
        session = self._session
        if not (command.messages or command.files):
            raise ConfigError("rewind neither messages nor files is nothing to do")
        entry = find_entry(session.thread, str(command.to))
        then = files_then(session.thread, entry) if command.files else None
        changes = (
            await preview_files(then, self._snapshots, session.blobs) if then is not None else []
        )
        if command.dry_run:
            return Changed(files=shown(changes), dry_run=True)
        back = await rewind(
            session.thread,
            entry,
            session.log,
            utc_now,
            new_id,
            then=then,
            messages=command.messages,
            snapshots=self._snapshots,
            blobs=session.blobs,
            write=open_writer(self._settings, self._settings.cwd),
            force=command.force,
        )
        return Changed(files=shown(changes), back=back)


def shown(changes: Iterable[Change]) -> tuple[FileDiff, ...]:
    """Return changes as a face shows them."""
    return tuple(
        FileDiff(
            change.path,
            "new" if change.before is None else "deleted" if change.after is None else "changed",
            unified_diff(change),
        )
        for change in changes
    )
