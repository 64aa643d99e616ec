"""Snapshots: states of a workspace's files, kept in the blobs, compared and brought back.

Does not know threads or runs. Guards that an unchanged tree costs a walk and nothing more, and that
a restore touches only files whose present content is kept.
"""

import logging
import os
import sqlite3
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import anyio
import msgspec
from anyio import to_thread

from kodo.base.errors import StoreError, ToolError
from kodo.base.hashing import new_id, sha256_hex
from kodo.base.text import repair_surrogates
from kodo.core.check import Change
from kodo.core.store import Preview, Span
from kodo.store.blobs import SqliteBlobs
from kodo.store.database import Database
from kodo.store.packing import pack, unpack
from kodo.store.tree.coverage import STAGING_PREFIX, Coverage
from kodo.store.tree.journal import Begun, RestoreJournal
from kodo.store.tree.listing import Seen
from kodo.store.tree.manifest import (
    FileState,
    Manifest,
    State,
    Uncovered,
    decode_manifest,
    differences,
    encode_difference,
    encode_whole,
    resolve,
)
from kodo.store.tree.planning import (
    Goal,
    Plan,
    Step,
    approve,
    observe,
    opened,
    plan,
    take_back,
)
from kodo.store.tree.restore import HalfDone, Restore, clear_staging
from kodo.store.tree.scan import Pass, Scan
from kodo.store.tree.watch import OpenWatch, Watch

logger = logging.getLogger(__name__)

# What an earlier process saw is written down only when seeing it again costs more than the write.
_SAVED_AFTER_FILES = 64
_SAVED_AFTER_BYTES = 4 << 20

_MOST_STATES_KEPT = 8

# Below this a walk costs less than a watch.
_WATCHED_FROM_FILES = 500

_ENCODER = msgspec.msgpack.Encoder()
_SEEN = msgspec.msgpack.Decoder(dict[str, Seen])


class _Named(msgspec.Struct, frozen=True):
    name: str
    state: State


class _Batch(msgspec.Struct, frozen=True):
    """What one trip to the worker thread brought: contents to keep and, at the end, the state."""

    contents: dict[str, bytes]
    taken: _Named | None = None
    whole: bool = False
    packed_seen: tuple[int, bytes] | None = None


def _nowhere(stage: str) -> None:
    return None


