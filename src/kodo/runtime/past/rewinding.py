"""Stepping back: the conversation to an entry, and the files to what they were then.

The log only grows: the head of the thread moves, and what was left can be gone back to. Guards that
the files are saved before one is touched, and that files which somebody changed since are refused.
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from kodo.agent.journal import Journal
from kodo.agent.steps import STEP
from kodo.base.clock import Now
from kodo.base.errors import ConfigError
from kodo.base.hashing import NewId
from kodo.core.check import Change
from kodo.core.events import (
    Event,
    FileChange,
    FilesChanged,
    MessageAdded,
    Passing,
    Rewound,
    RunStarted,
    SnapshotTaken,
)
from kodo.core.messages import Text, User, Value
from kodo.core.store import Blobs, Log, Snapshots, Span
from kodo.core.thread import Entry, Thread

SAVED = "saved before rewinding to "
REWOUND = "rewound to "

Write = Callable[[Path, bytes | None], Awaitable[None]]
"""Writes a file of the workspace; None removes it."""


class Point(Value, frozen=True):
    """An entry to step back to: what the person said right behind it."""

    entry: int
    said: str


class FilesThen(Value, frozen=True):
    """What the files were at an entry: a snapshot, and the edits that were made since it.

    `expected` is the newest state on record; None where edits or a cut-off run came behind it.
    """

    cwd: str
    snapshot: str
    edits: tuple[FileChange, ...] = ()
    expected: str | None = None


class Steps(Value, frozen=True):
    """What stepping back to an entry means: how many entries leave, and what was said in them."""

    entry: int
    left: int
    said: tuple[str, ...] = ()


class Touched(Value, frozen=True):
    """One file that a rewind changes, and how."""

    path: str
    how: str


def find_entry(thread: Thread, word: str) -> Entry:
    """Return the entry that `e42`, `42` or `e42` of any branch names. Raises ConfigError."""
    found = re.fullmatch(r"e?(\d{1,9})", word.strip())
    entry = thread.at(int(found[1])) if found else None
    if entry is None:
        last = thread.next_seq - 1
        raise ConfigError(f"{word!r} is no entry of this session; they go from e1 to e{last}")
    return entry


def points(thread: Thread) -> list[Point]:
    """Return where one can step back to: before each message of the person but the first."""
    found: list[Point] = []
    before = 0  # the last entry of what came before the run of this message
    started = False
    previous = 0
    for entry in thread.path():
        seq, body = entry.event.seq, entry.event.body
        if isinstance(body, RunStarted):
            before, started = previous, True
        elif isinstance(body, MessageAdded) and isinstance(body.message, User):
            to = before if started else previous
            if to:
                found.append(Point(to, _said(body.message)))
            started = False
        previous = seq
    return found


def steps_to(thread: Thread, entry: Entry) -> Steps:
    """Return what leaves the conversation when it goes back to `entry`."""
    kept = {item.id for item in thread.path(entry.id)}
    left = [item for item in thread.path() if item.id not in kept]
    said = [
        _said(item.event.body.message)
        for item in left
        if isinstance(item.event.body, MessageAdded) and isinstance(item.event.body.message, User)
    ]
    return Steps(entry.event.seq, len(left), tuple(said))


def files_then(thread: Thread, entry: Entry) -> FilesThen:
    """Return what the files were at an entry, as far as snapshots and edits tell.

    What a command changed is known from its end on. Raises ConfigError where no snapshot was taken
    before it.
    """
    cwd, snapshot = "", ""
    edits: list[FileChange] = []
    for item in thread.path(entry.id):
        body = item.event.body
        if isinstance(body, RunStarted):
            cwd = body.cwd
        elif isinstance(body, SnapshotTaken):
            snapshot = body.snapshot
            edits.clear()
        elif isinstance(body, FilesChanged):
            edits += body.changes
    if not snapshot:
        raise ConfigError(
            f"no state of the files is kept from before e{entry.event.seq}; "
            "step back with --messages alone"
        )
    return FilesThen(cwd, snapshot, tuple(edits), _expected(thread.path()))


def _expected(path: Sequence[Entry]) -> str | None:
    """Return the newest snapshot, unless something may have changed files behind it."""
    for item in reversed(path):
        body = item.event.body
        if isinstance(body, SnapshotTaken):
            return body.snapshot if body.label not in ("before", STEP) else None
        if isinstance(body, FilesChanged):
            return None
    return None


async def preview_files(then: FilesThen, snapshots: Snapshots, blobs: Blobs) -> list[Change]:
    """Return what would change: each file as it is now, and as it would be."""
    now = await snapshots.take()
    changes = {
        change.path: change
        for change in await snapshots.changes(then.expected or now, then.snapshot)
    }
    for edit in then.edits:
        after = None if edit.after is None else await blobs.get(edit.after)
        before = changes[edit.path].before if edit.path in changes else None
        if edit.path not in changes and edit.before is not None:
            before = await blobs.get(edit.before)  # the snapshot has what the edit found
        changes[edit.path] = Change(edit.path, before, after, "shell")
    return [change for change in changes.values() if change.before != change.after]


async def rewind(
    thread: Thread,
    entry: Entry,
    log: Log,
    now: Now,
    new_id: NewId,
    *,
    then: FilesThen | None,
    messages: bool,
    snapshots: Snapshots,
    blobs: Blobs,
    write: Write,
    force: bool,
) -> int:
    """Step back to `entry`: the files as `then` has them (None: as they are), the conversation.

    Returns the `seq` of the entry at which the present state is saved: rewinding to it brings
    everything back. Files that were changed since are refused by name (ToolError) unless `force`;
    then nothing has moved. Raises StoreError.
    """
    journal = Journal(thread, log, new_id(), now, new_id, _nobody)
    name = f"e{entry.event.seq}"
    left = steps_to(thread, entry)
    saved_at = thread.path()[-1].event.seq
    if then is not None:
        saved = await snapshots.take()
        saved_at = (await journal.record(SnapshotTaken(saved, f"{SAVED}{name}"))).event.seq
        await snapshots.take_back((Span(then.snapshot, then.expected or saved),), force=force)
        for edit in then.edits:
            data = None if edit.after is None else await blobs.get(edit.after)
            await write(Path(then.cwd) / edit.path, data)
    if messages:
        thread.move(entry.id)
        await journal.record(Rewound(entry.event.seq, left.left))
    if then is not None:
        await journal.record(SnapshotTaken(await snapshots.take(), f"{REWOUND}{name}"))
    return saved_at


def _said(message: User) -> str:
    return " ".join(part.text for part in message.parts if isinstance(part, Text))


def _nobody(happening: Event | Passing) -> None:
    return None


def touched(changes: Sequence[Change]) -> list[Touched]:
    """Return the files of a preview, sorted, with `made`, `removed` or `changed`."""
    return [
        Touched(
            change.path,
            "made" if change.before is None else "removed" if change.after is None else "changed",
        )
        for change in sorted(changes, key=lambda change: change.path)
    ]
