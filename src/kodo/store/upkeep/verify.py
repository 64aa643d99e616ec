"""Proving a store: the file, every chain, every blob, and that what is named is there.

Does not repair. Guards that each damage is named once with its place, that a purge that is on
record counts as purged and not as broken, and that a damaged part does not hide the rest.
"""

import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal, TypeVar

from msgspec.structs import replace

from kodo.base.errors import StoreError
from kodo.core.events import SnapshotTaken
from kodo.core.messages import Value
from kodo.core.thread import Entry, ThreadHeader
from kodo.store.database import Database, is_corrupt
from kodo.store.pieces import has, purge_of, read_pieces, read_whole
from kodo.store.threads import Damage, Purged, walk
from kodo.store.tree.manifest import Manifest, decode_manifest
from kodo.store.upkeep.purge import record_chain
from kodo.store.upkeep.redact import named_blobs

T = TypeVar("T")

_MOST_FILE_FAULTS = 5
_BLOBS_A_JOB = 200

FaultKind = Literal["file", "thread", "entry", "blob", "purge"]


class Fault(Value, frozen=True):
    """Something that is not what was written: `name` is a thread, `thread:eN`, a blob, a record."""

    kind: FaultKind
    name: str
    reason: str


class Proof(Value, frozen=True):
    """What was read and what is wrong; without `faults` every byte is what was written.

    `purged_entries` and `purged_blobs` were taken away on purpose; by whom and why is on record.
    """

    threads: int
    entries: int
    blobs: int
    purged_entries: int
    purged_blobs: int
    faults: tuple[Fault, ...]


async def verify(database: Database) -> Proof:
    """Read the whole store and prove it, and of a file whose end is missing what there is of it.

    Raises StoreError where nothing of the file can be read.
    """
    try:
        await database.read(_thread_ids)
    except StoreError as error:
        if not (isinstance(error.__cause__, sqlite3.Error) and is_corrupt(error.__cause__)):
            raise
        salvaged = Database(database.path, salvage=True)
        try:
            lost = await salvaged.read(_missing_end)
            proof = await _verify(salvaged)
            return replace(proof, faults=(*lost, *proof.faults))
        except (StoreError, sqlite3.Error):
            raise error from None  # what it said at first is the better word
        finally:
            await salvaged.aclose()
    return await _verify(database)


async def _verify(database: Database) -> Proof:
    prover = _Prover()
    await prover.ask(database, prover.check_file, None)
    threads = await prover.ask(database, _thread_ids, [])
    for thread_id in threads:  # a job each, so that appends get their turn in between
        await prover.ask(
            database,
            lambda connection, thread_id=thread_id: prover.check_thread(connection, thread_id),
            None,
        )
    keys = await prover.ask(database, _blob_keys, [])
    for start in range(0, len(keys), _BLOBS_A_JOB):
        part = keys[start : start + _BLOBS_A_JOB]
        await prover.ask(
            database, lambda connection, part=part: prover.check_blobs(connection, part), None
        )
    await prover.ask(database, prover.check_named, None)
    purged_blobs = await prover.ask(database, prover.check_records, 0)
    return Proof(
        len(threads),
        prover.entries,
        len(keys),
        prover.purged_entries,
        purged_blobs,
        tuple(dict.fromkeys(prover.faults)),
    )


