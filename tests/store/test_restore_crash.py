"""kill -9 during a restore: the next command finds the old tree or the new one, nothing between."""

import os
import random
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import anyio
import pytest

from kodo.base.errors import ToolError
from kodo.store.snapshots import WorkspaceSnapshots
from kodo.store.store import open_store
from kodo.store.tree.coverage import Coverage

pytestmark = pytest.mark.anyio

CHILD = Path(__file__).with_name("restore_child.py")
STAGES = ("begun", "staged", "decided", "removed", "removed folder", "placed", "mode", "applied")
Tree = dict[str, tuple[int, bytes]]


def tree(root: Path) -> Tree:
    """Return every file, link and folder with its mode and content."""
    found: Tree = {}
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        mode = stat.S_IMODE(status.st_mode)
        name = str(path.relative_to(root))
        if stat.S_ISLNK(status.st_mode):
            found[name] = (0o777, os.fsencode(path.readlink()))
        else:
            found[name] = (mode, b"/" if path.is_dir() else path.read_bytes())
    return found


def fill(root: Path) -> None:
    """Make the tree that is there first."""
    for number in range(6):
        (root / f"d{number}").mkdir()
        (root / f"d{number}" / "file").write_text(f"old {number}\n")
    (root / "gone" / "deep").mkdir(parents=True)
    (root / "gone" / "deep" / "x").write_text("x")
    (root / "hollow").mkdir(0o750)
    (root / "link").symlink_to("d0/file")


def rework(root: Path) -> None:
    """Turn the first tree into the second."""
    for number in range(4):
        (root / f"d{number}" / "file").write_text(f"new {number}, and longer\n")
    (root / "d4" / "file").chmod(0o755)
    shutil.rmtree(root / "d5")
    (root / "d5").write_text("a file now")
    shutil.rmtree(root / "gone")
    (root / "hollow").rmdir()
    (root / "made" / "empty").mkdir(parents=True)
    (root / "link").unlink()
    (root / "link").symlink_to("elsewhere")


async def run_child(
    store_path: Path, workspace: Path, to: str, expected: str, stage: str, at: int
) -> "subprocess.CompletedProcess[bytes]":
    """Restore in another process, which kills itself at a stage."""
    words = [str(CHILD), str(store_path), str(workspace), to, expected, stage, str(at)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return await anyio.run_process([sys.executable, *words], check=False, env=environment)


async def crash_and_look(workspace: Path, store_path: Path, stage: str, at: int) -> str:
    """Kill a restore at a stage; return which tree the next command left: old, new, or ended."""
    fill(workspace)
    async with open_store(store_path) as store:
        snapshots = store.snapshots(workspace)
        first, old = await snapshots.take(), tree(workspace)
        rework(workspace)
        second, new = await snapshots.take(), tree(workspace)
    done = await run_child(store_path, workspace, first, second, stage, at)
    async with open_store(store_path) as store:
        snapshots = store.snapshots(workspace)
        name = await snapshots.take()
        notes = snapshots.notes()
        now = tree(workspace)
        assert now in (old, new)
        assert name == (first if now == old else second)
        assert bool(notes) == (done.returncode != 0)
        # Whatever it was, both ways are open.
        await snapshots.restore(second, None)
        assert tree(workspace) == new
        await snapshots.restore(first, second)
        assert tree(workspace) == old
    if done.returncode == 0:
        return "ended"
    return "finished" if now == old else "taken back"


@pytest.mark.parametrize("stage", STAGES)
async def test_a_restore_killed_at_a_stage_is_finished_or_taken_back(
    workspace: Path, tmp_path: Path, stage: str
) -> None:
    outcome = await crash_and_look(workspace, tmp_path / "kept" / "store.db", stage, 1)
    assert outcome == ("taken back" if stage in ("begun", "staged") else "finished")


@pytest.mark.full
async def test_restores_killed_anywhere(tmp_path: Path) -> None:
    chance = random.Random(4)
    outcomes: dict[str, int] = {}
    for number in range(60):
        folder = tmp_path / str(number)
        (folder / "workspace").mkdir(parents=True)
        at = chance.randint(1, 45)
        outcome = await crash_and_look(folder / "workspace", folder / "store.db", "-", at)
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    assert outcomes["finished"] > 5
    assert outcomes["taken back"] > 5


async def test_an_edit_made_after_the_crash_stays(workspace: Path, tmp_path: Path) -> None:
    store_path = tmp_path / "kept" / "store.db"
    fill(workspace)
    async with open_store(store_path) as store:
        snapshots = store.snapshots(workspace)
        first = await snapshots.take()
        rework(workspace)
        second = await snapshots.take()
    await run_child(store_path, workspace, first, second, "decided", 1)
    (workspace / "d1" / "file").write_text("mine\n")
    async with open_store(store_path) as store:
        snapshots = store.snapshots(workspace)
        await snapshots.take()
        (note,) = snapshots.notes()
    assert "left as they are, since they were changed after it: 'd1/file'" in note
    assert (workspace / "d1" / "file").read_text() == "mine\n"
    assert (workspace / "d2" / "file").read_text() == "old 2\n"


@pytest.mark.parametrize("stage", ["removed", "removed folder", "placed", "mode"])
async def test_an_error_on_the_way_takes_everything_back(
    workspace: Path, tmp_path: Path, stage: str
) -> None:
    fill(workspace)

    def reach(name: str) -> None:
        if name == stage:
            raise OSError(28, "No space left on device")

    async with open_store(tmp_path / "kept" / "store.db") as store:
        first = await store.snapshots(workspace).take()
        rework(workspace)
        snapshots = WorkspaceSnapshots(
            store.database, store.blobs, workspace, coverage=Coverage(), reach=reach
        )
        second, new = await snapshots.take(), tree(workspace)
        with pytest.raises(ToolError, match="No space left on device; all files are as they were"):
            await snapshots.restore(first, second)
        assert tree(workspace) == new
        assert await store.snapshots(workspace).take() == second
