# pyright: basic, reportMissingImports=false
"""The log in PostgreSQL: the same chain of hashes, the same refusals as the SQLite one.

Does not know what events mean, save for titles and outcomes. Guards that of two writers of a thread
one is refused, and that a changed row is found and named.
"""

import hashlib
from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

import asyncpg
import msgspec

from kodo.base.errors import NotStored, StoreError
from kodo.core.events import MessageAdded, RunEnded
from kodo.core.messages import Text, User
from kodo.core.store import ThreadSummary
from kodo.core.thread import Entry, ThreadHeader
from kodo.store.entries import decode_entry, encode_entry
from kodo.store.packing import pack, unpack
from kodo.store.postgres.database import Connection, PostgresDatabase
from kodo.store.threads import EPOCH, chained, first_link, kind_of, microseconds, title_of

_HEADER = msgspec.json.Decoder(ThreadHeader)
_SHORTEST_PREFIX = 6
_INSERT = """
    INSERT INTO entries (thread, seq, id, kind, at_us, chain, digest, packing, body)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""
_NEWEST = """
    SELECT threads.number, threads.id, cwd, title, header, coalesce(last.seq, 0) AS entries,
        coalesce(last.at_us, threads.at_us) AS newest_us, run.kind, run.packing, run.body
    FROM threads
    LEFT JOIN LATERAL (
        SELECT seq, at_us FROM entries WHERE thread = threads.number ORDER BY seq DESC LIMIT 1
    ) AS last ON true
    LEFT JOIN LATERAL (
        SELECT kind, packing, body FROM entries WHERE thread = threads.number
        AND kind IN ('run_started', 'run_ended') ORDER BY seq DESC LIMIT 1
    ) AS run ON true
    WHERE $1::text IS NULL OR cwd = $1
    ORDER BY newest_us DESC, threads.number DESC LIMIT $2
"""


class _Tail(NamedTuple):
    thread: int
    seq: int
    entry_id: str | None
    chain: bytes
    titled: bool


class PostgresLog:
    """The log of a project in a PostgreSQL schema."""

    __slots__ = ("_database", "_tails")

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database
        self._tails: dict[str, _Tail] = {}

    async def create(self, header: ThreadHeader) -> None:
        """Begin a thread. Raises StoreError where the id is taken or the server refuses."""
        try:
            body = msgspec.json.encode(header)
        except UnicodeEncodeError as error:
            raise StoreError(f"{header.id!r} holds text that is not Unicode") from error
        row = (header.id, header.cwd, _plain(header.title), microseconds(header.created_at), body)

        async def act(connection: Connection) -> None:
            try:
                await connection.execute(
                    "INSERT INTO threads (id, cwd, title, at_us, header)"
                    " VALUES ($1, $2, $3, $4, $5)",
                    *row,
                )
            except asyncpg.UniqueViolationError as error:
                raise StoreError(f"thread {header.id!r} is already in the store") from error

        await self._database.write(act)

    async def append(self, thread_id: str, entry: Entry) -> None:
        """Add one entry durably. Raises StoreError; then nothing was added."""
        await self.extend(thread_id, (entry,))

    async def extend(self, thread_id: str, entries: Sequence[Entry]) -> None:
        """Add entries in one commit: all or, with StoreError, none."""
        bodies = [encode_entry(entry) for entry in entries]
        known = self._tails.get(thread_id)

        async def act(connection: Connection) -> _Tail:
            tail = known
            if tail is None or not entries or entries[0].event.seq != tail.seq + 1:
                tail = await _read_tail(connection, thread_id)
            for entry, body in zip(entries, bodies, strict=True):
                tail = await _insert(connection, thread_id, tail, entry, body)
            return tail

        self._tails[thread_id] = await self._database.write(act)

    async def load(self, thread_id: str) -> tuple[ThreadHeader, list[Entry]]:
        """Return a thread's header and all its entries, the chain checked.

        Takes a unique prefix of at least 6 characters. Raises StoreError: unknown, ambiguous,
        damaged.
        """

        async def act(connection: Connection) -> tuple[ThreadHeader, list[Entry]]:
            whole_id = await _resolve(connection, thread_id)
            return await _read_thread(connection, whole_id)

        return await self._database.read(act)

    async def list(self, limit: int = 50) -> list[ThreadSummary]:
        """Return the newest threads first, by their last entry."""

        async def act(connection: Connection) -> list[ThreadSummary]:
            return [_summary(row) for row in await connection.fetch(_NEWEST, None, limit)]

        return await self._database.read(act)

    async def latest(self, cwd: str | None = None) -> str | None:
        """Return the id of the newest thread that ran in `cwd` (None: anywhere)."""

        async def act(connection: Connection) -> str | None:
            row = await connection.fetchrow(_NEWEST, cwd, 1)
            return None if row is None else str(row["id"])

        return await self._database.read(act)

    async def remove(self, thread_id: str) -> str:
        """Forget a thread and its entries; return its id. Blobs stay."""

        async def act(connection: Connection) -> str:
            whole_id = await _resolve(connection, thread_id)
            await connection.execute("DELETE FROM threads WHERE id = $1", whole_id)
            return whole_id

        whole_id = await self._database.write(act)
        self._tails.pop(whole_id, None)
        return whole_id


def _plain(text: str) -> str:
    """Return a title without NUL, which PostgreSQL's texts cannot hold; the entry keeps it."""
    return text.replace("\0", "")


