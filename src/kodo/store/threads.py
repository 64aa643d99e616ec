"""Reading threads back: by id or prefix, with their hash chain proved, or as lines of a list.

Does not know how they are written. Guards that a changed or missing row is found and named.
"""

import hashlib
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from kodo.base.errors import NotStored, StoreError
from kodo.core.events import RunEnded
from kodo.core.messages import Value
from kodo.core.store import ThreadSummary
from kodo.core.thread import Entry, ThreadHeader
from kodo.store.database import is_corrupt
from kodo.store.entries import decode_entry, fill, unpack_row

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_SHORTEST_PREFIX = 6
_LONGEST_TITLE = 80

_HEADER = msgspec.json.Decoder(ThreadHeader)


class Damage(Value, frozen=True):
    """A place where the log is not what was written. `seq` None: the thread's header."""

    thread_id: str
    seq: int | None
    reason: str


class Purged(Value, frozen=True):
    """An entry whose texts were taken away on purpose; `entry` is what remains of it."""

    thread_id: str
    seq: int
    at: datetime
    who: str
    why: str
    entry: Entry


def chained(previous: bytes, digest: bytes) -> bytes:
    """Return the chain value after an entry: sha256(previous + digest), 32 bytes.

    `digest` is the SHA-256 of its body, so that the body can be taken away and the chain stand.
    """
    return hashlib.sha256(previous + digest).digest()


def first_link(header: bytes, digest: bytes | None = None) -> bytes:
    """Return the chain value that a thread begins with; `digest` is kept where it was purged."""
    return chained(b"", digest or hashlib.sha256(header).digest())


def title_of(text: str) -> str:
    """Return the first line of a text, cut to a title."""
    line = " ".join(text.strip().partition("\n")[0].split())
    return line if len(line) <= _LONGEST_TITLE else line[: _LONGEST_TITLE - 1] + "…"


def resolve(connection: sqlite3.Connection, thread_id: str) -> str:
    """Return the whole id that `thread_id` is or begins. Raises NotStored: none, or several."""
    row = connection.execute("SELECT id FROM threads WHERE id = ?", (thread_id,)).fetchone()
    if row is not None:
        return row[0]
    if len(thread_id) < _SHORTEST_PREFIX:
        raise NotStored(
            f"no thread {thread_id!r}: give its id, or at least its first "
            f"{_SHORTEST_PREFIX} characters (`kodo sessions list` shows them)"
        )
    found: list[str] = [
        row[0]
        for row in connection.execute(
            "SELECT id FROM threads WHERE substr(id, 1, ?) = ? ORDER BY number DESC LIMIT 4",
            (len(thread_id), thread_id),
        )
    ]
    if len(found) == 1:
        return found[0]
    if not found:
        raise NotStored(
            f"no thread {thread_id!r} in this project's store (`kodo sessions list` shows them)"
        )
    shown = ", ".join(found[:3]) + (", …" if len(found) > 3 else "")
    raise NotStored(f"{thread_id!r} begins several threads ({shown}): give more of it")


def walk(
    connection: sqlite3.Connection, thread_id: str
) -> Iterator[ThreadHeader | Entry | Purged | Damage]:
    """Yield the header and the entries in order, and a Damage in place of what is not whole.

    Raises StoreError where there is no such thread.
    """
    row = connection.execute(
        "SELECT number, title, header, digest, purge FROM threads WHERE id = ?", (thread_id,)
    ).fetchone()
    if row is None:
        raise StoreError(f"no thread {thread_id!r} in this project's store")
    number, title, header_bytes, header_digest, header_purge = row
    try:
        if header_purge is not None:
            tombstone(connection, "header", header_purge, header_digest, header_bytes)
        header = _HEADER.decode(header_bytes)
        yield msgspec.structs.replace(header, title=header.title or title)
    except (StoreError, msgspec.DecodeError) as error:
        yield Damage(thread_id, None, str(error))
    chain = first_link(header_bytes, header_digest)
    rows = connection.execute(
        "SELECT seq, id, chain, kind, at_us, digest, purge, packing, body FROM entries "
        "WHERE thread = ? ORDER BY seq",
        (number,),
    )
    expected_seq = 0
    try:
        for seq, entry_id, kept_chain, kind, at_us, digest, *kept in rows:
            expected_seq += 1
            chain = chained(chain, digest)
            try:
                if seq != expected_seq:
                    raise StoreError(f"entry {expected_seq} is missing")
                if chain != kept_chain:
                    raise StoreError("the chain breaks here: it does not match its hash")
                value = _read(connection, thread_id, digest, kept)
                entry = value.entry if isinstance(value, Purged) else value
                if (entry.event.seq, entry.id, kind_of(entry), microseconds(entry.event.at)) != (
                    *(seq, entry_id, kind, at_us),
                ):
                    raise StoreError("its row names another entry")
                yield value
            except (StoreError, msgspec.DecodeError) as error:
                yield Damage(thread_id, seq, str(error))
            # After a damaged row the chain goes on from what was kept: each damage is named once.
            chain, expected_seq = kept_chain, seq
    except sqlite3.DatabaseError as error:
        if not is_corrupt(error):
            raise
        yield Damage(thread_id, expected_seq + 1, f"the file cannot be read from here: {error}")


