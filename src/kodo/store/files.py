"""The versions of files: which content a path had, and from which entry of the project on.

Does not read the workspace and does not know threads. Guards one order: numbers of entries count
over all threads of a store, and a version is current from its entry until the next version's.

Rows are made by edits (with the entry that changed the file, in its transaction) and by whoever
looks at the workspace (`seen`: what was changed by hand or by a command, from the next entry on).
Paths are absolute, so that sessions in a folder and in one above it mean the same file.
"""

import sqlite3
from collections.abc import Iterable
from typing import Literal, NamedTuple

from kodo.core.events import FileChange
from kodo.core.messages import Value
from kodo.store.database import Database

How = Literal["changed", "seen"]


class FileVersion(Value, frozen=True):
    """One version of a file, or its absence (`blob` None).

    `number` orders all versions of the store. `version` counts the contents that the path has had,
    from 1; an absence carries the count of the content that it ended (0 where there was none).
    It is current as of entry number n when `entry <= n`, and `until` (None: still) is beyond n.
    """

    number: int
    path: str
    version: int
    blob: str | None
    entry: int
    until: int | None
    how: How


class Sighting(NamedTuple):
    """What a path was found to hold; `blob` None: nothing is there any more."""

    path: str
    blob: str | None


class FileVersions:
    """The versions of the files of a project; the functions below do the work in a transaction."""

    __slots__ = ("_database",)

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(self, sightings: Iterable[Sighting]) -> int:
        """Record what was found in the workspace; returns how many versions were new.

        The blobs must be kept already. Raises StoreError.
        """
        found = list(sightings)
        return await self._database.write(lambda connection: record_seen(connection, found))

    async def versions(self, path: str) -> list[FileVersion]:
        """Return every version of an absolute path, oldest first. Raises StoreError."""
        return await self._database.read(lambda connection: versions_of(connection, path))

    async def current(
        self, folder: str = "/", as_of: int | None = None
    ) -> dict[str, tuple[int, str]]:
        """Return `number` and blob of each path under `folder` that was there as of an entry."""
        return await self._database.read(
            lambda connection: current_files(connection, folder, as_of)
        )


def newest_entry(connection: sqlite3.Connection) -> int:
    """Return the highest number that an entry of this store has ever had; 0 where there is none."""
    row = connection.execute(
        "SELECT max(coalesce((SELECT max(number) FROM entries), 0), "
        "coalesce((SELECT value FROM floors WHERE name = 'entries'), 0))"
    ).fetchone()
    return row[0]


def record_seen(connection: sqlite3.Connection, sightings: Iterable[Sighting]) -> int:
    """Record contents that were found in the workspace, where they are news.

    They count from the next entry on: what the newest entry saw may have been different. Returns
    how many versions were added.
    """
    entry = newest_entry(connection) + 1
    added = 0
    for path, blob in sightings:
        key = _key(blob)
        if key != _newest(connection, path).blob:
            _add(connection, path, key, entry, "seen")
            added += 1
    return added


def record_changes(
    connection: sqlite3.Connection, folder: str, changes: Iterable[FileChange], entry: int
) -> None:
    """Record what entry `entry` changed in `folder`, and what was there before if unknown."""
    for change in changes:
        path = absolute(folder, change.path)
        before, after = _key(change.before), _key(change.after)
        newest = _newest(connection, path)
        if newest.number and newest.blob == after:
            if newest.how == "seen" and before != after:
                # Somebody who looked at the workspace was faster than the entry of the edit.
                connection.execute(
                    "UPDATE file_versions SET entry = ?, how = 'changed' WHERE number = ?",
                    (entry, newest.number),
                )
            continue
        if newest.blob != before:
            _add(connection, path, before, entry, "seen")
        if before != after:
            _add(connection, path, after, entry, "changed")


