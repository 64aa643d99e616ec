"""A whole tree, or a list of files, through the scan: cache first, then processes, then advisories.

Does not know reports, baselines or git. Guards that every listed file has exactly one result.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from msgspec.structs import replace

from kodo.base.clock import Monotonic, monotonic_s
from kodo.scan.content import MAX_FILE_BYTES
from kodo.scan.dependencies.manifests.reader import read_packages
from kodo.scan.dependencies.match import find_vulnerable
from kodo.scan.file_scan import FileScan, MakeEngine, Scanned
from kodo.scan.findings import FileReport, Weakness
from kodo.scan.repository import RepositoryFiles, digest_of
from kodo.scan.walk.cache import ScanCache
from kodo.scan.walk.files import Candidate
from kodo.scan.walk.workers import ScanPath, scan_in_processes

ALONE_UP_TO_BYTES = 600_000
"""Below this, starting processes costs more than they save."""

FILE_DEADLINE_S = 10.0

Progress = Callable[[int, int], None]
"""Takes how many bytes are done, and of how many."""


@dataclass(slots=True)
class Survey:
    """How to scan below `root`. `make_engine` is called in each process that scans."""

    root: Path
    make_engine: MakeEngine
    processes: int = 1
    cache: ScanCache = field(default_factory=lambda: ScanCache(None, ""))
    osv: Path | None = None
    progress: Progress | None = None
    clock: Monotonic = monotonic_s

    def run(self, files: Iterable[Candidate], places: Sequence[str] = ("",)) -> list[Scanned]:
        """Scan the files; returns one result for each, by path.

        `places` are the folders that `files` are all of: the cache forgets what has gone from them.
        Raises ConfigError where the OSV export cannot be read.
        """
        results: dict[str, Scanned] = {}
        sizes: dict[str, int] = {}
        todo: dict[str, int] = {}
        digests: dict[str, bytes] = {}
        total = done = 0
        for candidate in files:
            total += candidate.size_bytes
            path = candidate.path
            data = _read(self.root / path)
            if isinstance(data, str):
                results[path] = Scanned(FileReport(path, partial=data))
                continue
            digests[path] = digest_of(data)
            sizes[path] = len(data)
        now = _Digests(self.root, digests)
        for path, digest in digests.items():
            cached = self.cache.get(path, digest, now.of)
            if cached is None:
                todo[path] = sizes[path]
            else:
                results[path] = cached
                done += sizes[path]
        for scanned in self._scan(todo):
            path = scanned.report.path
            results[path] = scanned
            self.cache.put(path, digests[path], scanned)
            done += todo[path]
            if self.progress is not None:
                self.progress(done, total)
        self.cache.save(set(results), places)
        found = [results[path] for path in sorted(results)]
        return self._with_advisories(found)

    def _scan(self, todo: dict[str, int]) -> Iterable[Scanned]:
        sized = list(todo.items())
        make = partial(_make_scan, self.root, self.make_engine, self.clock)
        if self.processes > 1 and len(sized) > 1 and sum(todo.values()) > ALONE_UP_TO_BYTES:
            return scan_in_processes(sized, make, self.processes)
        return map(make(), todo) if sized else ()

    def _with_advisories(self, found: Sequence[Scanned]) -> list[Scanned]:
        if self.osv is None:
            return list(found)
        manifests = [(one.report.path, one.packages) for one in found if one.packages]
        by_path: dict[str, list[Weakness]] = {}
        for weakness in find_vulnerable(manifests, self.osv):
            by_path.setdefault(weakness.path, []).append(weakness)
        return [_add(one, by_path.get(one.report.path, [])) for one in found]


class _Digests:
    """The digests of files as they are now: those listed, and others when asked for."""

    __slots__ = ("_files", "_known")

    def __init__(self, root: Path, known: dict[str, bytes]) -> None:
        self._known = dict(known)
        self._files = RepositoryFiles(root)

    def of(self, path: str) -> bytes:
        if path not in self._known:
            self._files.read(path)
            self._known[path] = self._files.take_asked()[path]
        return self._known[path]


def _add(scanned: Scanned, more: Sequence[Weakness]) -> Scanned:
    if not more:
        return scanned
    report = scanned.report
    return replace(scanned, report=replace(report, weaknesses=(*report.weaknesses, *more)))


def _make_scan(root: Path, make_engine: MakeEngine, clock: Monotonic) -> ScanPath:
    """Return the scan of one path; runs in the process that scans."""
    file_scan = FileScan(make_engine, RepositoryFiles(root), read_packages)

    def scan(path: str) -> Scanned:
        data = _read(root / path)
        if isinstance(data, str):
            return Scanned(FileReport(path, partial=data))
        return file_scan.scan(path, data, deadline=clock() + FILE_DEADLINE_S)

    return scan


def _read(path: Path) -> bytes | str:
    """Return a file's bytes, at most one more than are scanned, or why it cannot be read."""
    try:
        with path.open("rb") as stream:
            return stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
