"""Purging: the one deliberate loss. Texts and blobs go, and a record of who, when and why stays.

Does not know the index, which drops its own rows by the records. Guards that the chain still
stands, that what belongs together goes together, and that a loss without a record is damage.

With an entry go its blobs, the same texts elsewhere (of 16 characters and more, or in the same
run), and what belongs to the same call: arguments, question, changes, result. With a blob go the
calls that name it. A text that is purged goes wherever it is a part of a text or of a blob.
"""

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Literal, NamedTuple

import msgspec

from kodo.base.errors import StoreError
from kodo.core.events import MessageAdded, SnapshotTaken
from kodo.core.messages import Value
from kodo.core.thread import Entry, ThreadHeader
from kodo.store.database import Database
from kodo.store.entries import decode_entry, fill, unpack_row
from kodo.store.packing import pack
from kodo.store.pieces import PIECE_BYTES, has, read_pieces, remove
from kodo.store.schema import TRUTH
from kodo.store.threads import microseconds, title_of
from kodo.store.upkeep.redact import call_of, named_blobs, redact
from kodo.store.upkeep.refs import Target, blobs_beginning, forms

SHORTEST_SHARED_TEXT = 16
MAX_COMPARED_BYTES = 16 << 20

_PURGED_TITLE = "[purged]"

PurgedKind = Literal["entry", "blob", "header"]


class Order(Value, frozen=True):
    """Who purges, when and why; that is on record for good."""

    who: str
    why: str
    at: datetime


class PurgeReport(Value, frozen=True):
    """What was purged: entries as `thread:eN`, names of blobs, paths of files that lost a version.

    `threads` are those whose title went.
    """

    entries: tuple[str, ...] = ()
    blobs: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    threads: tuple[str, ...] = ()


class _Row(NamedTuple):
    number: int
    thread_id: str
    digest: bytes
    entry: Entry


async def purge(database: Database, target: Target, order: Order) -> PurgeReport:
    """Purge what `target` names, in one transaction. Raises StoreError where nothing is there.

    The bytes may remain in free space of the file until `scrub`.
    """

    def act(connection: sqlite3.Connection) -> PurgeReport:
        before = connection.execute("PRAGMA secure_delete").fetchone()[0]
        connection.execute("PRAGMA secure_delete = ON")
        try:
            return _Purge(connection, target, order).run()
        finally:
            connection.execute(f"PRAGMA secure_delete = {before}")

    return await database.write(act, durable=True)


async def drop_index(database: Database) -> None:
    """Drop every table that can be made again from the truth: they hold the same texts."""

    def act(connection: sqlite3.Connection) -> None:
        rows = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' "
            "ORDER BY sql LIKE 'CREATE VIRTUAL%' DESC"  # these take their own parts with them
        ).fetchall()
        for (name,) in rows:
            if name not in TRUTH:
                connection.execute(f'DROP TABLE IF EXISTS "{name}"')

    await database.write(act, durable=True)


async def scrub(database: Database) -> None:
    """Write the file anew, so that nothing of what was removed is left in it or beside it.

    Needs free space as large as the file. Raises StoreError where another process holds on to old
    pages: then it must be done again.
    """

    def act(connection: sqlite3.Connection) -> None:
        connection.execute("VACUUM")
        if connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
            raise StoreError(
                f"the store {str(database.path)!r} is being read by another process, so old bytes "
                "stay in its -wal file: end that process, then run `kodo store gc`"
            )

    await database.maintain(act)


