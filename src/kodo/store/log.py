"""The log: threads and their entries, append-only, each row chained to the one before by a hash.

Does not know what the events mean, save for titles and outcomes in lists. Guards that whatever it
accepted loads again as a whole thread, and that a changed row is found and named.
"""

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from kodo.base.errors import StoreError
from kodo.core.events import FilesChanged, MessageAdded, SnapshotTaken
from kodo.core.messages import Text, User, Value
from kodo.core.store import ThreadSummary
from kodo.core.thread import Entry, ThreadHeader
from kodo.store.database import Database
from kodo.store.entries import encode_entry, make_row
from kodo.store.files import forget_versions, newest_entry, record_changes
from kodo.store.threads import (
    Damage,
    Purged,
    chained,
    first_link,
    kind_of,
    microseconds,
    resolve,
    summaries,
    title_of,
    walk,
)

# What a power cut must not take: the task, what undo needs, and how a run ended. Other entries
# survive the death of the process, but may reach the disk only with the next of these.
_DURABLE_KINDS = frozenset({"snapshot", "files_changed", "run_ended"})

# Numbers are the order of all entries of the store. One is never given twice, also where the newest
# entries were removed: whoever has read up to a number goes on from there.
_INSERT = """
    INSERT INTO entries (number, thread, seq, id, kind, at_us, chain, digest, packing, body)
    VALUES (
        1 + max(
            coalesce((SELECT max(number) FROM entries), 0),
            coalesce((SELECT value FROM floors WHERE name = 'entries'), 0)
        ),
        ?, ?, ?, ?, ?, ?, ?, ?, ?
    )
"""

_ENCODER = msgspec.json.Encoder()


class Verification(Value, frozen=True):
    """What `verify` read, and what it found wrong; `damages` is empty when all is well.

    `purged` entries are among those counted: their loss was meant and is on record.
    """

    threads: int
    entries: int
    damages: tuple[Damage, ...] = ()
    purged: int = 0


class _Tail(NamedTuple):
    """The last entry of a thread; `seq` 0 and the header's hash before the first one."""

    thread: int
    cwd: str
    began_us: int
    seq: int
    entry_id: str | None
    chain: bytes
    titled: bool


class SqliteLog:
    """The log of a project in its SQLite file."""

    __slots__ = ("_database", "_tails")

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tails: dict[str, _Tail] = {}

    async def create(self, header: ThreadHeader) -> None:
        """Begin a thread. Raises StoreError where the id is taken or the disk refuses."""
        body = _encoded(header)
        row = (header.id, header.cwd, header.title, microseconds(header.created_at), body)

        def act(connection: sqlite3.Connection) -> None:
            try:
                connection.execute(
                    "INSERT INTO threads (id, cwd, title, at_us, header) VALUES (?, ?, ?, ?, ?)",
                    row,
                )
            except sqlite3.IntegrityError as error:
                raise StoreError(f"thread {header.id!r} is already in the store") from error

        await self._database.write(act)

    async def append(self, thread_id: str, entry: Entry) -> None:
        """Add one entry durably. Raises StoreError; then nothing was added.

        Refused are a gap in `seq`, a `seq` or id that is taken (another process works on the
        thread) and an unknown parent.
        """
        await self.extend(thread_id, (entry,))

    async def extend(self, thread_id: str, entries: Sequence[Entry]) -> None:
        """Add entries in one commit: all or, with StoreError, none. `thread_id` is a whole id."""
        bodies = [encode_entry(entry) for entry in entries]
        known = self._tails.get(thread_id)

        def act(connection: sqlite3.Connection) -> _Tail:
            tail = known
            if tail is None or not entries or entries[0].event.seq != tail.seq + 1:
                tail = _read_tail(connection, thread_id)
            for entry, body in zip(entries, bodies, strict=True):
                tail = _insert(connection, thread_id, tail, entry, body)
            return tail

        # Remembered only when committed, so a refused append leaves no false tail behind. A tail
        # that another process has overtaken makes the insert fail on its `seq`.
        self._tails[thread_id] = await self._database.write(
            act, durable=any(_is_durable(entry) for entry in entries)
        )

    async def load(self, thread_id: str) -> tuple[ThreadHeader, list[Entry]]:
        """Return a thread's header and all its entries in order of `seq`, the chain checked.

        `thread_id` may be a unique prefix of at least 6 characters. Raises StoreError where it is
        unknown, ambiguous or damaged.
        """

        def act(connection: sqlite3.Connection) -> tuple[ThreadHeader, list[Entry]]:
            whole_id = resolve(connection, thread_id)
            header: ThreadHeader | None = None
            entries: list[Entry] = []
            for value in walk(connection, whole_id):
                if isinstance(value, Damage):
                    place = "its header" if value.seq is None else f"entry {value.seq}"
                    raise StoreError(
                        f"thread {whole_id!r} is damaged at {place} ({value.reason}): "
                        "`kodo store verify` lists what can still be read"
                    )
                if isinstance(value, Entry):
                    entries.append(value)
                elif isinstance(value, Purged):
                    entries.append(value.entry)
                else:
                    header = value
            assert header is not None
            return header, entries

        return await self._database.read(act)

    async def list(self, limit: int = 50) -> list[ThreadSummary]:
        """Return the newest threads first, by their last entry."""
        return await self._database.read(lambda connection: summaries(connection, None, limit))

    async def latest(self, cwd: str | None = None) -> str | None:
        """Return the id of the newest thread that ran in `cwd` (None: anywhere), if there is one.

        Newest is the one whose last entry is newest.
        """
        found = await self._database.read(lambda connection: summaries(connection, cwd, 1))
        return found[0].header.id if found else None

    async def remove(self, thread_id: str) -> str:
        """Forget a thread, its entries and what they made of files; return its id. Blobs stay.

        Takes a prefix as `load` does. Raises StoreError where it is unknown or ambiguous.
        """

        def act(connection: sqlite3.Connection) -> str:
            whole_id = resolve(connection, thread_id)
            row = connection.execute("SELECT number FROM threads WHERE id = ?", (whole_id,))
            (number,) = row.fetchone()
            forget_versions(connection, number)
            connection.execute(
                "INSERT OR REPLACE INTO floors (name, value) VALUES ('entries', ?)",
                (newest_entry(connection),),
            )
            connection.execute("DELETE FROM threads WHERE number = ?", (number,))
            return whole_id

        whole_id = await self._database.write(act, durable=True)
        self._tails.pop(whole_id, None)
        return whole_id

    async def verify(self, thread_id: str | None = None) -> Verification:
        """Read a thread (None: all of them) and prove its chain; damage is returned, not raised.

        A chain cannot tell that its last entries were cut off. Raises StoreError where the file
        itself cannot be read.
        """

        def ids(connection: sqlite3.Connection) -> list[str]:
            if thread_id is not None:
                return [resolve(connection, thread_id)]
            return [row[0] for row in connection.execute("SELECT id FROM threads ORDER BY number")]

        def check(connection: sqlite3.Connection, whole_id: str) -> Verification:
            entries = purged = 0
            damages: list[Damage] = []
            for value in walk(connection, whole_id):
                if isinstance(value, Damage):
                    damages.append(value)
                    entries += value.seq is not None
                elif not isinstance(value, ThreadHeader):
                    entries += 1
                    purged += isinstance(value, Purged)
            return Verification(1, entries, tuple(damages), purged)

        found = [
            # One job a thread, so that appends get their turn in between.
            await self._database.read(
                lambda connection, whole_id=whole_id: check(connection, whole_id)
            )
            for whole_id in await self._database.read(ids)
        ]
        return Verification(
            len(found),
            sum(one.entries for one in found),
            tuple(damage for one in found for damage in one.damages),
            sum(one.purged for one in found),
        )


