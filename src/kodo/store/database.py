"""One SQLite file behind one thread: the event loop never waits for the disk.

Does not know what is stored. Guards that a write is durable before its caller goes on, that writes
which wait at the same time share one commit, and that every fault becomes one clear StoreError.
"""

import asyncio
import errno
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar, cast

import anyio
import msgspec

from kodo.base.errors import StoreError
from kodo.store.schema import prepare

T = TypeVar("T")

_MOST_JOBS_A_COMMIT = 256
_NOT_WRITABLE = (errno.EROFS, errno.EACCES, errno.EPERM)


class _Job(msgspec.Struct, eq=False):
    act: Callable[[sqlite3.Connection], Any]
    writes: bool
    durable: bool
    loop: asyncio.AbstractEventLoop
    future: "asyncio.Future[Any]"
    result: Any = None
    error: BaseException | None = None


class _Stop(msgspec.Struct, eq=False):
    loop: asyncio.AbstractEventLoop
    future: "asyncio.Future[None]"


class Database:
    """A store's file. Its connection is opened by the first job and lives in a thread of its own.

    A thread of its own, fed by a queue, costs a third of the CPU of a worker-thread call per job,
    and what waits in the queue when the thread comes back is one group, hence one commit.

    What `write` has returned from survives the death of the process at any instant. A `durable`
    write also waits until the disk has it, and with it everything written before it.

    A file that cannot be written is opened for reading; then writes say so. `salvage` opens a
    damaged file for reading what is there: SQLite otherwise refuses all of one that was cut short.
    """

    __slots__ = (
        *("_busy_timeout_s", "_closed", "_level", "_queue", "_salvage", "_thread", "path"),
    )

    def __init__(self, path: Path, *, busy_timeout_s: float = 30, salvage: bool = False) -> None:
        self.path = path
        self._salvage = salvage
        self._busy_timeout_s = busy_timeout_s
        self._queue: SimpleQueue[_Job | _Stop] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._level = ""  # how `synchronous` was last set

    async def read(self, act: Callable[[sqlite3.Connection], T]) -> T:
        """Return what `act` returns; it runs in the file's thread and must not write.

        Raises StoreError, or what `act` raises.
        """
        return await self._submit(act, writes=False, durable=False)

    async def write(self, act: Callable[[sqlite3.Connection], T], *, durable: bool = False) -> T:
        """Return what `act` returns, after its changes are committed.

        A write that has begun is finished even when its caller is cancelled. Raises StoreError, or
        what `act` raises; then nothing of it was kept.
        """
        return await self._submit(act, writes=True, durable=durable)

    async def maintain(self, act: Callable[[sqlite3.Connection], T]) -> T:
        """Return what `act` returns; it runs outside any transaction, and begins its own.

        For what SQLite allows only there (VACUUM, checkpoints). Raises as `write` does.
        """
        return await self._submit(act, writes=False, durable=False)

    async def aclose(self) -> None:
        """Finish what waits, and close the file. Later calls raise StoreError."""
        self._closed = True
        thread, self._thread = self._thread, None
        if thread is None:
            return
        loop = asyncio.get_running_loop()
        stop = _Stop(loop, loop.create_future())
        self._queue.put(stop)
        with anyio.CancelScope(shield=True):
            await stop.future
        thread.join()  # it has nothing left to do but return

    async def _submit(
        self, act: Callable[[sqlite3.Connection], T], *, writes: bool, durable: bool
    ) -> T:
        if self._closed:
            raise StoreError(f"the store {str(self.path)!r} is closed")
        loop = asyncio.get_running_loop()
        job = _Job(act, writes, durable, loop, loop.create_future())
        if self._thread is None:
            # A daemon, so that a loop that died without closing cannot keep the process alive.
            self._thread = threading.Thread(target=self._serve, name="kodo-store", daemon=True)
            self._thread.start()
        self._queue.put(job)
        result: Any = None
        with anyio.CancelScope(shield=True):
            result = await job.future
        return cast("T", result)

    def _serve(self) -> None:
        connection: sqlite3.Connection | None = None
        stop: _Stop | None = None
        while stop is None:
            jobs, stop = self._take_jobs()
            try:
                if jobs and connection is None:
                    connection = self._open()
                for group in _grouped(jobs):
                    assert connection is not None
                    if group[0].writes:
                        self._run_writes(connection, group)
                    else:
                        self._run_read(connection, group[0])
            except BaseException as error:  # noqa: BLE001 - handed to those who wait
                for job in jobs:
                    job.error = job.error or error
            _deliver(jobs)
        if connection is not None:
            with suppress(sqlite3.Error):  # nothing is lost: the next opening finishes the work
                connection.close()
        with suppress(RuntimeError):  # the loop has gone, and with it whoever waited
            stop.loop.call_soon_threadsafe(_settle_stop, stop.future)

    def _take_jobs(self) -> tuple[list[_Job], _Stop | None]:
        jobs: list[_Job] = []
        item = self._queue.get()
        while isinstance(item, _Job):
            jobs.append(item)
            if len(jobs) == _MOST_JOBS_A_COMMIT or self._queue.empty():
                return jobs, None
            item = self._queue.get()
        return jobs, item

    def _run_read(self, connection: sqlite3.Connection, job: _Job) -> None:
        try:
            job.result = job.act(connection)
        except BaseException as error:  # noqa: BLE001 - handed to the one who waits
            job.error = self._explained(error)

    def _run_writes(self, connection: sqlite3.Connection, jobs: list[_Job]) -> None:
        try:
            self._set_level(connection, jobs)
            connection.execute("BEGIN IMMEDIATE")
            if len(jobs) == 1:
                jobs[0].result = jobs[0].act(connection)
            else:
                for job in jobs:
                    self._run_write(connection, job)
            connection.execute("COMMIT")
        except BaseException as error:  # noqa: BLE001 - handed to those who wait
            explained = self._explained(error)
            for job in jobs:
                job.error = job.error or explained
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    def _set_level(self, connection: sqlite3.Connection, jobs: list[_Job]) -> None:
        level = "FULL" if any(job.durable for job in jobs) else "NORMAL"
        if level != self._level:
            connection.execute(f"PRAGMA synchronous = {level}")
            self._level = level

    def _run_write(self, connection: sqlite3.Connection, job: _Job) -> None:
        """Run one job of a group so that its failure leaves its neighbours whole."""
        connection.execute("SAVEPOINT job")
        try:
            job.result = job.act(connection)
        except BaseException as error:
            if not connection.in_transaction:
                raise  # SQLite gave up the whole group (no space, a broken disk)
            connection.execute("ROLLBACK TO job")
            job.error = self._explained(error)
        connection.execute("RELEASE job")

    def _open(self) -> sqlite3.Connection:
        connection = self._connect()
        try:
            if self._salvage:
                connection.execute("PRAGMA writable_schema = ON")
                connection.execute("PRAGMA query_only = ON")
                return connection
            self._switch_to_wal(connection)
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA journal_size_limit = 67108864")
            prepare(connection, self.path)
        except BaseException as error:
            connection.close()
            raise self._explained(error) from error
        return connection

    def _connect(self) -> sqlite3.Connection:
        where, is_uri = str(self.path), False
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # SQLite gives the files beside it the same rights: what was said here is private.
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        except OSError as error:
            if error.errno not in _NOT_WRITABLE or not self._is_at_rest():
                raise StoreError(
                    f"cannot open the store {str(self.path)!r}: {error.strerror}; "
                    "make its folder writable, or set KODO_HOME to another one"
                ) from error
            # Nobody can write it, so it can be read without the files that writers share.
            where, is_uri = f"{self.path.absolute().as_uri()}?mode=ro&immutable=1", True
        return sqlite3.connect(
            where,
            timeout=self._busy_timeout_s,
            isolation_level=None,
            cached_statements=64,
            uri=is_uri,
        )

    def _is_at_rest(self) -> bool:
        """Tell whether the file can be read, and nothing waits beside it to be moved into it."""
        wal = self.path.with_name(f"{self.path.name}-wal")
        try:
            return os.access(self.path, os.R_OK) and not (wal.exists() and wal.stat().st_size)
        except OSError:
            return False

    def _switch_to_wal(self, connection: sqlite3.Connection) -> None:
        # SQLite does not wait for its busy timeout when two processes switch a new file at once.
        deadline = time.monotonic() + self._busy_timeout_s
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if _code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(0.005)
            else:
                return

    def _explained(self, error: BaseException) -> BaseException:
        if not isinstance(error, sqlite3.Error):
            return error
        name = getattr(error, "sqlite_errorname", None) or type(error).__name__
        path = repr(str(self.path))
        match _code(error):
            case sqlite3.SQLITE_FULL:
                text = f"no space left for the store {path}: free some, or move KODO_HOME"
            case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
                text = (
                    f"the store {path} cannot be written ({name}): make it and its folder "
                    "writable, or set KODO_HOME to another one"
                )
            case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
                text = (
                    f"the store {path} is damaged ({error}): `kodo store verify` tells where; move "
                    "it aside and kodo makes a new one, or take it back from a backup"
                )
            case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
                text = (
                    f"the store {path} has been locked by another process for more than "
                    f"{self._busy_timeout_s:g} s: end that process, or try again"
                )
            case sqlite3.SQLITE_IOERR:
                text = f"the disk failed under the store {path} ({name}): check it and its space"
            case _:
                text = f"the store {path} refused ({name}: {error})"
        explained = StoreError(text)
        explained.__cause__ = error
        return explained


def is_corrupt(error: sqlite3.Error) -> bool:
    """Tell whether the file itself is damaged: pages are missing or are not what they should be."""
    return _code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def is_busy(error: sqlite3.Error) -> bool:
    """Tell whether somebody else holds what is needed."""
    return _code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _code(error: sqlite3.Error) -> int:
    """Return the primary result code; 0 where the error came from the driver itself."""
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF


def _grouped(jobs: list[_Job]) -> list[list[_Job]]:
    """Return neighbouring writes together and each read alone, in order."""
    groups: list[list[_Job]] = []
    for job in jobs:
        if job.writes and groups and groups[-1][0].writes:
            groups[-1].append(job)
        else:
            groups.append([job])
    return groups


def _deliver(jobs: list[_Job]) -> None:
    if jobs:
        with suppress(RuntimeError):  # the loop has gone, and with it whoever waited
            jobs[0].loop.call_soon_threadsafe(_settle, jobs)


def _settle(jobs: list[_Job]) -> None:
    for job in jobs:
        if job.future.done():
            continue
        if job.error is not None:
            job.future.set_exception(job.error)
        else:
            job.future.set_result(job.result)


def _settle_stop(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)
