"""Scanning in several processes: batches of paths go out, results come back, crashes are contained.

Knows pipes, not rules. Guards that a file which brings a worker down costs that file alone: it is
tried once more by itself, then told as partial.
"""

import multiprocessing
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkContext, SpawnContext
from typing import Protocol

import msgspec

from kodo.scan.file_scan import Scanned
from kodo.scan.findings import FileReport

_Context = ForkContext | SpawnContext

BATCH_BYTES = 200_000
CRASHED = "the scanner crashed on this file"

_ENCODER = msgspec.msgpack.Encoder()
_RESULTS = msgspec.msgpack.Decoder(list[Scanned])
_PATHS = msgspec.msgpack.Decoder(list[str])


class ScanPath(Protocol):
    """Scans one file by its path."""

    def __call__(self, path: str) -> Scanned:
        """Return what was found; never raises for what a file holds."""
        ...


MakeScan = Callable[[], ScanPath]
"""Makes the scan inside the worker; must be picklable where processes are spawned."""


def batches(sized: Sequence[tuple[str, int]], batch_bytes: int = BATCH_BYTES) -> list[list[str]]:
    """Group (path, size in bytes) into batches of about the same work, the largest files first."""
    made: list[list[str]] = []
    batch: list[str] = []
    room = batch_bytes
    for path, size in sorted(sized, key=lambda item: (-item[1], item[0])):
        batch.append(path)
        room -= size
        if room <= 0:
            made.append(batch)
            batch, room = [], batch_bytes
    return [*made, batch] if batch else made


class _Worker:
    """One process and our end of its pipe; `batch` is what it works on."""

    __slots__ = ("batch", "pipe", "process")

    def __init__(self, context: _Context, make_scan: MakeScan) -> None:
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, make_scan), daemon=True)
        self.process.start()
        theirs.close()
        self.batch: list[str] = []

    def give(self, batch: list[str]) -> None:
        self.batch = batch
        self.pipe.send_bytes(_ENCODER.encode(batch))

    def take(self) -> list[Scanned]:
        """Return the results. Raises EOFError or OSError where the process has died."""
        return _RESULTS.decode(self.pipe.recv_bytes())

    def close(self) -> None:
        self.pipe.close()
        self.process.terminate()
        self.process.join()
        self.process.close()


def scan_in_processes(
    todo: Sequence[tuple[str, int]], make_scan: MakeScan, processes: int
) -> Iterator[Scanned]:
    """Yield a result for every (path, size in bytes), in whatever order they are ready."""
    context = _context()
    queue = batches(todo)[::-1]
    workers: list[_Worker] = []
    try:
        for _ in range(min(processes, len(queue))):
            worker = _Worker(context, make_scan)
            workers.append(worker)
            worker.give(queue.pop())
        while busy := [worker for worker in workers if worker.batch]:
            ready = wait([worker.pipe for worker in busy])
            for worker in busy:
                if worker.pipe not in ready:
                    continue
                try:
                    results = worker.take()
                except (EOFError, OSError):
                    batch = worker.batch
                    worker.close()
                    workers.remove(worker)
                    if len(batch) == 1:
                        yield Scanned(FileReport(batch[0], partial=CRASHED))
                    else:
                        queue += [[path] for path in batch]
                    if not queue:
                        continue
                    worker = _Worker(context, make_scan)
                    workers.append(worker)
                    worker.give(queue.pop())
                    continue
                worker.batch = []
                if queue:
                    worker.give(queue.pop())
                yield from results
    finally:
        for worker in workers:
            worker.close()


def _serve(pipe: Connection, make_scan: MakeScan) -> None:
    """Work in the child until the pipe closes."""
    try:
        scan = make_scan()
        while True:
            paths = _PATHS.decode(pipe.recv_bytes())
            pipe.send_bytes(_ENCODER.encode([scan(path) for path in paths]))
    except (EOFError, KeyboardInterrupt):
        return


def _context() -> _Context:
    """Fork where that is safe: the child then shares what its parent has loaded."""
    if sys.platform == "linux" and threading.active_count() == 1:
        return multiprocessing.get_context("fork")
    return multiprocessing.get_context("spawn")