class WorkspaceSnapshots:
    """The snapshots of one workspace in its project's store.

    Contents and manifests are blobs. `clock_ns` is the wall clock that file times are compared to.
    With `open_watch`, a workspace of `watched_from_files` or more is walked once, and then only
    where something happened. `reach` is told the name of every stage of a
    restore.
    """

    __slots__ = (
        *("_base", "_blobs", "_clock_ns", "_coverage", "_database", "_journal", "_last", "_notes"),
        *("_open_watch", "_pass", "_reach", "_root", "_seen", "_states", "_turn"),
        *("_unsaved_bytes", "_unsaved_files", "_watch", "_watched_from_files"),
    )

    def __init__(
        self,
        database: Database,
        blobs: SqliteBlobs,
        workspace: Path,
        *,
        coverage: Coverage,
        clock_ns: Callable[[], int] = time.time_ns,
        open_watch: OpenWatch | None = None,
        watched_from_files: int = _WATCHED_FROM_FILES,
        reach: Callable[[str], None] = _nowhere,
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._root = workspace.resolve()
        self._coverage = coverage
        self._clock_ns = clock_ns
        self._open_watch = open_watch
        self._watched_from_files = watched_from_files
        self._reach = reach
        self._journal = RestoreJournal(database.path.absolute().parent, self._root)
        self._turn = anyio.Lock()
        self._seen: Mapping[str, Seen] | None = None
        self._unsaved_files = 0
        self._unsaved_bytes = 0
        self._base: _Named | None = None
        self._last: _Named | None = None
        self._states: dict[str, State] = {}
        self._pass: Pass | None = None
        self._watch: Watch | None = None
        self._notes: list[str] = []

    async def take(self) -> str:
        """Keep the present state and return its name (the blob of its manifest).

        The name stays the same while the files do. Raises StoreError where the workspace cannot be
        listed or the disk refuses.
        """
        async with self._turn:
            return (await self._take()).name

    async def changes(self, before: str, after: str | None = None) -> list[Change]:
        """Return what differs between two snapshots (`after` None: the files as they are now).

        Sorted by path. A symbolic link's bytes are its target; where only the mode differs, both
        sides have equal bytes. Files that one side did not cover are left out, and folders: see
        `uncovered`. In a path that is not UTF-8 U+FFFD stands for what is not.
        Raises StoreError.
        """
        async with self._turn:
            if after is None:
                late = (await self._take()).state
            else:
                late = await self._state(after)
            early = await self._state(before)
        paths = await to_thread.run_sync(differences, early, late)
        paths = [path for path in paths if not path.endswith("/")]
        sides = [(path, early.files.get(path), late.files.get(path)) for path in paths]
        contents = await self._contents([file for _, *files in sides for file in files])
        return [
            Change(repair_surrogates(path), _bytes(old, contents), _bytes(new, contents), "shell")
            for path, old, new in sides
        ]

    async def uncovered(self, name: str) -> tuple[Uncovered, ...]:
        """Return what snapshot `name` does not hold, and why, sorted by path. Raises StoreError."""
        async with self._turn:
            return (await self._state(name)).uncovered

    async def uncovered_changes(self, before: str, after: str | None = None) -> list[str]:
        """Return what was changed between two snapshots but is held by neither, as far as is known.

        Each with the reason why it is not held. Raises StoreError.
        """
        async with self._turn:
            late = (await self._take()).state if after is None else await self._state(after)
            early = await self._state(before)
        old = {item.path: item for item in early.uncovered}
        return [
            f"{repair_surrogates(item.path)} ({item.reason})"
            for item in late.uncovered
            if item.mark and (known := old.get(item.path)) != item and (known is None or known.mark)
        ]

    def notes(self) -> list[str]:
        """Return, once, what happened to an earlier restore that was cut off."""
        notes, self._notes = self._notes, []
        return notes

    async def restore(
        self, to: str, expected: str | None, *, force: bool = False, only: Collection[str] = ()
    ) -> list[Change]:
        """Bring the files back to snapshot `to`; returns what that changed.

        Only files that differ between `to` and `expected` (None: the files as they are now), and
        that both cover, are touched (of them, only those in `only` where it names some);
        modification times become new. Raises as `take_back`.
        """
        return await self.take_back((Span(to, expected),), force=force, only=only)

    async def take_back(
        self, spans: Sequence[Span], *, force: bool = False, only: Collection[str] = ()
    ) -> list[Change]:
        """Take back what changed in each span, the oldest first; returns what that changed.

        Either all of it is done or nothing, also when the process dies on the way: the next call
        of any method finishes it. Where a file is not as the newest span left it, or was changed
        between two of them, raises ToolError naming it and nothing is touched, unless `force`: then
        what was there is in the returned changes only. Raises ToolError too where something
        uncovered stands in the way, or the workspace cannot be written; StoreError. Where `only`
        names some files, only those.
        """
        async with self._turn:
            found = await self._plan(spans, only)
            approve(found, force=force)
            if not found.steps:
                return []
            contents = await self._contents([step.wanted for step in found.steps])
            await to_thread.run_sync(self._carry_out, found.steps, contents)
            return _shown(found.steps, contents)

    async def preview(self, spans: Sequence[Span]) -> Preview:
        """Return what `take_back` would do now. Touches nothing. Raises StoreError."""
        async with self._turn:
            found = await self._plan(spans, ())
            contents = await self._contents([step.wanted for step in found.steps])
        changed = tuple(map(repair_surrogates, found.changed))
        return Preview(tuple(_shown(found.steps, contents)), changed, found.obstacle)

    async def _plan(self, spans: Sequence[Span], only: Collection[str]) -> Plan:
        await self._finish_earlier()
        pairs: list[tuple[State, State]] = []
        for span in spans:
            before = await self._state(span.before)
            if span.after is None:
                pairs.append((before, (await self._take()).state))
            else:
                pairs.append((before, await self._state(span.after)))

        def prepare() -> Plan:
            goal = take_back(pairs)
            return plan(self._root, _limited(goal, only) if only else goal)

        return await to_thread.run_sync(prepare)

    def _carry_out(self, steps: Sequence[Step], contents: Mapping[str, bytes]) -> None:
        with self._journal.locked(shared=False) as journal:
            if not journal.is_empty:
                raise ToolError("another restore here was cut off just now; do it again")
            staging = f"{STAGING_PREFIX}{new_id()}"
            journal.write(Begun(staging))
            self._reach("begun")
            restore = Restore(self._root, staging, steps, self._reach)
            try:
                restore.stage(contents)
                journal.write(Begun(staging, tuple(steps)))
                self._reach("decided")
                restore.apply()
                self._reach("applied")
            except HalfDone:
                raise
            except BaseException:
                restore.clear()
                journal.clear()
                raise
            restore.clear()
            self._reach("cleared")
            journal.clear()

    async def _finish_earlier(self) -> None:
        """Finish a restore that was cut off, or clear away one that had not begun to touch files.

        Raises ToolError, StoreError where that cannot be done.
        """
        begun = await to_thread.run_sync(self._cut_off)
        if begun is None:
            return
        contents = await self._contents([step.wanted for step in begun.steps])
        left = await to_thread.run_sync(self._finish, contents)
        if left is None:
            return
        text = "a restore of files that was cut off has been " + (
            "finished" if begun.steps else "cleared away"
        )
        if left:
            shown = ", ".join(repr(repair_surrogates(path)) for path in left[:5])
            text += f"; left as they are, since they were changed after it: {shown}"
        logger.warning("%s", text)
        self._notes.append(text)

    def _cut_off(self) -> Begun | None:
        with self._journal.locked(shared=True) as journal:
            return None if journal.is_empty else journal.read() or Begun("")

    def _finish(self, contents: Mapping[str, bytes]) -> list[str] | None:
        """Return the files that somebody changed since and that stay; None: another was faster."""
        with self._journal.locked(shared=False) as journal:
            if journal.is_empty:
                return None
            begun = journal.read()
            left: list[str] = []
            if begun is not None:
                clear_staging(self._root / begun.staging)
                steps: list[Step] = []
                with opened(self._root) as top:
                    for step in begun.steps:
                        now, _ = observe(top, step.path)
                        if now == step.wanted:
                            continue
                        # Without hard links a file is away for a moment: that is no change.
                        if now == step.now or step.is_folder or now is None:
                            steps.append(Step(step.path, now, None, step.wanted))
                        else:
                            left.append(step.path)
                staging = f"{STAGING_PREFIX}{new_id()}"
                journal.write(Begun(staging, begun.steps))
                restore = Restore(self._root, staging, steps, self._reach)
                try:
                    restore.stage(contents)
                    restore.apply()
                finally:
                    restore.clear()
            journal.clear()
            return left

    async def _take(self) -> _Named:
        if self._seen is None:
            self._seen = await self._load_seen()
        await self._finish_earlier()
        with ExitStack() as held:
            try:
                # No restore of another process may go on under the scan.
                await to_thread.run_sync(held.enter_context, self._journal.locked(shared=True))
                watch, scan = await to_thread.run_sync(self._scan)
                batch = await to_thread.run_sync(self._read_on, scan)
            except OSError as error:
                raise StoreError(
                    f"cannot take a snapshot of {str(self._root)!r}: {error.strerror}"
                ) from error
            await self._blobs.keep(batch.contents)
            while batch.taken is None:
                batch = await to_thread.run_sync(self._read_on, scan)
                await self._blobs.keep(batch.contents)
        # Only now, with all contents kept, may a later manifest or pass build on this one.
        self._last = batch.taken
        if batch.whole:
            self._base = batch.taken
        self._remember(batch.taken)
        self._pass = scan.result()
        self._seen = self._pass.seen
        self._watch = watch if self._pass.whole else None
        if batch.packed_seen is not None:
            await self._save_seen(*batch.packed_seen)
        return batch.taken

    def _scan(self) -> tuple[Watch | None, Scan]:
        """List what may have changed. Whoever gets the watch keeps it only if all goes well."""
        watch, self._watch = self._watch, None
        if watch is not None and self._pass is not None and (dirty := watch.dirty()) is not None:
            scan = self._new_scan()
            if scan.update(dirty, watch):
                return watch, scan
        scan = self._new_scan()
        known = max(len(self._seen or ()), len(self._pass.state.files) if self._pass else 0)
        if known < self._watched_from_files or self._open_watch is None:
            scan.walk()
            known = scan.files_listed
        if known >= self._watched_from_files and self._open_watch is not None:
            try:
                watch = self._open_watch(str(self._root))
                scan = self._new_scan()
                scan.walk(watch)  # each folder is watched before it is listed, so this comes again
            except OSError as error:
                logger.info("no watch of %r: %s", str(self._root), error)
                self._open_watch = None
                scan = self._new_scan()
                scan.walk()
            else:
                return watch, scan
        return None, scan

    def _new_scan(self) -> Scan:
        store = os.path.abspath(self._database.path)  # noqa: PTH100 - no file system is asked
        root = f"{self._root}/"
        excluded = [
            f"{store}{end}".removeprefix(root)
            for end in ("", "-wal", "-shm")
            if store.startswith(root)
        ]
        return Scan(
            str(self._root),
            self._coverage,
            self._seen or {},
            self._pass,
            excluded=excluded,
            started_ns=self._clock_ns(),
        )

    def _read_on(self, scan: Scan) -> _Batch:
        """Read the next batch and, after the last one, make the manifest. Blocks."""
        contents, done = scan.read()
        if not done:
            return _Batch(contents)
        found = scan.result()
        state = found.state
        packed_seen = None
        self._unsaved_files += scan.settled_files
        self._unsaved_bytes += scan.settled_bytes
        if self._unsaved_files > _SAVED_AFTER_FILES or self._unsaved_bytes > _SAVED_AFTER_BYTES:
            packed_seen = pack(_ENCODER.encode(_encodable(found.seen)))
        for known in (self._last, self._base):
            if known is not None and known.state.same(state):
                return _Batch(contents, known, packed_seen=packed_seen)
        data = None
        if self._base is not None:
            data = encode_difference(state, self._base.state, self._base.name)
        whole = data is None
        if data is None:
            data = encode_whole(state)
        name = sha256_hex(data)
        # The manifest comes last: a snapshot that is there is whole.
        return _Batch({**contents, name: data}, _Named(name, state), whole, packed_seen)

    async def _load_seen(self) -> dict[str, Seen]:
        key = os.fsencode(self._root)

        def act(connection: sqlite3.Connection) -> tuple[int, bytes] | None:
            return connection.execute(
                "SELECT packing, stats FROM workspaces WHERE path = ?", (key,)
            ).fetchone()

        row = await self._database.read(act)
        if row is None:
            return {}
        try:
            return await to_thread.run_sync(lambda: _SEEN.decode(unpack(*row)))
        except (StoreError, msgspec.DecodeError):
            return {}  # it saves work and tells nothing: the files are read again

    async def _save_seen(self, packing: int, stats: bytes) -> None:
        row = (os.fsencode(self._root), packing, stats)
        await self._database.write(
            lambda connection: connection.execute(
                "INSERT OR REPLACE INTO workspaces (path, packing, stats) VALUES (?, ?, ?)", row
            )
        )
        self._unsaved_files = self._unsaved_bytes = 0

    async def _state(self, name: str) -> State:
        if (known := self._states.get(name)) is not None:
            return known
        manifest = await self._manifest(name)
        base = await self._manifest(manifest.base) if manifest.base is not None else None
        state = await to_thread.run_sync(resolve, manifest, base)
        self._remember(_Named(name, state))
        return state

    async def _manifest(self, name: str) -> Manifest:
        data = await self._blobs.get(name)
        return await to_thread.run_sync(decode_manifest, data, name)

    def _remember(self, named: _Named) -> None:
        self._states.pop(named.name, None)
        self._states[named.name] = named.state
        while len(self._states) > _MOST_STATES_KEPT:
            del self._states[next(iter(self._states))]

    async def _contents(self, files: Iterable[FileState | None]) -> dict[str, bytes]:
        return await self._blobs.get_many(
            file.digest for file in files if file is not None and file.digest
        )


def _bytes(file: FileState | None, contents: Mapping[str, bytes]) -> bytes | None:
    if file is None:
        return None
    if file.is_folder:
        return b""
    return contents[file.digest] if file.target is None else os.fsencode(file.target)


def _shown(steps: Sequence[Step], contents: Mapping[str, bytes]) -> list[Change]:
    """Return the steps as changes; folders only where no file in them tells of them."""
    told = {step.path for step in steps if not step.is_folder}
    above = {path[: at + 1] for path in told for at, c in enumerate(path) if c == "/"}
    return [
        Change(
            repair_surrogates(step.path),
            b"" if step.is_folder and step.now is not None else step.now_data,
            _bytes(step.wanted, contents),
            "shell",
        )
        for step in steps
        if not step.is_folder or (step.path not in above and step.now != step.wanted)
    ]


def _limited(goal: Goal, only: Collection[str]) -> Goal:
    """Return the part of a goal that is about the named files."""
    kept = [path for path in goal.wanted if repair_surrogates(path) in only]
    return Goal(
        {path: goal.wanted[path] for path in kept},
        {path: goal.expected[path] for path in kept},
        goal.mixed,
    )


def _encodable(seen: Mapping[str, Seen]) -> Mapping[str, Seen]:
    """Leave out names that are not UTF-8: those files are read again by the next process."""
    if all(map(str.isascii, seen)):
        return seen
    return {path: item for path, item in seen.items() if repair_surrogates(path) == path}
