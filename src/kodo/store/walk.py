"""The walk: which files a workspace has, and reading only those that may have changed.

Does not know snapshots or blobs. Guards that no link is followed out of the workspace, that caps
hold, and that what is left out is named.

Covered: regular files and symbolic links, up to the caps of Coverage. Not covered: version control,
dependencies, caches and build output by name, other file systems, special files, files that cannot
be read, names that are not UTF-8. Empty folders are not recorded.
"""

import hashlib
import os
import stat
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from kodo.core.messages import Value
from kodo.store.manifest import FileState, State, Uncovered

STAGING_PREFIX = ".kodo-restore-"

# A file that changed this shortly before it was read may change again within the same tick of the
# file system's clock, and look the same. Two seconds is the coarsest clock in use (FAT).
_SETTLED_AFTER_NS = 2_000_000_000

_BATCH_BYTES = 8 << 20
_BATCH_FILES = 1000

SKIPPED_ALWAYS = frozenset(
    (
        *(".git", ".hg", ".svn", ".jj", "node_modules", "bower_components", "__pycache__"),
        *(".venv", "venv", ".tox", ".nox", ".mypy_cache", ".pytest_cache", ".ruff_cache"),
        *(".hypothesis", ".gradle", ".next", ".nuxt", ".turbo", ".terraform", ".dart_tool"),
        *(".cargo", ".bundle", ".eggs", ".direnv", ".import_linter_cache"),
    )
)
# These names are build output only beside the file that makes them so.
SKIPPED_BESIDE = {
    "target": ("Cargo.toml", "pom.xml", "build.sbt"),
    "build": (
        *("CMakeLists.txt", "build.gradle", "build.gradle.kts", "meson.build"),
        *("pyproject.toml", "setup.py", "package.json"),
    ),
    "dist": ("package.json", "pyproject.toml", "setup.py"),
    "_build": ("mix.exs", "dune-project", "rebar.config"),
}
# A folder says of itself by one of these that it can be made again.
_MARKS = frozenset(("CACHEDIR.TAG", "pyvenv.cfg"))


class Coverage(Value, frozen=True):
    """How much a snapshot may hold; what is beyond is uncovered, never an error."""

    max_files: int = 50_000
    max_file_bytes: int = 10 << 20
    max_total_bytes: int = 500 << 20


