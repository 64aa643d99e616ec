"""kill -9 while a snapshot is taken: what was kept before is whole, and the next one is too."""

import signal
import sys
from pathlib import Path

import pytest
from anyio import run_process

from kodo.store.blobs import SqliteBlobs
from kodo.store.store import open_store

pytestmark = pytest.mark.anyio

CHILD = Path(__file__).with_name("snapshot_child.py")


def tree(root: Path) -> dict[str, bytes]:
    """Return the files of a folder."""
    paths = (path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): path.read_bytes() for path in paths}


@pytest.mark.parametrize("number", [0, 1])
async def test_a_snapshot_that_was_killed_leaves_nothing_half(
    workspace: Path, tmp_path: Path, number: int
) -> None:
    path = tmp_path / "kept" / "store.db"
    for index in range(40):
        (workspace / f"f{index}").write_text(f"first {index}")
    async with open_store(path) as store:
        first = await store.snapshots(workspace).take()
    before = tree(workspace)
    for index in range(0, 40, 2):
        (workspace / f"f{index}").write_text(f"second {index}")
    (workspace / "f1").unlink()
    (workspace / "new").write_text("new")
    after = tree(workspace)

    words = [sys.executable, str(CHILD), str(path), str(workspace), str(number)]
    done = await run_process(words, check=False)
    assert done.returncode == -signal.SIGKILL

    assert tree(workspace) == after
    async with open_store(path) as store:
        assert isinstance(store.blobs, SqliteBlobs)
        assert await store.blobs.verify() == []
        snapshots = store.snapshots(workspace)
        second = await snapshots.take()
        await snapshots.restore(first, second)
        assert tree(workspace) == before
        await snapshots.restore(second, first)
        assert tree(workspace) == after
