"""The files of the workspace: which have changed since the last look, and taking those in.

Does not know words. Guards that `.gitignore`, caps and binary files are respected, that no link is
followed, and that an unchanged tree costs a walk and nothing more.
"""

import os
import sqlite3
import stat
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from anyio import to_thread

from kodo.base.hashing import sha256_hex
from kodo.base.ignoring import Found, walk
from kodo.core.messages import Value
from kodo.store.blobs import SqliteBlobs
from kodo.store.database import Database
from kodo.store.files import Sighting, current_files, record_seen
from kodo.store.index.sources import is_text
from kodo.store.tree.coverage import SKIPPED_ALWAYS, SKIPPED_BESIDE

AfterBatch = Callable[[int, int], Awaitable[None]]
"""Called after each batch with the bytes that are done, and how many there are."""

_BATCH_BYTES = 1 << 20
_BATCH_FILES = 200
# A file that changed this shortly before it was read may change again and look the same: what is
# noted of it has no time of change, so that it is read again.
_SETTLED_AFTER_NS = 2_000_000_000


class Caps(Value, frozen=True):
    """How much of a workspace is indexed; larger files, and files beyond the totals, are not."""

    max_file_bytes: int = 4 << 20
    max_files: int = 50_000
    max_total_bytes: int = 400 << 20


class Look(NamedTuple):
    """How a file looks from outside."""

    size: int
    mtime_ns: int
    ctime_ns: int


async def take_in(
    database: Database,
    workspace: str,
    caps: Caps,
    now_ns: Callable[[], int],
    after_batch: AfterBatch,
) -> None:
    """Keep the files that changed since the last look, batch by batch. Raises StoreError."""
    blobs = SqliteBlobs(database)
    seen = await database.read(lambda connection: _seen(connection, workspace))
    started_ns = now_ns()
    looks = await to_thread.run_sync(_look, workspace, caps)
    changed = [(path, look) for path, look in looks.items() if seen.get(path) != look]
    total = sum(look.size for _, look in changed)
    done = 0
    for batch in _batches(changed):
        contents, sightings = await to_thread.run_sync(_read, batch)
        await blobs.keep(contents)
        settled_ns = started_ns - _SETTLED_AFTER_NS
        seen_now = [
            (path, look.size, look.mtime_ns, look.ctime_ns if _newest_ns(look) < settled_ns else 0)
            for path, look in batch
        ]
        await database.write(partial(_record, sightings=sightings, seen=seen_now))
        done += sum(look.size for _, look in batch)
        await after_batch(done, total)
    current = await database.read(lambda connection: current_files(connection, workspace))
    gone = await to_thread.run_sync(_gone, {*current, *seen}, looks)
    if gone:
        await database.write(lambda connection: _forget(connection, gone))


def _seen(connection: sqlite3.Connection, workspace: str) -> dict[str, Look]:
    low = workspace.rstrip("/") + "/"
    rows = connection.execute(
        "SELECT path, size, mtime_ns, ctime_ns FROM index_files WHERE path >= ? AND path < ?",
        (low, low[:-1] + "0"),  # the character after the slash
    )
    return {row[0]: Look(*row[1:]) for row in rows}


def _look(workspace: str, caps: Caps) -> dict[str, Look]:
    """Return how each file of interest looks, by its absolute path. Blocks."""
    root = Path(workspace)
    looks: dict[str, Look] = {}
    total = 0

    def never(found: Found) -> bool:
        return found.is_folder and _is_made(root, found.path)

    for found in walk(root, never=never):
        if found.is_folder:
            continue
        path = f"{workspace.rstrip('/')}/{found.path}"
        try:
            path.encode()
            status = os.lstat(path)
        except (OSError, UnicodeEncodeError):
            continue
        if not stat.S_ISREG(status.st_mode) or status.st_size > caps.max_file_bytes:
            continue
        total += status.st_size
        if len(looks) >= caps.max_files or total > caps.max_total_bytes:
            break
        looks[path] = Look(status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return looks


def _is_made(root: Path, folder: str) -> bool:
    """Tell whether a folder holds what tools have made: dependencies, caches, build output."""
    above, _, name = folder.rpartition("/")
    if name in SKIPPED_ALWAYS:
        return True
    beside = SKIPPED_BESIDE.get(name, ())
    return any((root / above / file).exists() for file in beside)


def _newest_ns(look: Look) -> int:
    return max(look.mtime_ns, look.ctime_ns)


def _batches(changed: Sequence[tuple[str, Look]]) -> Iterator[list[tuple[str, Look]]]:
    batch: list[tuple[str, Look]] = []
    size = 0
    for path, look in changed:
        batch.append((path, look))
        size += look.size
        if size >= _BATCH_BYTES or len(batch) >= _BATCH_FILES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _read(batch: Sequence[tuple[str, Look]]) -> tuple[dict[str, bytes], list[Sighting]]:
    """Return contents by name and what each path holds; binary files are left out. Blocks."""
    contents: dict[str, bytes] = {}
    sightings: list[Sighting] = []
    for path, look in batch:
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(fd, "rb") as stream:
                data = stream.read(look.size + 1)
        except OSError:
            continue
        if len(data) > look.size or not is_text(data):
            continue  # it grows as we look: the next look takes it
        name = sha256_hex(data)
        contents[name] = data
        sightings.append(Sighting(path, name))
    return contents, sightings


def _record(
    connection: sqlite3.Connection,
    sightings: Sequence[Sighting],
    seen: Sequence[tuple[str, int, int, int]],
) -> None:
    connection.executemany("INSERT OR REPLACE INTO index_files VALUES (?, ?, ?, ?)", seen)
    record_seen(connection, sightings)


def _gone(known: set[str], looks: dict[str, Look]) -> list[str]:
    """Return which paths have nothing any more; one that is ignored now may still be there."""
    return sorted(path for path in known - looks.keys() if not os.path.lexists(path))


def _forget(connection: sqlite3.Connection, gone: Sequence[str]) -> None:
    connection.executemany("DELETE FROM index_files WHERE path = ?", [(path,) for path in gone])
    record_seen(connection, [Sighting(path, None) for path in gone])
