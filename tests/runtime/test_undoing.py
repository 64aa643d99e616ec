"""undo and redo on real snapshots: what is on record before a file is touched, and cut-off runs."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kodo.agent.journal import Journal
from kodo.base.clock import utc_now
from kodo.base.errors import ConfigError, ToolError
from kodo.base.hashing import new_id
from kodo.core.check import Change
from kodo.core.events import Event, FileChange, FilesChanged, Passing, RunStarted, SnapshotTaken
from kodo.core.thread import Thread, ThreadHeader
from kodo.runtime.undoing import RunFiles, last_to_redo, last_to_undo, redo, run_files, undo
from kodo.store.store import Store, open_store

pytestmark = pytest.mark.anyio


class Bench:
    """A workspace and a thread in a real store, in which runs change `a.txt`."""

    def __init__(self, store: Store, workspace: Path) -> None:
        self.store = store
        self.workspace = workspace
        self.file = workspace / "a.txt"
        self.other = workspace / "other.txt"
        self.snapshots = store.snapshots(workspace)
        self.thread = Thread(ThreadHeader(new_id(), utc_now(), str(workspace)))
        self._journal = Journal(self.thread, store.log, "run", utc_now, new_id, ignore)

    async def run(self, *texts: str, cut_off: bool = False) -> None:
        """Let a run write each text into the file, in turn."""
        await self.store.log.create(self.thread.header)
        started = RunStarted("task", "m", "tools", str(self.workspace), "local", "0")
        await self._journal.record(started)
        await self.take("before")
        for text in texts:
            self.file.write_text(text)
            change = FileChange("a.txt", None, await self.store.blobs.put(text.encode()))
            await self._journal.record(FilesChanged("c", (change,)))
        if not cut_off:
            await self.take("after")

    async def take(self, label: str, step: int = 0) -> None:
        await self._journal.record(SnapshotTaken(await self.snapshots.take(), label, step))

    async def begin(self) -> None:
        await self.store.log.create(self.thread.header)
        started = RunStarted("task", "m", "tools", str(self.workspace), "local", "0")
        await self._journal.record(started)
        await self.take("before")

    async def step(self, number: int, **files: str) -> None:
        """Let a step write `name_txt="text"` into `name.txt`."""
        await self.take("step", number)
        for name, text in files.items():
            (self.workspace / name.replace("_", ".")).write_text(text)
        await self.take("stepped", number)

    @property
    def runs(self) -> list[RunFiles]:
        return run_files(self.thread.path())

    @property
    def labels(self) -> list[str]:
        bodies = [entry.event.body for entry in self.thread.path()]
        return [body.label for body in bodies if isinstance(body, SnapshotTaken)]

    async def undo(
        self, first: int = 0, *, force: bool = False, whole: bool = False
    ) -> list[Change]:
        run, at = last_to_undo(self.runs), self.store.log
        return await undo(
            *(run, self.thread, at, self.snapshots, utc_now, new_id),
            force=force,
            first=first,
            whole=whole,
        )

    async def redo(self, *, force: bool = False) -> list[Change]:
        run, at = last_to_redo(self.runs), self.store.log
        return await redo(run, self.thread, at, self.snapshots, utc_now, new_id, force=force)


def ignore(happening: Event | Passing) -> None:
    """Tell nobody."""


@pytest.fixture
async def bench(workspace: Path, tmp_path: Path) -> AsyncIterator[Bench]:
    (workspace / "a.txt").write_text("old\n")
    async with open_store(tmp_path / "kept" / "store.db") as store:
        yield Bench(store, workspace)


async def test_there_and_back_with_everything_on_record_first(bench: Bench) -> None:
    await bench.run("new\n")
    await bench.undo()
    assert bench.file.read_text() == "old\n"
    await bench.redo()
    assert bench.file.read_text() == "new\n"
    await bench.undo()
    assert bench.file.read_text() == "old\n"
    around = ["saved before undo of run", "undone run"]
    again = ["saved before redo of run", "redone run"]
    assert bench.labels == ["before", "after", *around, *again, *around]


async def test_a_forced_redo_saves_what_it_overwrites(bench: Bench) -> None:
    await bench.run("new\n")
    await bench.undo()
    bench.file.write_text("mine\n")
    with pytest.raises(ToolError, match=r"'a\.txt'"):
        await bench.redo()
    await bench.redo(force=True)
    assert bench.file.read_text() == "new\n"
    saved = [
        entry.event.body.snapshot
        for entry in bench.thread.path()
        if isinstance(entry.event.body, SnapshotTaken) and "saved before redo" in str(entry)
    ]
    (change,) = await bench.snapshots.changes(saved[-1])
    assert (change.path, change.before) == ("a.txt", b"mine\n")


async def test_what_cannot_be_restored_was_saved_all_the_same(bench: Bench) -> None:
    await bench.run("new\n")
    bench.file.write_text("mine\n")
    with pytest.raises(ToolError, match=r"'a\.txt'"):
        await bench.undo()
    assert bench.labels[-1] == "saved before undo of run"
    assert not last_to_undo(bench.runs).undos


async def test_a_run_that_was_cut_off_is_undone_as_far_as_its_edits_tell(bench: Bench) -> None:
    await bench.run("half\n", "new\n", cut_off=True)
    await bench.undo()
    assert bench.file.read_text() == "old\n"
    await bench.redo()
    assert bench.file.read_text() == "new\n"


@pytest.mark.parametrize("name", ["a.txt", "other.txt"])
async def test_work_after_a_run_that_was_cut_off_is_not_taken_with_it(
    bench: Bench, name: str
) -> None:
    await bench.run("new\n", cut_off=True)
    (bench.workspace / name).write_text("mine\n")
    with pytest.raises(ToolError, match=f"cut off, and nothing tells who changed {name!r}"):
        await bench.undo()
    assert (bench.workspace / name).read_text() == "mine\n"
    assert bench.labels == ["before"]
    await bench.undo(force=True)
    assert bench.file.read_text() == "old\n"
    assert not bench.other.exists()
    await bench.redo()
    assert (bench.workspace / name).read_text() == "mine\n"


async def test_steps_are_taken_back_and_put_back_one_by_one(bench: Bench) -> None:
    await bench.begin()
    await bench.step(1, a_txt="one\n")
    await bench.step(2, a_txt="two\n", other_txt="new\n")
    await bench.step(3)
    await bench.step(4, a_txt="four\n")
    await bench.take("after")
    assert [step.number for step in bench.runs[0].standing] == [1, 2, 4]
    with pytest.raises(ConfigError, match="no step 9; its steps are 1 to 4"):
        await bench.undo(9)
    await bench.undo(4)
    assert bench.file.read_text() == "two\n"
    with pytest.raises(ConfigError, match="nothing to undo from step 3 on"):
        await bench.undo(3)
    await bench.undo(2)
    assert bench.file.read_text() == "one\n"
    assert not bench.other.exists()
    await bench.undo()
    assert bench.file.read_text() == "old\n"
    with pytest.raises(ConfigError, match="nothing to undo"):
        await bench.undo()
    for text in ("one\n", "two\n", "four\n"):
        await bench.redo()
        assert bench.file.read_text() == text
    with pytest.raises(ConfigError, match="nothing to redo"):
        await bench.redo()


async def test_what_somebody_else_changed_during_the_run_stays(bench: Bench) -> None:
    await bench.begin()
    await bench.step(1, a_txt="one\n")
    bench.other.write_text("by hand\n")
    await bench.step(2, a_txt="two\n")
    await bench.take("after")
    assert [change.path for change in await bench.undo()] == ["a.txt"]
    assert bench.other.read_text() == "by hand\n"
    await bench.redo()
    await bench.undo(whole=True)
    assert not bench.other.exists()
    await bench.redo()
    assert bench.other.read_text() == "by hand\n"


async def test_an_edit_between_two_steps_of_the_same_file_is_refused(bench: Bench) -> None:
    await bench.begin()
    await bench.step(1, a_txt="one\n")
    bench.file.write_text("by hand\n")
    await bench.step(2, a_txt="two\n")
    await bench.take("after")
    with pytest.raises(ToolError, match=r"'a\.txt'"):
        await bench.undo()
    await bench.undo(2)
    assert bench.file.read_text() == "by hand\n"
    await bench.undo(force=True)
    assert bench.file.read_text() == "old\n"


async def test_an_undo_that_died_after_it_was_done_can_be_redone(bench: Bench) -> None:
    await bench.begin()
    await bench.step(1, a_txt="one\n")
    await bench.take("after")
    # What an undo leaves that is killed behind its restore, before it could say so.
    await bench.take("saved before undo of run")
    bench.file.write_text("old\n")
    assert await bench.undo() == []
    await bench.redo()
    assert bench.file.read_text() == "one\n"
