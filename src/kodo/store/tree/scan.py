"""The scan: one pass over a workspace, over all of it or only over what was told to have changed.

Does not know snapshots or blobs. Guards that caps hold, that what is left out is named, and that
only files that may have changed are read.
"""

import hashlib
import os
import stat
from collections.abc import Collection, Mapping
from pathlib import Path

import msgspec

from kodo.store.tree.coverage import Coverage
from kodo.store.tree.listing import Found, Known, Lister, Listing, Seen
from kodo.store.tree.manifest import FileState, State, Uncovered
from kodo.store.tree.watch import Dirty, Watch

# A file that changed this shortly before it was read may change again within the same tick of the
# file system's clock, and look the same. Two seconds is the coarsest clock in use (FAT).
_SETTLED_AFTER_NS = 2_000_000_000

_BATCH_BYTES = 8 << 20
_BATCH_FILES = 1000


class Pass(msgspec.Struct, frozen=True):
    """What a finished pass found: folder by folder, together, and what the next may rely on.

    `whole` tells that no cap was met, so that the next pass may build on this one.
    """

    listings: Mapping[str, Listing]
    state: State
    seen: Mapping[str, Seen]
    whole: bool


class Scan:
    """One pass over a workspace. All its methods block: call them in a worker thread.

    `seen` is what earlier passes saw; files that still look the same are not read again. `excluded`
    are paths of files to leave out. `started_ns` is the wall clock in nanoseconds. `settled_files`
    and `settled_bytes` tell how much of what was seen is new.
    """

    __slots__ = (
        *("_before", "_coverage", "_excluded", "_full", "_lister", "_listings", "_next", "_root"),
        *("_seen", "_started_ns", "_to_read", "_uncovered", "settled_bytes", "settled_files"),
    )

    def __init__(
        self,
        root: str,
        coverage: Coverage,
        seen: Mapping[str, Seen],
        before: Pass | None,
        *,
        excluded: Collection[str],
        started_ns: int,
    ) -> None:
        self._root = root
        self._coverage = coverage
        self._before = before
        self._excluded = excluded
        self._started_ns = started_ns
        files: Mapping[str, FileState] = before.state.files if before is not None else {}
        device = Path(root).stat().st_dev
        known = Known(seen, files)
        self._lister = Lister(root, device, known, coverage.max_file_bytes, excluded)
        self._listings: dict[str, Listing] = {}
        self._seen: dict[str, Seen] = {}
        self._uncovered: list[Uncovered] = []
        self._to_read: list[Found] = []
        self._next = 0
        self._full = False
        self.settled_files = 0
        self.settled_bytes = 0

    def walk(self, watch: Watch | None = None) -> None:
        """List all folders, level by level, so that a cap leaves out the deepest first.

        Each folder is watched before it is listed. Raises OSError where the workspace itself
        cannot be listed, or a folder cannot be watched.
        """
        files = size = 0
        level = [""]
        while level:
            deeper: list[str] = []
            for number, folder in enumerate(level):
                listing = self._list(folder, (), watch)
                if listing is None:
                    continue
                files += _count(listing)
                size += listing.size_bytes
                self._listings[folder] = listing
                if files > self._coverage.max_files or size > self._coverage.max_total_bytes:
                    self._full = True
                    rest = (*level[number + 1 :], *deeper, *listing.folders)
                    self._cut(folder, listing, files, size)
                    self._uncovered += [
                        Uncovered(f"{path}/", "the snapshot is full") for path in rest
                    ]
                    return
                deeper += listing.folders
            level = deeper

    @property
    def files_listed(self) -> int:
        """How many files were found so far."""
        return sum(map(_count, self._listings.values()))

    def update(self, dirty: Dirty, watch: Watch) -> bool:
        """List only the folders that may have changed since the pass before.

        Returns False where that does not do, and all have to be walked. Raises OSError as `walk`.
        """
        assert self._before is not None
        self._listings = dict(self._before.listings)
        self._seen = dict(self._before.seen)
        restless = [folder for folder, it in self._listings.items() if it.restless]
        for folder in sorted({*dirty.names, *restless}, key=_depth):
            before = self._listings.get(folder)
            if before is None:
                continue  # it went with the folder above it
            for path in before.files:
                self._seen.pop(path, None)
            listing = self._list(folder, dirty.names.get(folder, ()), watch)
            if listing is None:
                self._drop(folder, watch)
                continue
            self._listings[folder] = listing
            for gone in before.folders.keys() - listing.folders.keys():
                self._drop(gone, watch)
            for path in listing.folders:
                if path not in before.folders or path in dirty.renewed:
                    self._drop(path, watch)
                    self._walk_beneath(path, watch)
        files = self.files_listed
        size = sum(it.size_bytes for it in self._listings.values())
        return files <= self._coverage.max_files and size <= self._coverage.max_total_bytes

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
            if found.path not in found.listing.files:
                continue  # a cap has cut it off
            data = self._read_file(found)
            if data is not None:
                contents[found.listing.files[found.path].digest] = data
                size += len(data)
                files += 1
        return contents, True

    def result(self) -> Pass:
        """Return what was found, once `read` has said that all is read."""
        uncovered = list(self._uncovered)
        for listing in self._listings.values():
            uncovered += listing.uncovered
        before = self._before
        if before is not None and before.listings.keys() == self._listings.keys():
            changed = [
                (before.listings[folder], listing)
                for folder, listing in self._listings.items()
                if before.listings.get(folder) is not listing
            ]
            if all(one.files == other.files for one, other in changed):
                state = State(before.state.files, uncovered)
                return Pass(self._listings, state, self._seen, not self._full)
        files: dict[str, FileState] = {}
        for listing in self._listings.values():
            files.update(listing.files)
        return Pass(self._listings, State(files, uncovered), self._seen, not self._full)

    def _list(self, folder: str, again: Collection[str], watch: Watch | None) -> Listing | None:
        if watch is not None:
            watch.add(folder)
        return self._lister.list(folder, again, self._seen, self._to_read.append)

    def _walk_beneath(self, folder: str, watch: Watch) -> None:
        waiting = [folder]
        while waiting:
            path = waiting.pop()
            listing = self._list(path, (), watch)
            if listing is not None:
                self._listings[path] = listing
                waiting += listing.folders

    def _drop(self, folder: str, watch: Watch) -> None:
        waiting = [folder]
        while waiting:
            path = waiting.pop()
            listing = self._listings.pop(path, None)
            if listing is not None:
                watch.forget(path)
                waiting += listing.folders
                for name in listing.files:
                    self._seen.pop(name, None)

    def _cut(self, folder: str, listing: Listing, files: int, size: int) -> None:
        """Leave out the last files of a folder, so that the caps hold, and say so."""
        for path in reversed(list(listing.files)):
            if files <= self._coverage.max_files and size <= self._coverage.max_total_bytes:
                break
            file = listing.files[path]
            if file.is_folder:
                continue
            del listing.files[path]
            self._seen.pop(path, None)
            files -= 1
            size -= file.size if file.target is None else 0
        # What is not listed of this folder and those beneath it is not known.
        listing.folders.clear()
        self._uncovered.append(Uncovered(f"{folder or '.'}/", "the snapshot is full"))

    def _read_file(self, found: Found) -> bytes | None:
        """Read one file and settle its state; None where it went away or cannot be read."""
        listing, path = found.listing, found.path
        limit = self._coverage.max_file_bytes
        try:
            fd = os.open(
                f"{self._root}/{path}", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            )
            try:
                status = os.fstat(fd)
                regular = stat.S_ISREG(status.st_mode)
                data = _read_all(fd, limit) if regular else b""
                after = os.fstat(fd)
            finally:
                os.close(fd)
        except FileNotFoundError:
            del listing.files[path]
            return None
        except OSError as error:
            return self._give_up(found, f"cannot be read: {error.strerror}")
        if not regular or len(data) > limit:
            return self._give_up(found, "it changed while it was read")
        digest = hashlib.sha256(data)
        mode = status.st_mode & 0o7777
        listing.files[path] = FileState(path, mode, len(data), digest.hexdigest())
        quiet = status.st_mtime_ns == after.st_mtime_ns and after.st_size == len(data)
        changed_ns = max(after.st_ctime_ns, after.st_mtime_ns)
        if quiet and changed_ns < self._started_ns - _SETTLED_AFTER_NS:
            self._seen[path] = Seen(
                after.st_size, after.st_mtime_ns, after.st_ctime_ns, after.st_ino, digest.digest()
            )
            self.settled_files += 1
            self.settled_bytes += len(data)
        return data

    def _give_up(self, found: Found, reason: str) -> None:
        del found.listing.files[found.path]
        found.listing.uncovered.append(Uncovered(found.path, reason))
        found.listing.restless = True


def _count(listing: Listing) -> int:
    """Return how many files a folder holds; a folder's own state comes first in its listing."""
    return sum(1 for path in listing.files if path[-1] != "/")


def _depth(folder: str) -> tuple[int, str]:
    return folder.count("/") + bool(folder), folder


def _read_all(fd: int, max_bytes: int) -> bytes:
    """Read to the end, or one byte past the limit so that the caller sees it was passed."""
    pieces: list[bytes] = []
    room = max_bytes + 1
    while room and (piece := os.read(fd, min(room, 1 << 20))):
        pieces.append(piece)
        room -= len(piece)
    return b"".join(pieces)