def _encoded(header: ThreadHeader) -> bytes:
    try:
        return _ENCODER.encode(header)
    except UnicodeEncodeError as error:
        raise StoreError(
            f"{header.id!r} holds text that is not Unicode ({error.reason}): "
            "repair it at the border"
        ) from error


def _is_durable(entry: Entry) -> bool:
    body = entry.event.body
    if isinstance(body, MessageAdded):
        return isinstance(body.message, User)
    if isinstance(body, SnapshotTaken) and body.step:
        return False  # there are two a step, and both survive the death of the process
    return kind_of(entry) in _DURABLE_KINDS


def _title(entry: Entry) -> str:
    """Return the first line of a user's text, cut to a title; empty for any other entry."""
    body = entry.event.body
    if not isinstance(body, MessageAdded) or not isinstance(body.message, User):
        return ""
    return title_of(next((part.text for part in body.message.parts if isinstance(part, Text)), ""))


def _read_tail(connection: sqlite3.Connection, thread_id: str) -> _Tail:
    row = connection.execute(
        "SELECT number, cwd, at_us, header, digest, title FROM threads WHERE id = ?", (thread_id,)
    ).fetchone()
    if row is None:
        raise StoreError(f"no thread {thread_id!r} in this project's store")
    number, cwd, began_us, header, digest, title = row
    last = connection.execute(
        "SELECT seq, id, chain FROM entries WHERE thread = ? ORDER BY seq DESC LIMIT 1", (number,)
    ).fetchone()
    seq, entry_id, chain = last or (0, None, first_link(header, digest))
    return _Tail(number, cwd, began_us, seq, entry_id, chain, bool(title))


def _insert(
    connection: sqlite3.Connection, thread_id: str, tail: _Tail, entry: Entry, body: bytes
) -> _Tail:
    event = entry.event
    if event.seq > tail.seq + 1:
        raise StoreError(
            f"entry {entry.id!r} of thread {thread_id!r} has seq {event.seq}, "
            f"but the next one is {tail.seq + 1}"
        )
    if event.seq <= tail.seq:
        raise _overtaken(thread_id, entry)
    if entry.parent_id is not None and entry.parent_id != tail.entry_id:
        known = connection.execute(
            "SELECT 1 FROM entries WHERE thread = ? AND id = ?", (tail.thread, entry.parent_id)
        ).fetchone()
        if known is None:
            raise StoreError(f"entry {entry.id!r} names an unknown parent {entry.parent_id!r}")
    row = make_row(connection, entry, body)
    chain = chained(tail.chain, row.digest)
    at_us = microseconds(event.at)
    place = (tail.thread, event.seq, entry.id, kind_of(entry), at_us)
    try:
        number = connection.execute(_INSERT, (*place, chain, *row)).lastrowid
    except sqlite3.IntegrityError as error:
        raise _overtaken(thread_id, entry) from error
    # An entry that is older than its thread is the copy of a fork: it changed nothing again.
    if isinstance(event.body, FilesChanged) and at_us >= tail.began_us:
        assert number is not None
        record_changes(connection, tail.cwd, event.body.changes, number)
    titled = tail.titled
    if not titled and (title := _title(entry)):
        connection.execute("UPDATE threads SET title = ? WHERE number = ?", (title, tail.thread))
        titled = True
    return tail._replace(seq=event.seq, entry_id=entry.id, chain=chain, titled=titled)


def _overtaken(thread_id: str, entry: Entry) -> StoreError:
    return StoreError(
        f"thread {thread_id!r} has moved on without this process (entry {entry.event.seq}, "
        f"{entry.id!r}): another one works on it or removed it; resume it again, or fork it"
    )
