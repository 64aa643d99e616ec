"""The door to a project's store: one file that gives the log, the blobs and the snapshots.

Does not know where the file lies (see paths.py). Guards that it is closed, whatever happens.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from kodo.store.blobs import SqliteBlobs
from kodo.store.database import Database
from kodo.store.files import FileVersions
from kodo.store.log import SqliteLog
from kodo.store.snapshots import WorkspaceSnapshots
from kodo.store.tree.coverage import Coverage
from kodo.store.tree.watch import OpenWatch


class Store(msgspec.Struct, frozen=True):
    """An open store. Its parts share one connection, made when the first of them is used."""

    database: Database
    log: SqliteLog
    blobs: SqliteBlobs
    files: FileVersions

    def snapshots(
        self,
        workspace: Path,
        *,
        coverage: Coverage | None = None,
        open_watch: OpenWatch | None = None,
    ) -> WorkspaceSnapshots:
        """Return the snapshots of a workspace; use one object a workspace and process."""
        return WorkspaceSnapshots(
            self.database,
            self.blobs,
            workspace,
            coverage=coverage or Coverage(),
            open_watch=open_watch,
        )


@asynccontextmanager
async def open_store(path: Path, *, busy_timeout_s: float = 30) -> AsyncGenerator[Store]:
    """Give the store in the file `path`, which is made (with its folders) when first used.

    `busy_timeout_s` is how long a write waits for other processes. A file that cannot be used is
    told by the first call that needs it: StoreError.
    """
    database = Database(path, busy_timeout_s=busy_timeout_s)
    try:
        yield Store(database, SqliteLog(database), SqliteBlobs(database), FileVersions(database))
    finally:
        await database.aclose()
