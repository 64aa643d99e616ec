"""Collecting garbage: blobs that nothing names any more, and the free space of the file.

Does not shorten the history: what an entry, a snapshot of it or a version of a file names stays.
Guards that nobody else has the store open, since a run may rely on blobs that it has yet to name.
"""

import re
import sqlite3
from collections.abc import Iterator

import msgspec

from kodo.base.errors import StoreError
from kodo.core.messages import Value
from kodo.store.database import Database, is_busy
from kodo.store.entries import fill, text_names, unpack_row
from kodo.store.pieces import has, read_whole, remove
from kodo.store.tree.manifest import decode_manifest

# Whatever may be the name of a blob in an entry, or the beginning that a tool result shows.
_NAME = re.compile(rb"(?<![0-9a-f])(?:[0-9a-f]{64}|[0-9a-f]{16})(?![0-9a-f])")
_WAIT_FOR_OTHERS_MS = 1000


class Collected(Value, frozen=True):
    """What was collected: unnamed blobs, and writes that never ended; the file before and after."""

    blobs: int
    unfinished: int
    bytes_before: int
    bytes_after: int


async def collect(database: Database) -> Collected:
    """Remove unnamed blobs and give free space back to the disk.

    Needs free space as large as what remains. Raises StoreError, also where another process has
    the store open or an entry is damaged: what it named could not be told.
    """

    def act(connection: sqlite3.Connection) -> Collected:
        _have_alone(connection, database)
        before = database.path.stat().st_size
        try:
            connection.execute("BEGIN EXCLUSIVE")
            try:
                blobs, unfinished = _remove_unnamed(connection)
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
            connection.execute("VACUUM")
        finally:
            connection.execute("PRAGMA journal_mode = WAL")
        return Collected(blobs, unfinished, before, database.path.stat().st_size)

    return await database.maintain(act)


def _have_alone(connection: sqlite3.Connection, database: Database) -> None:
    """Leave the mode in which several processes share the file: that takes being alone with it."""
    patience = connection.execute("PRAGMA busy_timeout").fetchone()[0]
    connection.execute(f"PRAGMA busy_timeout = {min(patience, _WAIT_FOR_OTHERS_MS)}")
    try:
        connection.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.OperationalError as error:
        if not is_busy(error):
            raise
        raise StoreError(
            f"the store {str(database.path)!r} is in use by another process, which may need what "
            "nothing names yet: end it (a chat, a run, a server), then try again"
        ) from error
    finally:
        connection.execute(f"PRAGMA busy_timeout = {patience}")


def _remove_unnamed(connection: sqlite3.Connection) -> tuple[int, int]:
    """Remove blobs and return how many had a name that nobody uses, and how many never had one."""
    keys, starts = _named(connection)
    rows = connection.execute("SELECT blob, min(piece) FROM pieces GROUP BY blob").fetchall()
    unfinished = [key for key, first in rows if first != 0]
    unnamed = [
        key
        for key, first in rows
        if first == 0 and key not in keys and key.hex()[:16] not in starts
    ]
    if unnamed or unfinished:
        remove(connection, [*unnamed, *unfinished])
        # What a walk of the workspace relies on to be in the blobs may be there no more.
        connection.execute("DELETE FROM workspaces")
    return len(unnamed), len(unfinished)


def _named(connection: sqlite3.Connection) -> tuple[set[bytes], set[str]]:
    """Return the keys that something names, and the beginnings of names that texts mention."""
    rows = connection.execute("SELECT blob FROM file_versions WHERE blob IS NOT NULL")
    keys: set[bytes] = {row[0] for row in rows}
    starts: set[str] = set()
    snapshots: set[bytes] = set()
    entries = connection.execute(
        "SELECT threads.id, seq, kind, packing, body FROM entries "
        "JOIN threads ON threads.number = entries.thread"
    )
    for thread_id, seq, kind, packing, packed in entries:
        try:
            unpacked = unpack_row(packing, packed)
            keys.update(text_names(packing, unpacked))
            body = fill(connection, packing, unpacked)
        except StoreError as error:
            raise StoreError(
                f"entry {seq} of thread {thread_id!r} is damaged ({error}), so what it names "
                "cannot be told and nothing was removed; see: kodo store verify"
            ) from error
        for name in _NAME.findall(body):
            if len(name) == 16:
                starts.add(name.decode())
            else:
                keys.add(key := bytes.fromhex(name.decode()))
                if kind == "snapshot":
                    snapshots.add(key)
    for key in _follow(connection, snapshots):
        keys.add(key)
    return keys, starts


def _follow(connection: sqlite3.Connection, snapshots: set[bytes]) -> Iterator[bytes]:
    """Yield what snapshots hold, and the snapshots that they are told as differences to."""
    waiting, seen = list(snapshots), set(snapshots)
    while waiting:
        key = waiting.pop()
        if not has(connection, key):
            continue  # purged, or missing: verify tells
        try:
            manifest = decode_manifest(read_whole(connection, key), key.hex())
        except (StoreError, msgspec.DecodeError) as error:
            raise StoreError(f"{error}; nothing was removed, see: kodo store verify") from error
        yield from (bytes.fromhex(file.digest) for file in manifest.files if file.digest)
        if manifest.base is not None and (base := bytes.fromhex(manifest.base)) not in seen:
            seen.add(base)
            waiting.append(base)
            yield base
