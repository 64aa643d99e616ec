"""Snapshots: states of a workspace's files, kept in the blobs, compared and brought back.

Does not know threads or runs. Guards that an unchanged tree costs a walk and nothing more, and that
a restore touches only files whose present content is kept.
"""

import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import anyio
import msgspec
from anyio import to_thread

from kodo.base.errors import StoreError
from kodo.base.hashing import sha256_hex
from kodo.core.check import Change
from kodo.store.blobs import SqliteBlobs
from kodo.store.database import Database
from kodo.store.manifest import (
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
from kodo.store.packing import pack, unpack
from kodo.store.restore import Step, apply, plan
from kodo.store.walk import Coverage, Scan, Seen

# What an earlier process saw is written down only when seeing it again costs more than the write.
_SAVED_AFTER_FILES = 64
_SAVED_AFTER_BYTES = 4 << 20

_MOST_STATES_KEPT = 4

_ENCODER = msgspec.msgpack.Encoder()
_SEEN = msgspec.msgpack.Decoder(dict[str, Seen])


class _Named(msgspec.Struct, frozen=True):
    name: str
    state: State


class _Pass(msgspec.Struct, frozen=True):
    """What one trip to the worker thread brought: contents to keep and, at the end, the state."""

    contents: dict[str, bytes]
    taken: _Named | None = None
    whole: bool = False
    packed_seen: tuple[int, bytes] | None = None


class WorkspaceSnapshots:
    """The snapshots of one workspace in its project's store.

    Contents and manifests are blobs. `clock_ns` is the wall clock that file times are compared to.
    """

    __slots__ = (
        *("_base", "_blobs", "_clock_ns", "_coverage", "_database", "_last", "_root", "_seen"),
        *("_states", "_turn", "_unsaved_bytes", "_unsaved_files"),
    )

    def __init__(
        self,
        database: Database,
        blobs: SqliteBlobs,
        workspace: Path,
        *,
        coverage: Coverage,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._root = workspace.resolve()
        self._coverage = coverage
        self._clock_ns = clock_ns
        self._turn = anyio.Lock()
        self._seen: dict[str, Seen] | None = None
        self._unsaved_files = 0
        self._unsaved_bytes = 0
        self._base: _Named | None = None
        self._last: _Named | None = None
        self._states: dict[str, State] = {}

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
        sides have equal bytes. Files that one side did not cover are left out: see `uncovered`.
        Raises StoreError.
        """
        async with self._turn:
            if after is None:
                late = (await self._take()).state
            else:
                late = await self._state(after)
            early = await self._state(before)
        paths = await to_thread.run_sync(differences, early, late)
        sides = [(path, early.files.get(path), late.files.get(path)) for path in paths]
        contents = await self._contents([file for _, *files in sides for file in files])
        return [
            Change(path, _bytes(old, contents), _bytes(new, contents), "shell")
            for path, old, new in sides
        ]

    async def uncovered(self, name: str) -> tuple[Uncovered, ...]:
        """Return what snapshot `name` does not hold, and why, sorted by path. Raises StoreError."""
        async with self._turn:
            return (await self._state(name)).uncovered

    async def restore(self, to: str, expected: str | None, *, force: bool = False) -> list[Change]:
        """Bring the files back to snapshot `to`; returns what that changed.

        Only files that differ between `to` and `expected` (None: the files as they are now), and
        that both cover, are touched; modification times become new. Where one of them has been
        changed since `expected` was taken, raises ToolError naming it and nothing is touched,
        unless `force`: then what was there is in the returned changes only. Raises ToolError too
        where something uncovered stands in the way, or the workspace cannot be written.
        """
        async with self._turn:
            wanted = await self._state(to)
            if expected is None:
                base = (await self._take()).state
            else:
                base = await self._state(expected)

            def prepare() -> list[Step]:
                paths = differences(base, wanted)
                return plan(self._root, paths, base.files, wanted.files, force=force)

            steps = await to_thread.run_sync(prepare)
            if not steps:
                return []
            contents = await self._contents([step.wanted for step in steps])
            await to_thread.run_sync(apply, self._root, steps, contents)
        return [
            Change(step.path, step.now_data, _bytes(step.wanted, contents), "shell")
            for step in steps
        ]

    async def _take(self) -> _Named:
        if self._seen is None:
            self._seen = await self._load_seen()
        scan = Scan(
            str(self._root),
            self._coverage,
            self._seen,
            excluded=[f"{self._database.path.absolute()}{end}" for end in ("", "-wal", "-shm")],
            started_ns=self._clock_ns(),
        )
        try:
            passed = await to_thread.run_sync(self._begin, scan)
        except OSError as error:
            raise StoreError(
                f"cannot take a snapshot of {str(self._root)!r}: {error.strerror}"
            ) from error
        await self._blobs.keep(passed.contents)
        while passed.taken is None:
            passed = await to_thread.run_sync(self._read_on, scan)
            await self._blobs.keep(passed.contents)
        # Only now, with all contents kept, may a later manifest build on this one.
        self._last = passed.taken
        if passed.whole:
            self._base = passed.taken
        self._remember(passed.taken)
        self._seen = scan.seen
        if passed.packed_seen is not None:
            await self._save_seen(*passed.packed_seen)
        return passed.taken

    def _begin(self, scan: Scan) -> _Pass:
        scan.walk()
        return self._read_on(scan)

    def _read_on(self, scan: Scan) -> _Pass:
        """Read the next batch and, after the last one, make the manifest. Blocks."""
        contents, done = scan.read()
        if not done:
            return _Pass(contents)
        state = scan.state()
        packed_seen = None
        self._unsaved_files += scan.settled_files
        self._unsaved_bytes += scan.settled_bytes
        if self._unsaved_files > _SAVED_AFTER_FILES or self._unsaved_bytes > _SAVED_AFTER_BYTES:
            packed_seen = pack(_ENCODER.encode(scan.seen))
        for known in (self._last, self._base):
            if known is not None and known.state.same(state):
                return _Pass({}, known, packed_seen=packed_seen)
        data = None
        if self._base is not None:
            data = encode_difference(state, self._base.state, self._base.name)
        whole = data is None
        if data is None:
            data = encode_whole(state)
        name = sha256_hex(data)
        # The manifest comes last: a snapshot that is there is whole.
        return _Pass({**contents, name: data}, _Named(name, state), whole, packed_seen)

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
            file.digest for file in files if file is not None and file.target is None
        )


def _bytes(file: FileState | None, contents: Mapping[str, bytes]) -> bytes | None:
    if file is None:
        return None
    return contents[file.digest] if file.target is None else file.target.encode()
