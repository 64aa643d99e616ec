"""The child of the snapshot crash test: takes a snapshot, and dies by SIGKILL while it keeps it.

Run as `snapshot_child.py STORE WORKSPACE NUMBER`: the NUMBERth time contents are kept, half of them
are, and then it dies; 0 is before the first.
"""

import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import anyio

from kodo.store.blobs import SqliteBlobs
from kodo.store.database import Database
from kodo.store.snapshots import WorkspaceSnapshots
from kodo.store.store import open_store
from kodo.store.tree.coverage import Coverage


class DyingBlobs(SqliteBlobs):
    """Keeps half of the last contents, then nothing more."""

    def __init__(self, database: Database, left: int) -> None:
        super().__init__(database)
        self._left = left

    async def keep(self, contents: Mapping[str, bytes]) -> None:
        """Keep contents, or half of them and die."""
        if self._left > 1:
            self._left -= 1
            await super().keep(contents)
            return
        if self._left == 1:
            half = list(contents.items())[: len(contents) // 2]
            await super().keep(dict(half))
        os.kill(os.getpid(), signal.SIGKILL)


async def main(path: Path, workspace: Path, number: int) -> None:
    async with open_store(path) as store:
        blobs = DyingBlobs(store.database, number)
        await WorkspaceSnapshots(store.database, blobs, workspace, coverage=Coverage()).take()


if __name__ == "__main__":
    anyio.run(main, Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
