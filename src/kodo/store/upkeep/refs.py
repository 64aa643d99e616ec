"""What a purge is asked for: a reference, or a text wherever it is, found in the rows.

Does not change anything. Guards that a reference means one thing, or is refused by name.
"""

import re
import sqlite3
from typing import NamedTuple

from kodo.base.errors import ConfigError
from kodo.store.files import absolute, versions_of
from kodo.store.pieces import read_pieces
from kodo.store.threads import resolve

_ENTRY = re.compile(r"(?:(?P<thread>[^:\s]+):)?e(?P<seq>[0-9]{1,12})")
_FILE = re.compile(r"f:(?P<path>.+?)(?:@(?P<version>[0-9]{1,9}))?")
_BLOB = re.compile(r"[0-9a-f]{8,64}")


class Target(NamedTuple):
    """What to purge: entries by their number, blobs by their key, and texts that hold `text`."""

    entries: frozenset[int] = frozenset()
    blobs: frozenset[bytes] = frozenset()
    text: str = ""


def find(connection: sqlite3.Connection, ref: str, *, thread: str | None, folder: str) -> Target:
    """Return what a reference of `kodo.core.recall`, or the beginning of a blob's name, means.

    `e42` is of `thread`; relative paths are of `folder`. Raises ConfigError, StoreError for an
    unknown thread.
    """
    if found := _ENTRY.fullmatch(ref):
        return _find_entry(connection, ref, found["thread"] or thread, int(found["seq"]))
    if found := _FILE.fullmatch(ref):
        return _find_file(connection, ref, absolute(folder, found["path"]), found["version"])
    if _BLOB.fullmatch(ref):
        return _find_blob(connection, ref)
    raise ConfigError(
        f"{ref!r} is not a reference: it is e42 (an entry), THREAD:e42, f:PATH or f:PATH@2 (a "
        "version of a file), or the name of a blob, of which 8 digits are enough"
    )


def find_text(connection: sqlite3.Connection, text: str) -> Target:
    """Return every blob that holds `text` as it is or as JSON writes it, and the text itself."""
    wanted = [form.encode() for form in forms(text)]
    longest = max(map(len, wanted))
    keys = connection.execute("SELECT blob FROM pieces WHERE piece = 0").fetchall()
    found: set[bytes] = set()
    for (key,) in keys:
        before = b""
        for piece in read_pieces(connection, key):
            window = before + piece
            if any(form in window for form in wanted):
                found.add(key)
                break
            before = window[-longest:]
    return Target(blobs=frozenset(found), text=text)


def forms(text: str) -> tuple[str, ...]:
    """Return how `text` may stand in a text: as it is, and inside a JSON string."""
    quoted = (
        text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    )
    return (text,) if quoted == text else (text, quoted)


def _find_entry(connection: sqlite3.Connection, ref: str, thread: str | None, seq: int) -> Target:
    if thread is None:
        raise ConfigError(f"{ref!r} needs a session: THREAD:{ref} (see: kodo sessions list)")
    whole_id = resolve(connection, thread)
    row = connection.execute(
        "SELECT entries.number FROM entries JOIN threads ON threads.number = entries.thread "
        "WHERE threads.id = ? AND seq = ?",
        (whole_id, seq),
    ).fetchone()
    if row is None:
        raise ConfigError(f"session {whole_id!r} has no entry {seq} ({ref!r})")
    return Target(entries=frozenset(row))


def _find_file(connection: sqlite3.Connection, ref: str, path: str, version: str | None) -> Target:
    kept = [one for one in versions_of(connection, path) if one.blob is not None]
    if not kept:
        raise ConfigError(f"no version of {path!r} is kept ({ref!r})")
    wanted = kept[-1].version if version is None else int(version)
    for one in kept:
        if one.version == wanted and one.blob is not None:
            return Target(blobs=frozenset({bytes.fromhex(one.blob)}))
    raise ConfigError(f"{path!r} has the versions 1 to {kept[-1].version}, not {wanted} ({ref!r})")


def _find_blob(connection: sqlite3.Connection, ref: str) -> Target:
    found = blobs_beginning(connection, ref)
    if len(found) == 1:
        return Target(blobs=frozenset(found))
    if not found:
        raise ConfigError(f"no blob {ref!r} in this project's store")
    raise ConfigError(f"{ref!r} begins {len(found)} blobs: give more of its digits")


def blobs_beginning(connection: sqlite3.Connection, name: str) -> set[bytes]:
    """Return the keys of the blobs whose name begins so."""
    low, high = bytes.fromhex(name.ljust(64, "0")), bytes.fromhex(name.ljust(64, "f"))
    rows = connection.execute(
        "SELECT blob FROM pieces WHERE blob >= ? AND blob <= ? AND piece = 0", (low, high)
    )
    return {row[0] for row in rows}
