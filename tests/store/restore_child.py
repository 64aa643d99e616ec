"""The child of the restore crash test: restores a snapshot, and dies by SIGKILL at a stage.

Run as `restore_child.py STORE WORKSPACE TO EXPECTED STAGE NUMBER`: dies when STAGE is reached for
the NUMBERth time; `-` stands for any stage.
"""

import os
import signal
import sys
from pathlib import Path

import anyio

from kodo.store.snapshots import WorkspaceSnapshots
from kodo.store.store import open_store
from kodo.store.tree.coverage import Coverage


async def main(path: Path, workspace: Path, to: str, expected: str, stage: str, at: int) -> None:
    left = at

    def reach(name: str) -> None:
        nonlocal left
        if stage in ("-", name):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    async with open_store(path) as store:
        snapshots = WorkspaceSnapshots(
            store.database, store.blobs, workspace, coverage=Coverage(), reach=reach
        )
        await snapshots.restore(to, expected)


if __name__ == "__main__":
    store, workspace, to, expected, stage, at = sys.argv[1:]
    anyio.run(main, Path(store), Path(workspace), to, expected, stage, int(at))