def _read(
    connection: sqlite3.Connection, thread_id: str, digest: bytes, kept: list[Any]
) -> Entry | Purged:
    purge, packing, packed = kept
    unpacked = unpack_row(packing, packed)
    if purge is None and hashlib.sha256(unpacked).digest() != digest:
        raise StoreError("its body does not match its hash")
    entry = decode_entry(fill(connection, packing, unpacked))
    if purge is None:
        return entry
    told = tombstone(connection, "entry", purge, digest, unpacked)
    return Purged(thread_id, entry.event.seq, *told, entry)


def kind_of(entry: Entry) -> str:
    """Return the kind of an entry's event, as it stands in its row."""
    return str(type(entry.event.body).__struct_config__.tag)


def microseconds(at: datetime) -> int:
    """Return a time as it stands in a row: microseconds since 1970."""
    return (at - EPOCH) // timedelta(microseconds=1)


def tombstone(
    connection: sqlite3.Connection, kind: str, purge: int, digest: bytes | None, remains: bytes
) -> tuple[datetime, str, str]:
    """Return when, by whom and why a row was purged. Raises StoreError where nothing tells."""
    row = connection.execute(
        "SELECT at_us, who, why, key, replacement FROM purges WHERE number = ? AND kind = ?",
        (purge, kind),
    ).fetchone()
    if row is None or row[3] != digest or row[4] != hashlib.sha256(remains).digest():
        raise StoreError("it is marked as purged, but no record of a purge tells of it")
    return EPOCH + timedelta(microseconds=row[0]), row[1], row[2]


def summaries(connection: sqlite3.Connection, cwd: str | None, limit: int) -> list[ThreadSummary]:
    """Return the newest `limit` threads (of `cwd`, None: all), newest last entry first."""
    rows = connection.execute(
        """
        SELECT threads.number, threads.id, cwd, title, header, coalesce(last.seq, 0),
            coalesce(last.at_us, threads.at_us) AS newest_us
        FROM threads LEFT JOIN entries AS last ON last.thread = threads.number AND last.seq =
            (SELECT max(seq) FROM entries WHERE thread = threads.number)
        WHERE ?1 IS NULL OR cwd = ?1
        ORDER BY newest_us DESC, threads.number DESC LIMIT ?2
        """,
        (cwd, limit),
    ).fetchall()
    found: list[ThreadSummary] = []
    for number, thread_id, kept_cwd, title, header_bytes, count, newest_us in rows:
        updated_at = EPOCH + timedelta(microseconds=newest_us)
        try:
            header = _HEADER.decode(header_bytes)
            header = msgspec.structs.replace(header, title=header.title or title)
            outcome = _outcome(connection, number)
        except (StoreError, msgspec.DecodeError):
            # One damaged thread must not hide the others; opening it tells what is wrong.
            header = ThreadHeader(thread_id, updated_at, kept_cwd, title)
            outcome = "damaged"
        updated = updated_at.isoformat(timespec="seconds")
        found.append(ThreadSummary(header, entries=count, updated_at=updated, outcome=outcome))
    return found


def _outcome(connection: sqlite3.Connection, thread: int) -> str:
    """Return how the last run ended; empty where it has not, or where there was none."""
    row = connection.execute(
        "SELECT kind, packing, body FROM entries WHERE thread = ? "
        "AND kind IN ('run_started', 'run_ended') ORDER BY seq DESC LIMIT 1",
        (thread,),
    ).fetchone()
    if row is None or row[0] != "run_ended":
        return ""
    body = decode_entry(fill(connection, row[1], unpack_row(row[1], row[2]))).event.body
    return body.outcome if isinstance(body, RunEnded) else ""