class Seen(NamedTuple):
    """What a file looked like from outside when `digest` was its content."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    digest: bytes


class _Found(NamedTuple):
    path: str
    mode: int
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int


class Scan:
    """One pass over a workspace. All its methods block: call them in a worker thread.

    `seen` is what earlier passes saw; files that still look the same are not read again. `excluded`
    are absolute paths of files to leave out. `started_ns` is the wall clock in nanoseconds.
    Afterwards `seen` holds what the next pass may rely on; `settled_files` and `settled_bytes` tell
    how much of that is new.
    """

    __slots__ = (
        *("_coverage", "_excluded", "_files", "_next", "_root", "_seen", "_started_ns"),
        *("_to_read", "_total_bytes", "_uncovered", "seen", "settled_bytes", "settled_files"),
    )

    def __init__(
        self,
        root: str,
        coverage: Coverage,
        seen: dict[str, Seen],
        *,
        excluded: Collection[str],
        started_ns: int,
    ) -> None:
        self._root = root
        self._coverage = coverage
        self._excluded = frozenset(excluded)
        self._seen = seen
        self._started_ns = started_ns
        self._files: dict[str, FileState] = {}
        self._uncovered: list[Uncovered] = []
        self._to_read: list[_Found] = []
        self._next = 0
        self._total_bytes = 0
        self.seen: dict[str, Seen] = {}
        self.settled_files = 0
        self.settled_bytes = 0

    def walk(self) -> None:
        """List the files, level by level, so that a cap leaves out the deepest first.

        Raises OSError where the workspace itself cannot be listed.
        """
        device = Path(self._root).stat().st_dev
        level = [""]
        while level:
            deeper: list[str] = []
            for number, folder in enumerate(level):
                if not self._list(folder, device, deeper):
                    rest = (*level[number:], *deeper)
                    self._leave(rest, "the snapshot is full")
                    return
            level = deeper

    def read(self) -> tuple[dict[str, bytes], bool]:
        """Read the next files that may have changed; return contents by digest, and if all is read.

        A batch is about 8 MiB, or a thousand files.
        """
        contents: dict[str, bytes] = {}
        size = files = 0
        while self._next < len(self._to_read):
            if size >= _BATCH_BYTES or files >= _BATCH_FILES:
                return contents, False
            found = self._to_read[self._next]
            self._next += 1
            data = self._read_file(found)
            if data is not None:
                contents[self._files[found.path].digest] = data
                size += len(data)
                files += 1
        return contents, True

    def state(self) -> State:
        """Return what was found, once `read` has said that all is read."""
        return State(self._files, self._uncovered)

    def _list(self, folder: str, device: int, deeper: list[str]) -> bool:
        """Take in one folder; return False when the snapshot is full."""
        try:
            with os.scandir(f"{self._root}/{folder}" if folder else self._root) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            if not folder:
                raise
            if not isinstance(error, FileNotFoundError):
                self._leave((folder,), f"cannot be listed: {error.strerror}")
            return True
        names = {entry.name for entry in entries}
        if folder and not _MARKS.isdisjoint(names):
            self._leave((folder,), "dependencies, cache or build output")
            return True
        for entry in entries:
            name = entry.name
            path = f"{folder}/{name}" if folder else name
            if not _is_utf8(path):
                shown = os.fsencode(path).decode("utf-8", "replace")
                self._uncovered.append(Uncovered(shown, "its name is not UTF-8"))
                continue
            try:
                if entry.is_dir(follow_symlinks=False):
                    self._take_folder(entry, path, names, device, deeper)
                elif not self._take_file(entry, path):
                    return False
            except FileNotFoundError:
                continue  # it went away between the listing and the look
            except OSError as error:
                reason = f"cannot be read: {error.strerror}"
                self._uncovered.append(Uncovered(path, reason))
        return True

    def _take_folder(
        self,
        entry: "os.DirEntry[str]",
        path: str,
        names: set[str],
        device: int,
        deeper: list[str],
    ) -> None:
        name = entry.name
        beside = SKIPPED_BESIDE.get(name)
        if name in SKIPPED_ALWAYS or (beside and not names.isdisjoint(beside)):
            # Git's own folder is no loss that anybody needs to hear of.
            reason = "version control" if name == ".git" else "dependencies, cache or build output"
            self._leave((path,), reason)
        elif name.startswith(STAGING_PREFIX):
            self._leave((path,), "left over from a restore")
        elif entry.stat(follow_symlinks=False).st_dev != device:
            self._leave((path,), "another file system")
        else:
            deeper.append(path)

    def _take_file(self, entry: "os.DirEntry[str]", path: str) -> bool:
        """Take in one file; return False when the snapshot is full."""
        status = entry.stat(follow_symlinks=False)
        if len(self._files) >= self._coverage.max_files:
            return False
        mode = status.st_mode
        if stat.S_ISLNK(mode):
            target = os.readlink(entry.path)  # noqa: PTH115 - Path would tidy the target
            if _is_utf8(target):
                size = len(target.encode())
                self._files[path] = FileState(path, 0o777, size, target=target)
            else:
                self._uncovered.append(Uncovered(path, "its target is not UTF-8"))
            return True
        if not stat.S_ISREG(mode):
            self._uncovered.append(Uncovered(path, "neither a file nor a link"))
            return True
        if entry.path in self._excluded:
            self._uncovered.append(Uncovered(path, "the store itself"))
            return True
        size = status.st_size
        if size > self._coverage.max_file_bytes:
            limit = self._coverage.max_file_bytes
            self._uncovered.append(Uncovered(path, f"larger than {limit} bytes"))
            return True
        if self._total_bytes + size > self._coverage.max_total_bytes:
            return False
        self._total_bytes += size
        found = _Found(
            path, mode & 0o777, size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino
        )
        seen = self._seen.get(path)
        if seen is not None and seen[:4] == found[2:]:
            self.seen[path] = seen
            self._files[path] = FileState(path, mode & 0o777, size, seen.digest.hex())
        else:
            self._to_read.append(found)
            # Holds its place, so that the cap on files counts it.
            self._files[path] = FileState(path, mode & 0o777, size)
        return True

    def _read_file(self, found: _Found) -> bytes | None:
        """Read one file and settle its state; None where it went away or cannot be read."""
        path = found.path
        try:
            fd = os.open(
                f"{self._root}/{path}", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            )
            try:
                status = os.fstat(fd)
                data = _read_all(fd, self._coverage.max_file_bytes)
                after = os.fstat(fd)
            finally:
                os.close(fd)
        except FileNotFoundError:
            del self._files[path]
            return None
        except OSError as error:
            del self._files[path]
            self._uncovered.append(Uncovered(path, f"cannot be read: {error.strerror}"))
            return None
        if not stat.S_ISREG(status.st_mode) or len(data) > self._coverage.max_file_bytes:
            del self._files[path]
            self._uncovered.append(Uncovered(path, "it changed while it was read"))
            return None
        digest = hashlib.sha256(data)
        mode = status.st_mode & 0o777
        self._files[path] = FileState(path, mode, len(data), digest.hexdigest())
        seen = Seen(
            after.st_size, after.st_mtime_ns, after.st_ctime_ns, after.st_ino, digest.digest()
        )
        quiet = status.st_mtime_ns == after.st_mtime_ns and after.st_size == len(data)
        changed_ns = max(after.st_ctime_ns, after.st_mtime_ns)
        if quiet and changed_ns < self._started_ns - _SETTLED_AFTER_NS:
            self.seen[path] = seen
            self.settled_files += 1
            self.settled_bytes += len(data)
        return data

    def _leave(self, folders: Collection[str], reason: str) -> None:
        self._uncovered.extend(Uncovered(f"{folder or '.'}/", reason) for folder in folders)


def _read_all(fd: int, max_bytes: int) -> bytes:
    """Read to the end, or one byte past the limit so that the caller sees it was passed."""
    pieces: list[bytes] = []
    room = max_bytes + 1
    while room and (piece := os.read(fd, min(room, 1 << 20))):
        pieces.append(piece)
        room -= len(piece)
    return b"".join(pieces)


def _is_utf8(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
