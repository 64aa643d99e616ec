"""The grammar of references: `e42`, `1f2e3d:e42`, `f:src/a.py`, `f:src/a.py@2`, and what they name.

Knows the truth's tables, not the index. Guards that a reference that was given out names the same
bytes for ever.
"""

import re
import sqlite3
from typing import NamedTuple

from kodo.base.errors import StoreError, ToolError
from kodo.store.files import FileVersion, absolute, versions_of
from kodo.store.threads import resolve

_ENTRY = re.compile(r"(?:(?P<thread>[\w.-]+):)?e(?P<seq>[0-9]+)\Z")
_FILE = re.compile(r"f:(?P<path>.+?)(?:@(?P<version>[0-9]+))?\Z", re.DOTALL)

_ID = 26
_SHOWN_ID = 16


class Place(NamedTuple):
    """From where references are seen: the workspace's path, and the present thread or none."""

    workspace: str
    thread: str | None


class EntryPlace(NamedTuple):
    """The row of an entry, and whether it was purged."""

    number: int
    thread: str
    seq: int
    purged: bool


def find(connection: sqlite3.Connection, ref: str, place: Place) -> EntryPlace | FileVersion:
    """Return what a reference names. Raises ToolError: not one, unknown, ambiguous or gone."""
    ref = ref.strip()
    if (match := _FILE.match(ref)) is not None:
        return _find_file(connection, match["path"], match["version"], place)
    if (match := _ENTRY.match(ref)) is not None:
        return _find_entry(connection, match["thread"], int(match["seq"]), place)
    raise ToolError(
        f"{ref!r} is no reference: they look like 'e42', '01jc8v…:e42', 'f:src/a.py' or "
        "'f:src/a.py@2'"
    )


def _find_entry(
    connection: sqlite3.Connection, thread: str | None, seq: int, place: Place
) -> EntryPlace:
    wanted = thread or place.thread
    if wanted is None:
        raise ToolError(f"'e{seq}' names no thread: write it as 'THREAD:e{seq}'")
    try:
        whole = resolve(connection, wanted)
    except StoreError as error:
        raise ToolError(str(error)) from error
    row = connection.execute(
        "SELECT entries.number, entries.purge IS NOT NULL FROM entries "
        "JOIN threads ON threads.number = entries.thread WHERE threads.id = ? AND seq = ?",
        (whole, seq),
    ).fetchone()
    if row is None:
        raise ToolError(f"thread {whole!r} has no entry {seq}")
    return EntryPlace(row[0], whole, seq, bool(row[1]))


def _find_file(
    connection: sqlite3.Connection, path: str, version: str | None, place: Place
) -> FileVersion:
    whole = absolute(place.workspace, path)
    versions = [one for one in versions_of(connection, whole) if one.blob is not None]
    if not versions:
        raise ToolError(f"no version of the file {path!r} is kept")
    if version is None:
        return versions[-1]
    for one in versions:
        if one.version == int(version):
            return one
    raise ToolError(
        f"the file {path!r} has {versions[-1].version} versions, and no version {version}"
    )


def entry_ref(thread: str, seq: int, place: Place) -> str:
    """Return the reference of an entry as it is seen from `place`."""
    if thread == place.thread:
        return f"e{seq}"
    return f"{short_id(thread)}:e{seq}"


def short_id(thread: str) -> str:
    """Return what is enough of a thread's id: of our own ids the time and 30 random bits."""
    return thread[:_SHOWN_ID] if len(thread) == _ID else thread


def file_ref(path: str, version: int, place: Place) -> str:
    """Return the reference of a file's version."""
    return f"f:{local_path(path, place)}@{version}"


def local_path(path: str, place: Place) -> str:
    """Return a path relative to the workspace where it is in it."""
    root = place.workspace.rstrip("/") + "/"
    return path[len(root) :] if path.startswith(root) else path
