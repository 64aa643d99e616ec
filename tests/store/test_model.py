"""Log, blobs and snapshots against plain models, over random histories."""

import os
import shutil
import tempfile
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from kodo.base.errors import StoreError
from kodo.core.events import Event, MessageAdded, Noted
from kodo.core.messages import user
from kodo.core.thread import Entry, Thread, ThreadHeader
from kodo.store.store import Store, open_store

AT = datetime(2026, 1, 2, tzinfo=UTC)
FEW = settings(
    max_examples=25,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


class _StoreMachine(RuleBasedStateMachine):
    """A store on disk that can be closed and opened again at any step."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="kodo-model-"))
        self.stack = ExitStack()
        self.portal: BlockingPortal = self.stack.enter_context(start_blocking_portal())
        self.open()

    def open(self) -> None:
        self.door: AbstractContextManager[Store] = self.portal.wrap_async_context_manager(
            open_store(self.folder / "store.db")
        )
        self.store = self.door.__enter__()

    def close(self) -> None:
        self.door.__exit__(None, None, None)

    def teardown(self) -> None:
        self.close()
        self.stack.close()
        shutil.rmtree(self.folder)


class LogAndBlobs(_StoreMachine):
    """The log is a dict of lists, the blobs are a dict."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: dict[str, list[Entry]] = {}
        self.blobs: dict[str, bytes] = {}

    @rule()
    def reopen(self) -> None:
        self.close()
        self.open()

    @rule(name=st.sampled_from(["thread-a", "thread-b", "thread-ab"]))
    def create(self, name: str) -> None:
        header = ThreadHeader(name, AT, "/work")
        if name in self.threads:
            with pytest.raises(StoreError):
                self.portal.call(self.store.log.create, header)
        else:
            self.portal.call(self.store.log.create, header)
            self.threads[name] = []

    @precondition(lambda self: bool(self.threads))
    @rule(
        data=st.data(),
        text=st.text(st.characters(exclude_categories=("Cs",))),
        times=st.sampled_from([1, 1, 500]),
        seq_error=st.sampled_from([0, 0, 0, 0, 1, -1]),
    )
    def append(self, data: st.DataObject, text: str, times: int, seq_error: int) -> None:
        name = data.draw(st.sampled_from(sorted(self.threads)))
        known = self.threads[name]
        parent = data.draw(st.sampled_from([None, *(entry.id for entry in known)]))
        seq = len(known) + 1 + seq_error
        long = text * times
        body = MessageAdded(user(long)) if times == 1 else Noted(long)
        entry = Entry(f"e{len(known)}", parent, Event(seq, "run", AT, body))
        if seq_error:
            with pytest.raises(StoreError):
                self.portal.call(self.store.log.append, name, entry)
        else:
            self.portal.call(self.store.log.append, name, entry)
            known.append(entry)

    @rule(data=st.binary(max_size=5000), times=st.sampled_from([1, 1, 100]))
    def put(self, data: bytes, times: int) -> None:
        content = data * times
        self.blobs[self.portal.call(self.store.blobs.put, content)] = content

    @invariant()
    def same(self) -> None:
        for name, entries in self.threads.items():
            header, found = self.portal.call(self.store.log.load, name)
            assert found == entries
            Thread(header, iter(found))
        for name, content in self.blobs.items():
            assert self.portal.call(self.store.blobs.get, name) == content
        proof = self.portal.call(self.store.log.verify)
        assert proof.damages == ()
        assert proof.entries == sum(map(len, self.threads.values()))


PATHS = st.lists(st.sampled_from(["a", "b", "ü"]), min_size=1, max_size=3).map("/".join)
Kept = dict[str, tuple[int, bytes | str]]


class Trees(_StoreMachine):
    """A restored tree is the tree of its snapshot: bytes, modes and links."""

    @initialize()
    def begin(self) -> None:
        self.root = self.folder / "workspace"
        self.root.mkdir()
        self.snapshots = self.store.snapshots(self.root)
        self.taken: dict[str, Kept] = {}

    def tree(self) -> Kept:
        found: Kept = {}
        for folder, _, names in os.walk(self.root):
            if folder != str(self.root):
                mode = Path(folder).stat().st_mode & 0o7777
                found[f"{Path(folder).relative_to(self.root)}/"] = (mode, "")
            links = [name for name in os.listdir(folder) if Path(folder, name).is_symlink()]  # noqa: PTH208
            for path in (Path(folder, name) for name in {*names, *links}):
                key = str(path.relative_to(self.root))
                if path.is_symlink():
                    found[key] = (0, os.readlink(path))  # noqa: PTH115 - Path would tidy it
                else:
                    found[key] = (path.stat().st_mode & 0o777, path.read_bytes())
        return found

    def make_room(self, path: Path) -> None:
        """Remove what stands at `path` or above it, so that something can be put there."""
        for place in (path, *path.parents):
            if place == self.root:
                break
            if place.is_symlink() or place.is_file():
                place.unlink()
            elif place == path and place.is_dir():
                shutil.rmtree(place)
        path.parent.mkdir(parents=True, exist_ok=True)

    @rule(name=PATHS, content=st.binary(max_size=20), mode=st.sampled_from([0o644, 0o755, 0o600]))
    def write(self, name: str, content: bytes, mode: int) -> None:
        path = self.root / name
        self.make_room(path)
        path.write_bytes(content)
        path.chmod(mode)

    @rule(name=PATHS, to=st.sampled_from(["a", "../b", "./a//b", "/nowhere", "."]))
    def link(self, name: str, to: str) -> None:
        path = self.root / name
        self.make_room(path)
        os.symlink(to, path)  # noqa: PTH211 - Path would tidy the target

    @rule(name=PATHS)
    def remove(self, name: str) -> None:
        self.make_room(self.root / name)

    @rule(name=PATHS)
    def make_folder(self, name: str) -> None:
        path = self.root / name
        if not path.is_dir():
            self.make_room(path)
            path.mkdir()

    @rule(name=PATHS, mode=st.sampled_from([0o700, 0o755, 0o500]))
    def change_mode(self, name: str, mode: int) -> None:
        path = self.root / name
        if path.is_dir() and not path.is_symlink():
            path.chmod(mode)

    @rule()
    def reopen(self) -> None:
        self.close()
        self.open()
        self.snapshots = self.store.snapshots(self.root)

    @rule()
    def take(self) -> None:
        before = self.tree()
        name = self.portal.call(self.snapshots.take)
        assert self.taken.setdefault(name, before) == before
        assert self.tree() == before

    @precondition(lambda self: bool(self.taken))
    @rule(data=st.data(), given=st.booleans())
    def restore(self, data: st.DataObject, given: bool) -> None:
        name = data.draw(st.sampled_from(sorted(self.taken)))
        before, wanted = self.tree(), self.taken[name]
        expected = self.portal.call(self.snapshots.take) if given else None
        changes = self.portal.call(self.snapshots.restore, name, expected)
        assert self.tree() == wanted
        differing = {
            path for path in before.keys() | wanted.keys() if before.get(path) != wanted.get(path)
        }
        told = {change.path for change in changes}
        assert {path for path in told if path[-1] != "/"} == {
            path for path in differing if path[-1] != "/"
        }
        assert told <= differing

    @precondition(lambda self: len(self.taken) > 1)
    @rule(data=st.data())
    def compare(self, data: st.DataObject) -> None:
        names = st.sampled_from(sorted(self.taken))
        early, late = data.draw(names), data.draw(names)

        def content(kept: Kept, path: str) -> bytes | None:
            found: Any = kept[path][1] if path in kept else None
            return found.encode() if isinstance(found, str) else found

        for change in self.portal.call(self.snapshots.changes, early, late):
            assert not change.path.endswith("/")
            assert change.before == content(self.taken[early], change.path)
            assert change.after == content(self.taken[late], change.path)


TestLogAndBlobs = LogAndBlobs.TestCase
TestLogAndBlobs.settings = FEW
TestTrees = Trees.TestCase
TestTrees.settings = FEW
