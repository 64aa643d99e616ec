"""The listing: one folder of a workspace, with the state of what lies directly in it.

Does not know the walk. Guards that no link is followed, that what is left out is named, and that
a file is only taken for known where it looks as it did when it was read.
"""

import os
import stat
from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

import msgspec

from kodo.store.tree.coverage import MARKS, VERSION_CONTROL, git_mark, why_skipped
from kodo.store.tree.manifest import FileState, Uncovered

_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Seen(NamedTuple):
    """What a file looked like from outside when `digest` was its content."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    digest: bytes


class Found(NamedTuple):
    """A file that has to be read, and in which folder it was found."""

    listing: "Listing"
    path: str


class Listing(msgspec.Struct, eq=False):
    """What lies directly in one folder; `files` holds the folder's own state too.

    `restless`: something in it can change without the folder being told of it.
    """

    files: dict[str, FileState] = msgspec.field(default_factory=dict[str, FileState])
    folders: dict[str, None] = msgspec.field(default_factory=dict[str, None])
    uncovered: list[Uncovered] = msgspec.field(default_factory=list[Uncovered])
    size_bytes: int = 0
    restless: bool = False


class Known(msgspec.Struct, frozen=True):
    """What earlier passes know: `seen` of files, and their `files` to be used again."""

    seen: Mapping[str, Seen]
    files: Mapping[str, FileState]


class Lister:
    """Lists single folders of one workspace. `device` is that of the workspace."""

    __slots__ = ("_device", "_excluded", "_known", "_max_file_bytes", "_root")

    def __init__(
        self, root: str, device: int, known: Known, max_file_bytes: int, excluded: Collection[str]
    ) -> None:
        self._root = root
        self._device = device
        self._known = known
        self._max_file_bytes = max_file_bytes
        self._excluded = excluded

    def list(
        self,
        folder: str,
        again: Collection[str],
        seen: dict[str, Seen],
        to_read: Callable[[Found], None],
    ) -> Listing | None:
        """Return what lies in `folder` ("" is the workspace); None where it is gone.

        The files named in `again` are read whatever they look like. Adds to `seen` what still
        looks the same, and tells `to_read` the rest. Raises OSError for the workspace itself.
        """
        listing = Listing()
        try:
            fd = os.open(f"{self._root}/{folder}" if folder else self._root, _FOLDER_FLAGS)
        except OSError as error:
            if not folder:
                raise
            if isinstance(error, FileNotFoundError | NotADirectoryError):
                return None
            _leave(listing, folder, f"cannot be listed: {error.strerror}")
            listing.restless = True
            return listing
        try:
            status = os.fstat(fd)
            if status.st_dev != self._device:
                _leave(listing, folder, "another file system")
                return listing
            with os.scandir(fd) as entries:
                found = {entry.name: entry for entry in entries}
            if folder and any(mark in found for mark in MARKS):
                _leave(listing, folder, why_skipped("venv", ()))
                return listing
            if folder:
                own = f"{folder}/"
                mode = status.st_mode & 0o7777
                before = self._known.files.get(own)
                if before is None or before.mode != mode:
                    before = FileState(own, mode, 0)
                listing.files[own] = before
            for name in sorted(found):
                path = f"{folder}/{name}" if folder else name
                try:
                    self._take(listing, found, name, path, name in again, seen, to_read)
                except FileNotFoundError:
                    continue  # it went away between the listing and the look
                except OSError as error:
                    listing.uncovered.append(Uncovered(path, f"cannot be read: {error.strerror}"))
                    listing.restless = True
        finally:
            os.close(fd)
        return listing

    def _take(
        self,
        listing: Listing,
        found: Mapping[str, "os.DirEntry[str]"],
        name: str,
        path: str,
        again: object,
        seen: dict[str, Seen],
        to_read: Callable[[Found], None],
    ) -> None:
        entry = found[name]
        if entry.is_dir(follow_symlinks=False):
            if reason := why_skipped(name, found):
                mark = git_mark(f"{self._root}/{path}") if reason == VERSION_CONTROL else ""
                listing.uncovered.append(Uncovered(f"{path}/", reason, mark))
                listing.restless |= bool(mark)
            else:
                listing.folders[path] = None
            return
        status = entry.stat(follow_symlinks=False)
        mode, size = status.st_mode, status.st_size
        if not stat.S_ISREG(mode):
            self._take_special(listing, path, mode)
            return
        if status.st_nlink > 1:
            listing.restless = True  # its other name may lie in a folder that nobody watches
        if path in self._excluded:
            listing.uncovered.append(Uncovered(path, "the store itself"))
            return
        if size > self._max_file_bytes:
            mark = f"{size} {status.st_mtime_ns} {status.st_ino}"
            reason = f"larger than {self._max_file_bytes} bytes"
            listing.uncovered.append(Uncovered(path, reason, mark))
            return
        listing.size_bytes += size
        known = self._known.seen.get(path)
        if (
            known is not None
            and not again
            and known[2] == status.st_ctime_ns
            and known[1] == status.st_mtime_ns
            and known[0] == size
            and known[3] == status.st_ino
        ):
            seen[path] = known
            mode &= 0o7777
            state = self._known.files.get(path)
            if state is None or state.mode != mode or state.size != size:
                state = FileState(path, mode, size, known.digest.hex())
            listing.files[path] = state
        else:
            listing.files[path] = FileState(path, mode & 0o7777, size)
            to_read(Found(listing, path))

    def _take_special(self, listing: Listing, path: str, mode: int) -> None:
        if not stat.S_ISLNK(mode):
            listing.uncovered.append(Uncovered(path, "neither a file nor a link"))
            return
        target = os.readlink(f"{self._root}/{path}")  # noqa: PTH115 - Path would tidy the target
        listing.files[path] = FileState(path, 0o777, len(os.fsencode(target)), target=target)


def _leave(listing: Listing, folder: str, reason: str) -> None:
    listing.uncovered.append(Uncovered(f"{folder}/", reason))
