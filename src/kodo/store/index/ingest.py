"""Following the log: what entries and file versions gained goes into the index, batch by batch.

Does not know the workspace. Guards that each row of the truth is indexed once, whatever dies and
however many processes do it: what is done and how far it got are one transaction.
"""

import hashlib
import sqlite3
from dataclasses import dataclass, field
from functools import partial

from kodo.base.errors import StoreError
from kodo.store.database import Database
from kodo.store.entries import read_after
from kodo.store.files import versions_after
from kodo.store.index.contents import Prepared, Use, known, prepare, put
from kodo.store.index.removal import is_due, take_out
from kodo.store.index.sources import FILE, SOURCES, beginning, content_of, is_text
from kodo.store.index.tables import FORMAT, format_of, make, set_state, state

BATCH_BYTES = 1 << 22
BULK_BYTES = 4 << 20

_ENTRIES_A_READ = 64
_VERSIONS_A_READ = 64


@dataclass(slots=True)
class _Batch:
    """What was read of the truth behind two marks, and the marks behind it."""

    entries_before: int
    versions_before: int
    entries: int
    versions: int
    size: int = 0
    texts: dict[bytes, tuple[bytes, str]] = field(default_factory=dict[bytes, tuple[bytes, str]])
    uses: list[Use] = field(default_factory=list[Use])
    prepared: list[Prepared] = field(default_factory=list[Prepared])
    removal_due: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether there was nothing new at all."""
        return (self.entries, self.versions) == (self.entries_before, self.versions_before)


async def ensure(database: Database) -> None:
    """Make the index's tables where they are missing or of another format. Raises StoreError."""
    if await database.read(format_of) != FORMAT:
        await database.write(make)


async def follow(database: Database, batch_bytes: int = BATCH_BYTES) -> int:
    """Index the next batch of what the log gained; return how many bytes were looked at.

    0 means that there is nothing more. Raises StoreError.
    """
    while True:
        batch = await database.read(lambda connection: _read(connection, batch_bytes))
        if batch is None:
            await ensure(database)
            continue
        if batch.removal_due:
            await database.write(take_out)
            continue
        if batch.is_empty:
            return 0
        if await database.write(partial(_write, batch=batch)):
            return max(1, batch.size)


def _read(connection: sqlite3.Connection, batch_bytes: int) -> _Batch | None:
    """Read and prepare the next batch without holding a lock; None where there is no index."""
    if format_of(connection) != FORMAT:
        return None
    entries, versions = state(connection, "entries"), state(connection, "versions")
    batch = _Batch(entries, versions, entries, versions)
    if is_due(connection):
        batch.removal_due = True
        return batch
    while batch.size < batch_bytes:
        rows = read_after(connection, batch.entries, _ENTRIES_A_READ)
        for stored in rows:
            batch.entries = stored.number
            try:
                found = content_of(connection, stored)
            except StoreError:
                continue  # it is damaged: `verify` names it, and the rest can still be found
            if found is not None:
                kind, data = found
                sha = hashlib.sha256(data).digest()
                _add(batch, SOURCES[kind], stored.number, sha, data, "")
            if batch.size >= batch_bytes:
                break
        if len(rows) < _ENTRIES_A_READ:
            break
    while batch.size < batch_bytes:
        found_versions = versions_after(connection, batch.versions, _VERSIONS_A_READ)
        for number, path, blob, _, _ in found_versions:
            batch.versions = number
            if blob is None:
                continue
            key = bytes.fromhex(blob)
            if known(connection, (key,)):
                batch.uses.append(Use(FILE, number, key))
                continue
            try:
                data = beginning(connection, key)
            except StoreError:
                continue
            if is_text(data):
                _add(batch, FILE, number, key, data, path)
            if batch.size >= batch_bytes:
                break
        if len(found_versions) < _VERSIONS_A_READ:
            break
    present = known(connection, batch.texts)
    batch.prepared = [
        prepare(sha, data, path) for sha, (data, path) in batch.texts.items() if sha not in present
    ]
    batch.texts.clear()
    return batch


def _add(batch: _Batch, source: int, number: int, sha: bytes, data: bytes, path: str) -> None:
    batch.texts.setdefault(sha, (data, path))
    batch.uses.append(Use(source, number, sha))
    batch.size += len(data)


def _write(connection: sqlite3.Connection, batch: _Batch) -> bool:
    """Put a batch in; False where another process has been faster, and it must be read again."""
    if format_of(connection) != FORMAT:
        return False
    before = (state(connection, "entries"), state(connection, "versions"))
    if before != (batch.entries_before, batch.versions_before):
        return False
    put(connection, batch.prepared, batch.uses)
    set_state(connection, "entries", batch.entries)
    set_state(connection, "versions", batch.versions)
    return True
