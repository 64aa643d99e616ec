"""The one-time fill of the table of file versions from entries that are older than it.

Belongs to the step from format 1 to 2 and knows only what entries and tables looked like then.
Guards nothing: an entry that cannot be read is passed over, `verify` names it.
"""

import sqlite3

import msgspec

from kodo.base.errors import StoreError
from kodo.store.packing import unpack


class _Change(msgspec.Struct):
    path: str
    before: str | None
    after: str | None


class _Body(msgspec.Struct):
    changes: list[_Change]


class _Event(msgspec.Struct):
    body: _Body


class _Entry(msgspec.Struct):
    event: _Event


_DECODER = msgspec.json.Decoder(_Entry)


def record_earlier_changes(connection: sqlite3.Connection) -> None:
    """Record what edits changed, in order; copies of older entries in a forked thread do not count.

    Paths become absolute by the folder that their thread worked in.
    """
    newest: dict[str, bytes | None] = {}
    rows: list[tuple[str, bytes | None, int, str]] = []

    def record(path: str, name: str | None, number: int, how: str) -> None:
        blob = None if name is None else bytes.fromhex(name)
        if path not in newest and blob is None and how == "seen":
            return
        if path not in newest or newest[path] != blob:
            rows.append((path, blob, number, how))
            newest[path] = blob

    entries = connection.execute(
        "SELECT entries.number, cwd, packing, body FROM entries "
        "JOIN threads ON threads.number = entries.thread "
        "WHERE kind = 'files_changed' AND entries.at_us >= threads.at_us ORDER BY entries.number"
    )
    for number, cwd, packing, body in entries:
        try:
            changes = _DECODER.decode(unpack(packing, body)).event.body.changes
            for change in changes:
                path = f"{cwd.rstrip('/')}/{change.path}"
                record(path, change.before, number, "seen")
                record(path, change.after, number, "changed")
        except (
            StoreError,
            ValueError,
        ):  # msgspec.DecodeError and a broken hex name are ValueErrors
            continue
    connection.executemany(
        "INSERT INTO file_versions (path, blob, entry, how) VALUES (?, ?, ?, ?)", rows
    )
