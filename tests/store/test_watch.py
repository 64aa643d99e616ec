"""The watch: what it tells is all that a walk would find, and a lost event means a walk."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from kodo.store.snapshots import WorkspaceSnapshots
from kodo.store.store import Store
from kodo.store.tree.coverage import Coverage
from kodo.store.tree.inotify import InotifyWatch
from kodo.store.tree.watch import Dirty

pytestmark = pytest.mark.anyio


class Forgetful(InotifyWatch):
    """A watch that has lost something."""

    def dirty(self) -> Dirty | None:
        super().dirty()
        return None


def watched(
    store: Store, root: Path, open_watch: Callable[[str], InotifyWatch] = InotifyWatch
) -> WorkspaceSnapshots:
    try:
        open_watch(str(root))
    except OSError as error:
        pytest.skip(f"nothing can be watched here: {error}")
    return WorkspaceSnapshots(
        *(store.database, store.blobs, root),
        coverage=Coverage(),
        open_watch=open_watch,
        watched_from_files=0,
    )


def same_size_same_time(root: Path) -> None:
    status = (root / "a" / "f").stat()
    (root / "a" / "f").write_text("two")
    os.utime(root / "a" / "f", ns=(status.st_atime_ns, status.st_mtime_ns))


def swap_folders(root: Path) -> None:
    (root / "a").rename(root / "t")
    (root / "b").rename(root / "a")
    (root / "t").rename(root / "b")


def through_another_name(root: Path) -> None:
    outside = root.parent / "outside"
    outside.write_text("changed where nobody watches")


def replace_a_folder(root: Path) -> None:
    shutil.rmtree(root / "a")
    (root / "a").write_text("a file now")


def mark_as_cache(root: Path) -> None:
    (root / "b" / "CACHEDIR.TAG").write_text("")


def make_deep(root: Path) -> None:
    (root / "x" / "y" / "z").mkdir(parents=True)
    (root / "x" / "y" / "z" / "f").write_text("deep")


def change_mode(root: Path) -> None:
    (root / "a").chmod(0o700)


def map_and_write(root: Path) -> None:
    with (root / "b" / "f").open("r+b") as stream:
        stream.truncate(10)


CHANGES = (
    *(same_size_same_time, swap_folders, through_another_name, replace_a_folder),
    *(mark_as_cache, make_deep, change_mode, map_and_write),
)


@pytest.mark.parametrize("change", CHANGES)
async def test_a_watched_snapshot_is_the_one_of_a_walk(
    store: Store, workspace: Path, change: Callable[[Path], None]
) -> None:
    for name in ("a", "b"):
        (workspace / name / "deeper").mkdir(parents=True)
        (workspace / name / "f").write_text("one")
        (workspace / name / "deeper" / "g").write_text(name)
    (workspace.parent / "outside").write_text("linked")
    (workspace / "linked").hardlink_to(workspace.parent / "outside")
    snapshots = watched(store, workspace)
    names = [await snapshots.take()]
    assert await snapshots.take() == names[0]
    change(workspace)
    names.append(await snapshots.take())
    (workspace / "last").write_text("")
    names.append(await snapshots.take())
    assert len(set(names)) == 3
    walked = [file.path for file in (await store.snapshots(workspace).changes(names[0]))]
    assert walked == [file.path for file in await snapshots.changes(names[0], names[2])]
    assert await store.snapshots(workspace).changes(names[2]) == []


async def test_what_is_lost_is_walked(store: Store, workspace: Path) -> None:
    (workspace / "f").write_text("one")
    snapshots = watched(store, workspace, Forgetful)
    first = await snapshots.take()
    (workspace / "f").write_text("two")
    assert [change.path for change in await snapshots.changes(first)] == ["f"]


async def test_commits_are_told_as_beyond_undo(store: Store, workspace: Path) -> None:
    (workspace / ".git" / "logs").mkdir(parents=True)
    (workspace / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (workspace / ".git" / "logs" / "HEAD").write_text("one\n")
    snapshots = watched(store, workspace)
    first = await snapshots.take()
    assert await snapshots.uncovered_changes(first) == []
    (workspace / ".git" / "logs" / "HEAD").write_text("one\ntwo\n")
    assert await snapshots.uncovered_changes(first) == [".git/ (version control)"]