def versions_of(connection: sqlite3.Connection, path: str) -> list[FileVersion]:
    """Return every version of an absolute path, oldest first."""
    rows = connection.execute(
        "SELECT number, path, blob, entry, how FROM file_versions WHERE path = ? ORDER BY number",
        (path,),
    ).fetchall()
    found: list[FileVersion] = []
    version = 0
    for at, (number, kept_path, blob, entry, how) in enumerate(rows):
        version += blob is not None
        until = rows[at + 1][3] if at + 1 < len(rows) else None
        name = None if blob is None else blob.hex()
        found.append(FileVersion(number, kept_path, version, name, entry, until, how))
    return found


def version_as_of(connection: sqlite3.Connection, path: str, entry: int) -> FileVersion | None:
    """Return what was current when entry number `entry` had been added; None: nothing is known.

    A content that was there before it was first seen counts from the beginning.
    """
    found: FileVersion | None = None
    for version in versions_of(connection, path):
        if version.entry > entry:
            return version if found is None and version.how == "seen" else found
        found = version
    return found


def current_files(
    connection: sqlite3.Connection, folder: str = "/", as_of: int | None = None
) -> dict[str, tuple[int, str]]:
    """Return `number` and blob of each path under `folder` that was there, sorted by path.

    `as_of` None is now; else entry number `as_of` was the newest one.
    """
    low = folder.rstrip("/") + "/"
    high = low[:-1] + "0"  # the character after the slash
    limit = (1 << 62) if as_of is None else as_of
    rows = connection.execute(
        "SELECT path, max(number), blob FROM file_versions "
        "WHERE path >= ? AND path < ? AND entry <= ? GROUP BY path",
        (low, high, limit),
    )
    return {path: (number, blob.hex()) for path, number, blob in rows if blob is not None}


def versions_after(
    connection: sqlite3.Connection, number: int, limit: int
) -> list[tuple[int, str, str | None, int, How]]:
    """Return the next versions in the order of their numbers: number, path, blob, entry, how."""
    rows = connection.execute(
        "SELECT number, path, blob, entry, how FROM file_versions "
        "WHERE number > ? ORDER BY number LIMIT ?",
        (number, limit),
    )
    return [
        (row[0], row[1], None if row[2] is None else row[2].hex(), row[3], row[4]) for row in rows
    ]


def forget_versions(connection: sqlite3.Connection, thread: int) -> None:
    """Forget what the entries of a thread made of files, save for what the files are now."""
    connection.execute(
        "DELETE FROM file_versions WHERE entry IN (SELECT number FROM entries WHERE thread = ?1) "
        "AND number NOT IN (SELECT max(number) FROM file_versions GROUP BY path)",
        (thread,),
    )
    connection.execute(
        "UPDATE file_versions SET how = 'seen' "
        "WHERE entry IN (SELECT number FROM entries WHERE thread = ?)",
        (thread,),
    )


def absolute(folder: str, path: str) -> str:
    """Return the path that names a file of a workspace here."""
    return path if path.startswith("/") else f"{folder.rstrip('/')}/{path}"


class _Newest(NamedTuple):
    number: int
    blob: bytes | None
    how: str


_NOTHING = _Newest(0, None, "")


def _newest(connection: sqlite3.Connection, path: str) -> _Newest:
    """Return the newest version of a path; one that was never there is absent, which is no news."""
    row = connection.execute(
        "SELECT number, blob, how FROM file_versions WHERE path = ? ORDER BY number DESC LIMIT 1",
        (path,),
    ).fetchone()
    return _NOTHING if row is None else _Newest(*row)


def _add(
    connection: sqlite3.Connection, path: str, blob: bytes | None, entry: int, how: How
) -> None:
    connection.execute(
        "INSERT INTO file_versions (path, blob, entry, how) VALUES (?, ?, ?, ?)",
        (path, blob, entry, how),
    )


def _key(name: str | None) -> bytes | None:
    return None if name is None else bytes.fromhex(name)
