"""Exporting a store: everything it holds as lines of JSON, for reading elsewhere or for keeping.

Does not hold more than a piece of a blob in memory. Guards that the lines of one export are of one
state of the store, and that a damaged row ends it by name.

A line is one of {"store"}, {"thread"}, {"entry"}, {"file"}, {"purge"} and {"blob"}; the pieces of a
blob follow each other in order, as base64. Entries have their long texts in them.
"""

import base64
import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from kodo.base.errors import StoreError
from kodo.core.messages import Value
from kodo.store.database import Database
from kodo.store.entries import fill, unpack_row
from kodo.store.pieces import read_pieces

EXPORT_FORMAT = 1

_ENCODER = msgspec.json.Encoder()


class Exported(Value, frozen=True):
    """What was written."""

    threads: int
    entries: int
    blobs: int
    file_versions: int
    purges: int
    written_bytes: int


class StoreLine(Value, frozen=True):
    """The first line."""

    store: str
    export_format: int
    store_format: int


class ThreadLine(Value, frozen=True):
    """A thread; `digest` is the SHA-256 of its header as it was before any purge."""

    thread: str
    title: str
    header: msgspec.Raw
    digest: str


class EntryLine(Value, frozen=True):
    """An entry: `number` in the store, `digest` and `chain` as kept, `purge` its record."""

    number: int
    thread: str
    chain: str
    digest: str
    entry: msgspec.Raw
    purge: int | None = None


class FileLine(Value, frozen=True):
    """A version of a file, from entry number `entry` on; `blob` None: it was not there."""

    file: str
    number: int
    entry: int
    how: str
    blob: str | None = None


class PurgeLine(Value, frozen=True):
    """The record of a purge; `at_us` is microseconds since 1970."""

    purge: int
    at_us: int
    who: str
    why: str
    kind: str
    key: str
    place: str
    replacement: str | None
    chain: str


class BlobLine(Value, frozen=True):
    """A piece of a blob."""

    blob: str
    piece: int
    data: str


async def export(database: Database, to: Path) -> Exported:
    """Write everything to the file `to`, which must not be there yet. Raises StoreError, OSError.

    Where it fails the file is removed.
    """

    def act(connection: sqlite3.Connection) -> Exported:
        with to.open("xb") as stream:
            try:
                connection.execute("BEGIN")  # one state of the store, whatever others write
                return _Writer(connection, stream.write).run(str(database.path))
            except BaseException:
                to.unlink()
                raise
            finally:
                if connection.in_transaction:
                    connection.execute("COMMIT")

    return await database.maintain(act)


class _Writer:
    """Writes the lines of one export, and counts them."""

    def __init__(self, connection: sqlite3.Connection, write: Callable[[bytes], object]) -> None:
        self._connection = connection
        self._write = write
        self._bytes = 0

    def run(self, path: str) -> Exported:
        """Write all lines; the blobs, which are most of it, come last."""
        version: int = self._connection.execute("PRAGMA user_version").fetchone()[0]
        self._put(StoreLine(path, EXPORT_FORMAT, version))
        return Exported(
            threads=sum(map(self._put, self._threads())),
            entries=sum(map(self._put, self._entries())),
            file_versions=sum(map(self._put, self._files())),
            purges=sum(map(self._put, self._purges())),
            blobs=sum(map(self._put_blob, self._keys())),
            written_bytes=self._bytes,
        )

    def _threads(self) -> Iterator[ThreadLine]:
        rows = self._connection.execute("SELECT id, title, header, digest FROM threads")
        for thread_id, title, header, digest in rows:
            digest = digest or hashlib.sha256(header).digest()
            yield ThreadLine(thread_id, title, msgspec.Raw(header), digest.hex())

    def _entries(self) -> Iterator[EntryLine]:
        rows = self._connection.execute(
            "SELECT entries.number, threads.id, seq, chain, entries.digest, entries.purge, packing,"
            " body FROM entries JOIN threads ON threads.number = entries.thread"
            " ORDER BY entries.number"
        )
        for number, thread_id, seq, chain, digest, purge, packing, packed in rows:
            try:
                body = fill(self._connection, packing, unpack_row(packing, packed))
            except StoreError as error:
                raise StoreError(
                    f"entry {seq} of thread {thread_id!r} is damaged: {error}; nothing was "
                    "exported, see: kodo store verify"
                ) from error
            yield EntryLine(number, thread_id, chain.hex(), digest.hex(), msgspec.Raw(body), purge)

    def _files(self) -> Iterator[FileLine]:
        rows = self._connection.execute(
            "SELECT path, number, entry, how, blob FROM file_versions ORDER BY number"
        )
        for path, number, entry, how, blob in rows:
            yield FileLine(path, number, entry, how, None if blob is None else blob.hex())

    def _purges(self) -> Iterator[PurgeLine]:
        rows = self._connection.execute(
            "SELECT number, at_us, who, why, kind, key, place, replacement, chain "
            "FROM purges ORDER BY number"
        )
        for number, at_us, who, why, kind, key, place, replacement, chain in rows:
            replaced = None if replacement is None else replacement.hex()
            yield PurgeLine(number, at_us, who, why, kind, key.hex(), place, replaced, chain.hex())

    def _keys(self) -> Iterator[bytes]:
        rows = self._connection.execute("SELECT blob FROM pieces WHERE piece = 0 ORDER BY number")
        for row in rows:
            yield row[0]

    def _put_blob(self, key: bytes) -> int:
        for at, piece in enumerate(read_pieces(self._connection, key)):
            self._put(BlobLine(key.hex(), at, base64.b64encode(piece).decode()))
        return 1

    def _put(self, line: Value) -> int:
        data = _ENCODER.encode(line) + b"\n"
        self._write(data)
        self._bytes += len(data)
        return 1
