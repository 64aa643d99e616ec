"""Reading threads back: by id or prefix, with their hash chain proved, or as lines of a list.

Does not know how they are written. Guards that a changed or missing row is found and named.
"""

import hashlib
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec

from kodo.base.errors import StoreError
from kodo.core.events import RunEnded
from kodo.core.messages import Value
from kodo.core.store import ThreadSummary
from kodo.core.thread import Entry, ThreadHeader
from kodo.store.packing import unpack

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_SHORTEST_PREFIX = 6

_ENTRY = msgspec.json.Decoder(Entry)
_HEADER = msgspec.json.Decoder(ThreadHeader)


class Damage(Value, frozen=True):
    """A place where the log is not what was written. `seq` None: the thread's header."""

    thread_id: str
    seq: int | None
    reason: str


def chained(previous: bytes, body: bytes) -> bytes:
    """Return the chain value after `body`: sha256(previous + sha256(body)), 32 bytes.

    It stands on the body's hash so that a body can be taken away later without breaking the chain.
    """
    return hashlib.sha256(previous + hashlib.sha256(body).digest()).digest()


def resolve(connection: sqlite3.Connection, thread_id: str) -> str:
    """Return the whole id that `thread_id` is or begins. Raises StoreError: none, or several."""
    row = connection.execute("SELECT id FROM threads WHERE id = ?", (thread_id,)).fetchone()
    if row is not None:
        return row[0]
    if len(thread_id) < _SHORTEST_PREFIX:
        raise StoreError(
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
        raise StoreError(
            f"no thread {thread_id!r} in this project's store (`kodo sessions list` shows them)"
        )
    shown = ", ".join(found[:3]) + (", …" if len(found) > 3 else "")
    raise StoreError(f"{thread_id!r} begins several threads ({shown}): give more of it")


def walk(connection: sqlite3.Connection, thread_id: str) -> Iterator[ThreadHeader | Entry | Damage]:
    """Yield the header and the entries in order, and a Damage in place of what is not whole.

    Raises StoreError where there is no such thread.
    """
    row = connection.execute(
        "SELECT number, title, header FROM threads WHERE id = ?", (thread_id,)
    ).fetchone()
    if row is None:
        raise StoreError(f"no thread {thread_id!r} in this project's store")
    number, title, header_bytes = row
    try:
        header = _HEADER.decode(header_bytes)
        yield msgspec.structs.replace(header, title=header.title or title)
    except msgspec.DecodeError as error:
        yield Damage(thread_id, None, str(error))
    chain = chained(b"", header_bytes)
    expected_seq = 0
    rows = connection.execute(
        "SELECT seq, id, chain, packing, body FROM entries WHERE thread = ? ORDER BY seq", (number,)
    )
    for seq, entry_id, kept_chain, packing, packed in rows:
        expected_seq += 1
        try:
            body = unpack(packing, packed)
            chain = chained(chain, body)
            if seq != expected_seq:
                raise StoreError(f"entry {expected_seq} is missing")
            if chain != kept_chain:
                raise StoreError("it does not match its hash")
            entry = _ENTRY.decode(body)
            if entry.id != entry_id or entry.event.seq != seq:
                raise StoreError("its row names another entry")
            yield entry
        except (StoreError, msgspec.DecodeError) as error:
            yield Damage(thread_id, seq, str(error))
        # After a damaged row the chain goes on from what was kept, so each damage is named once.
        chain, expected_seq = kept_chain, seq


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
    body = _ENTRY.decode(unpack(row[1], row[2])).event.body
    return body.outcome if isinstance(body, RunEnded) else ""