class _Purge:
    """One purge within its transaction."""

    __slots__ = (
        *("_blobs", "_calls", "_connection", "_forms", "_order", "_placeholder", "_run_texts"),
        *("_seeds", "_texts"),
    )

    def __init__(self, connection: sqlite3.Connection, target: Target, order: Order) -> None:
        self._connection = connection
        self._order = order
        self._placeholder = f"[purged on {order.at:%Y-%m-%d}: {order.why}]"
        self._seeds = target.entries
        self._blobs = {key for key in target.blobs if has(connection, key)}
        self._forms = forms(target.text) if target.text else ()
        self._calls: set[tuple[str, str]] = set()
        self._texts: set[str] = set()
        self._run_texts: set[tuple[str, str]] = set()

    def run(self) -> PurgeReport:
        """Find what belongs together, rewrite the entries, remove the blobs, and record it all."""
        if not self._forms:  # else the search has found all there is
            self._begin_with_blobs()
            self._begin_with_entries()
        rewritten, titles = self._redact()
        entries = [self._rewrite(row, entry) for row, entry in rewritten]
        threads = self._rewrite_titles(titles)
        if not (entries or self._blobs or threads):
            raise StoreError("nothing was purged: it has been done before, or nothing is there")
        versions = self._connection.execute(
            "SELECT DISTINCT path, blob FROM file_versions WHERE blob IS NOT NULL ORDER BY path"
        )
        files = tuple(dict.fromkeys(path for path, blob in versions if blob in self._blobs))
        for key in sorted(self._blobs):
            self._record("blob", key, key.hex())
        remove(self._connection, self._blobs)
        # What a walk of the workspace relies on to be in the blobs may be there no more.
        self._connection.execute("DELETE FROM workspaces")
        names = tuple(sorted(key.hex() for key in self._blobs))
        return PurgeReport(tuple(entries), names, files, tuple(threads))

    def _begin_with_blobs(self) -> None:
        if not self._blobs:
            return
        for key in self._blobs:
            if (content := self._content(key)) is not None:
                self._condemn(content.decode("utf-8", "replace"))
        starts = {key.hex()[:16] for key in self._blobs}
        for row in self._rows():
            call = call_of(row.entry)
            if call and any(name[:16] in starts for name in named_blobs(row.entry)):
                self._calls.add((row.entry.event.run_id, call))

    def _begin_with_entries(self) -> None:
        for number in self._seeds:
            for row in self._rows(number):
                run_id = row.entry.event.run_id
                for text in redact(row.entry, _everything, "")[1]:
                    self._condemn(text)
                    # The task is told twice, and so are arguments, however short they are.
                    if not call_of(row.entry):
                        self._run_texts.add((run_id, text))
                if call := call_of(row.entry):
                    self._calls.add((run_id, call))
                if not isinstance(row.entry.event.body, SnapshotTaken):
                    self._take(named_blobs(row.entry))

    def _redact(self) -> tuple[list[tuple[_Row, Entry]], set[str]]:
        """Return the entries that change with what they become, and titles made of what goes."""
        rewritten: list[tuple[_Row, Entry]] = []
        titles: set[str] = set()
        for row in self._rows():
            run_id = row.entry.event.run_id

            def condemned(text: str, call: str, row: _Row = row, run_id: str = run_id) -> bool:
                return (
                    row.number in self._seeds
                    or text in self._texts
                    or (run_id, text) in self._run_texts
                    or (run_id, call) in self._calls
                    or any(form in text for form in self._forms)
                )

            entry, removed = redact(row.entry, condemned, self._placeholder)
            if not removed:
                continue
            rewritten.append((row, entry))
            titles |= {title for text in removed if (title := title_of(text))}
            if (run_id, call_of(row.entry)) in self._calls and isinstance(
                row.entry.event.body, MessageAdded
            ):
                self._take(named_blobs(row.entry))  # the whole output, images
            keys = {hashlib.sha256(text.encode()).digest() for text in removed}
            self._blobs |= {key for key in keys if has(self._connection, key)}
        return rewritten, titles

    def _rewrite(self, row: _Row, entry: Entry) -> str:
        body = msgspec.json.encode(entry)
        place = f"{row.thread_id}:e{entry.event.seq}"
        purge_number = self._record("entry", row.digest, place, body)
        self._connection.execute(
            "UPDATE entries SET purge = ?, packing = ?, body = ? WHERE number = ?",
            (purge_number, *pack(body), row.number),
        )
        return place

    def _rewrite_titles(self, titles: set[str]) -> list[str]:
        """Take titles away that were made from purged texts; a fork has it in its header too."""
        found: list[str] = []
        rows = self._connection.execute("SELECT number, id, title, header, digest FROM threads")
        for number, thread_id, title, header_bytes, digest in rows.fetchall():
            if not (title in titles or any(form in title for form in self._forms)):
                continue
            found.append(thread_id)
            self._connection.execute(
                "UPDATE threads SET title = ? WHERE number = ?", (_PURGED_TITLE, number)
            )
            header = msgspec.json.decode(header_bytes, type=ThreadHeader)
            if not header.title:
                continue
            remains = msgspec.json.encode(msgspec.structs.replace(header, title=_PURGED_TITLE))
            key = digest or hashlib.sha256(header_bytes).digest()
            purge_number = self._record("header", key, thread_id, remains)
            self._connection.execute(
                "UPDATE threads SET header = ?, digest = ?, purge = ? WHERE number = ?",
                (remains, key, purge_number, number),
            )
        return found

    def _content(self, key: bytes) -> bytes | None:
        """Return a blob that an entry might hold as a text; None: it is larger than any."""
        found: list[bytes] = []
        for piece in read_pieces(self._connection, key):
            found.append(piece)
            if len(found) * PIECE_BYTES > MAX_COMPARED_BYTES:
                return None
        return b"".join(found)

    def _condemn(self, text: str) -> None:
        if len(text) >= SHORTEST_SHARED_TEXT and not text.startswith("[purged"):
            self._texts.add(text)

    def _take(self, names: Iterable[str]) -> None:
        for name in names:
            self._blobs |= blobs_beginning(self._connection, name)

    def _rows(self, number: int | None = None) -> Iterator[_Row]:
        """Yield all entries, or the one of that number. Raises StoreError for a damaged seed."""
        rows = self._connection.execute(
            "SELECT entries.number, threads.id, entries.digest, packing, body "
            "FROM entries JOIN threads ON threads.number = entries.thread "
            "WHERE ?1 IS NULL OR entries.number = ?1 ORDER BY entries.number",
            (number,),
        )
        for at, thread_id, digest, packing, packed in rows:
            try:
                body = fill(self._connection, packing, unpack_row(packing, packed))
                yield _Row(at, thread_id, digest, decode_entry(body))
            except (StoreError, msgspec.DecodeError) as error:
                if at in self._seeds:
                    raise StoreError(
                        f"the entry cannot be purged, it is damaged: {error}"
                    ) from error

    def _record(self, kind: PurgedKind, key: bytes, place: str, remains: bytes = b"") -> int:
        """Add a record of a loss and return its number."""
        row = self._connection.execute(
            "SELECT number, chain FROM purges ORDER BY number DESC LIMIT 1"
        ).fetchone()
        number, previous = (row[0] + 1, row[1]) if row is not None else (1, b"")
        at_us = microseconds(self._order.at)
        fields = (number, at_us, self._order.who, self._order.why, kind, key, place)
        replacement = hashlib.sha256(remains).digest() if remains else None
        self._connection.execute(
            "INSERT INTO purges (number, at_us, who, why, kind, key, place, replacement, chain) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*fields, replacement, record_chain(previous, (*fields, replacement))),
        )
        return number


def _everything(text: str, call_id: str) -> bool:
    return True


def record_chain(previous: bytes, fields: tuple[object, ...]) -> bytes:
    """Return the chain value of a record: sha256(previous + sha256(its fields in MessagePack))."""
    digest = hashlib.sha256(msgspec.msgpack.encode(fields)).digest()
    return hashlib.sha256(previous + digest).digest()