class _Prover:
    """What has been found so far."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.entries = 0
        self.purged_entries = 0
        self.named: dict[str, str] = {}  # a blob's name, or its beginning, and one who names it
        self.snapshots: dict[str, str] = {}
        self.broken: set[bytes] = set()

    async def ask(
        self, database: Database, act: Callable[[sqlite3.Connection], T], otherwise: T
    ) -> T:
        """Return what `act` returns; where the file is damaged under it that is a fault."""

        def guarded(connection: sqlite3.Connection) -> T:
            try:
                return act(connection)
            except sqlite3.DatabaseError as error:
                if not is_corrupt(error):
                    raise
                self.faults.append(Fault("file", str(database.path), str(error)))
                return otherwise

        return await database.read(guarded)

    def check_file(self, connection: sqlite3.Connection) -> None:
        """Have SQLite look at the structure of its pages, and that its indexes agree with rows."""
        path: str = connection.execute("PRAGMA database_list").fetchone()[2]
        rows = connection.execute(f"PRAGMA integrity_check({_MOST_FILE_FAULTS})").fetchall()
        self.faults += [
            Fault("file", path, " ".join(row[0].split())) for row in rows if row[0] != "ok"
        ]

    def check_thread(self, connection: sqlite3.Connection, thread_id: str) -> None:
        """Prove the chain of a thread, and note which blobs it names."""
        for value in walk(connection, thread_id):
            if isinstance(value, Damage):
                place = thread_id if value.seq is None else f"{thread_id}:e{value.seq}"
                kind = "thread" if value.seq is None else "entry"
                self.faults.append(Fault(kind, place, value.reason))
                self.entries += value.seq is not None
            elif not isinstance(value, ThreadHeader):
                self.entries += 1
                self.purged_entries += isinstance(value, Purged)
                entry = value.entry if isinstance(value, Purged) else value
                self._note(thread_id, entry)

    def _note(self, thread_id: str, entry: Entry) -> None:
        place = f"{thread_id}:e{entry.event.seq}"
        if isinstance(entry.event.body, SnapshotTaken):
            self.snapshots.setdefault(entry.event.body.snapshot, place)
        else:
            self.named.update(dict.fromkeys(named_blobs(entry), place))

    def check_blobs(self, connection: sqlite3.Connection, keys: Iterable[bytes]) -> None:
        """Prove that blobs are what their names say."""
        for key in keys:
            try:
                for _ in read_pieces(connection, key):
                    pass
            except (StoreError, sqlite3.DatabaseError) as error:
                if isinstance(error, sqlite3.DatabaseError) and not is_corrupt(error):
                    raise
                self.broken.add(key)
                self.faults.append(Fault("blob", key.hex(), str(error)))

    def check_named(self, connection: sqlite3.Connection) -> None:
        """Look whether the blobs are there that entries, snapshots and file versions name."""
        for name, place in self.named.items():
            self._check_there(connection, name, place)
        manifests: dict[str, Manifest] = {}
        waiting = dict(self.snapshots)
        while waiting:
            name, place = waiting.popitem()
            if name in manifests or not self._check_there(connection, name, place):
                continue
            if (key := bytes.fromhex(name)) in self.broken:
                continue
            try:
                manifest = decode_manifest(read_whole(connection, key), name)
            except StoreError as error:
                self.faults.append(Fault("blob", name, f"{error} (named by {place})"))
                continue
            manifests[name] = manifest
            if manifest.base is not None:
                waiting.setdefault(manifest.base, place)
            for file in manifest.files:
                if file.digest:
                    self._check_there(connection, file.digest, place)
        versions = connection.execute(
            "SELECT DISTINCT blob, path FROM file_versions WHERE blob IS NOT NULL"
        )
        for blob, path in versions.fetchall():
            self._check_there(connection, blob.hex(), f"a version of {path!r}")

    def check_records(self, connection: sqlite3.Connection) -> int:
        """Prove the chain of the records of purges; return how many blobs they tell of."""
        chain = b""
        blobs: set[bytes] = set()
        rows = connection.execute(
            "SELECT number, at_us, who, why, kind, key, place, replacement, chain "
            "FROM purges ORDER BY number"
        )
        for number, *fields, kept_chain in rows:
            if record_chain(chain, (number, *fields)) != kept_chain:
                reason = "the chain of purges breaks here: it does not match its hash"
                self.faults.append(Fault("purge", str(number), reason))
            if fields[3] == "blob":
                blobs.add(fields[4])
            chain = kept_chain
        return len(blobs)

    def _check_there(self, connection: sqlite3.Connection, name: str, place: str) -> bool:
        if len(name) < 64:  # text that looks like the beginning of a name may be just text
            return True
        key = bytes.fromhex(name)
        if has(connection, key):
            return True
        if purge_of(connection, key) is None:
            self.faults.append(Fault("blob", name, f"it is missing; {place} names it"))
        return False


def _missing_end(connection: sqlite3.Connection) -> list[Fault]:
    """Tell how much of the file is not there. Raises where not even its tables can be listed."""
    connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    path: str = connection.execute("PRAGMA database_list").fetchone()[2]
    with Path(path).open("rb") as stream:
        header = stream.read(100)  # bytes of a page, and pages: https://www.sqlite.org/fileformat2
    told = int.from_bytes(header[16:18], "big") * int.from_bytes(header[28:32], "big")
    present = Path(path).stat().st_size
    if present >= told:
        return []
    return [Fault("file", path, f"its end is missing: {present} bytes of {told} are there")]


def _thread_ids(connection: sqlite3.Connection) -> list[str]:
    return [row[0] for row in connection.execute("SELECT id FROM threads ORDER BY number")]


def _blob_keys(connection: sqlite3.Connection) -> list[bytes]:
    return [row[0] for row in connection.execute("SELECT blob FROM pieces WHERE piece = 0")]