def _title(entry: Entry) -> str:
    body = entry.event.body
    if not isinstance(body, MessageAdded) or not isinstance(body.message, User):
        return ""
    texts = (part.text for part in body.message.parts if isinstance(part, Text))
    return _plain(title_of(next(texts, "")))


async def _read_tail(connection: Connection, thread_id: str) -> _Tail:
    row = await connection.fetchrow(
        "SELECT number, header, title FROM threads WHERE id = $1", thread_id
    )
    if row is None:
        raise StoreError(f"no thread {thread_id!r} in this project's store")
    last = await connection.fetchrow(
        "SELECT seq, id, chain FROM entries WHERE thread = $1 ORDER BY seq DESC LIMIT 1",
        row["number"],
    )
    titled = bool(row["title"])
    if last is None:
        return _Tail(row["number"], 0, None, first_link(row["header"]), titled)
    return _Tail(row["number"], last["seq"], last["id"], last["chain"], titled)


async def _insert(
    connection: Connection, thread_id: str, tail: _Tail, entry: Entry, body: bytes
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
        known = await connection.fetchval(
            "SELECT 1 FROM entries WHERE thread = $1 AND id = $2", tail.thread, entry.parent_id
        )
        if known is None:
            raise StoreError(f"entry {entry.id!r} names an unknown parent {entry.parent_id!r}")
    digest = hashlib.sha256(body).digest()
    chain = chained(tail.chain, digest)
    place = (tail.thread, event.seq, entry.id, kind_of(entry), microseconds(event.at))
    try:
        await connection.execute(_INSERT, *place, chain, digest, *pack(body))
    except (asyncpg.UniqueViolationError, asyncpg.ForeignKeyViolationError) as error:
        raise _overtaken(thread_id, entry) from error
    titled = tail.titled
    if not titled and (title := _title(entry)):
        await connection.execute(
            "UPDATE threads SET title = $1 WHERE number = $2", title, tail.thread
        )
        titled = True
    return _Tail(tail.thread, event.seq, entry.id, chain, titled)


def _overtaken(thread_id: str, entry: Entry) -> StoreError:
    return StoreError(
        f"thread {thread_id!r} has moved on without this process (entry {entry.event.seq}, "
        f"{entry.id!r}): another one works on it or removed it; resume it again, or fork it"
    )


async def _resolve(connection: Connection, thread_id: str) -> str:
    if await connection.fetchval("SELECT 1 FROM threads WHERE id = $1", thread_id):
        return thread_id
    if len(thread_id) < _SHORTEST_PREFIX:
        raise NotStored(
            f"no thread {thread_id!r}: give its id, or at least its first "
            f"{_SHORTEST_PREFIX} characters"
        )
    rows = await connection.fetch(
        "SELECT id FROM threads WHERE starts_with(id, $1) ORDER BY number DESC LIMIT 4", thread_id
    )
    found = [str(row["id"]) for row in rows]
    if len(found) == 1:
        return found[0]
    if not found:
        raise NotStored(f"no thread {thread_id!r} in this project's store")
    shown = ", ".join(found[:3]) + (", …" if len(found) > 3 else "")
    raise NotStored(f"{thread_id!r} begins several threads ({shown}): give more of it")


async def _read_thread(connection: Connection, thread_id: str) -> tuple[ThreadHeader, list[Entry]]:
    row = await connection.fetchrow(
        "SELECT number, title, header FROM threads WHERE id = $1", thread_id
    )
    try:
        header = _HEADER.decode(row["header"])
    except msgspec.DecodeError as error:
        raise StoreError(f"thread {thread_id!r} is damaged at its header ({error})") from error
    header = msgspec.structs.replace(header, title=header.title or row["title"])
    chain = first_link(row["header"])
    entries: list[Entry] = []
    async for kept in connection.cursor(
        "SELECT seq, id, chain, digest, packing, body FROM entries WHERE thread = $1 ORDER BY seq",
        row["number"],
    ):
        seq: int = kept["seq"]
        chain = chained(chain, kept["digest"])
        try:
            if seq != len(entries) + 1:
                raise StoreError(f"entry {len(entries) + 1} is missing")
            if chain != kept["chain"]:
                raise StoreError("the chain breaks here: it does not match its hash")
            body = unpack(kept["packing"], kept["body"])
            if hashlib.sha256(body).digest() != kept["digest"]:
                raise StoreError("its body does not match its hash")
            entries.append(decode_entry(body))
        except (StoreError, msgspec.DecodeError) as error:
            raise StoreError(f"thread {thread_id!r} is damaged at entry {seq} ({error})") from error
    return header, entries


def _summary(row: Connection) -> ThreadSummary:
    updated_at = EPOCH + timedelta(microseconds=row["newest_us"])
    outcome = ""
    try:
        header = _HEADER.decode(row["header"])
        header = msgspec.structs.replace(header, title=header.title or row["title"])
        if row["kind"] == "run_ended":
            body = decode_entry(unpack(row["packing"], row["body"])).event.body
            outcome = body.outcome if isinstance(body, RunEnded) else ""
    except (StoreError, msgspec.DecodeError):
        # One damaged thread must not hide the others; opening it tells what is wrong.
        header, outcome = ThreadHeader(row["id"], updated_at, row["cwd"], row["title"]), "damaged"
    return ThreadSummary(header, row["entries"], updated_at.isoformat(timespec="seconds"), outcome)
