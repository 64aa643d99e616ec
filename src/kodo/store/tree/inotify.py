"""The watch on Linux: inotify, by ctypes. Loaded only for workspaces where a walk is dear.

Does not know what is done with what it tells. Guards that a lost event is told as such. Not seen:
what another machine does on a network file system (there is no watch on those), writes to memory
that a process mapped and has not let go of, and other names of a file outside (see `restless`).
"""

import ctypes
import os
import struct
import weakref

from kodo.store.tree.watch import Dirty

_MODIFY, _ATTRIB, _CLOSE_WRITE, _MOVED_FROM, _MOVED_TO = 0x2, 0x4, 0x8, 0x40, 0x80
_CREATE, _DELETE, _DELETE_SELF, _MOVE_SELF = 0x100, 0x200, 0x400, 0x800
_UNMOUNT, _OVERFLOW, _IGNORED = 0x2000, 0x4000, 0x8000
_ONLY_FOLDERS, _NO_LINKS, _NOT_UNLINKED, _IS_FOLDER = 0x1000000, 0x2000000, 0x4000000, 0x40000000
_WANTED = (
    _MODIFY | _ATTRIB | _CLOSE_WRITE | _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE | _DELETE_SELF
    | _MOVE_SELF | _ONLY_FOLDERS | _NO_LINKS | _NOT_UNLINKED
)  # fmt: skip

# Only file systems whose changes all pass through this kernel: ext2 to 4, XFS, Btrfs, tmpfs, F2FS,
# overlayfs, ZFS, bcachefs.
_LOCAL = frozenset(
    (0xEF53, 0x58465342, 0x9123683E, 0x01021994, 0xF2F52010, 0x794C7630, 0x2FC12FC1, 0xCA451A4E)
)

_HEAD = struct.Struct("iIII")
_READ_BYTES = 1 << 18
_MOST_FOLDERS = 20_000


class InotifyWatch:
    """Watches the folders of a workspace. Raises OSError where the host cannot."""

    __slots__ = ("__weakref__", "_fd", "_folders", "_libc", "_numbers", "_root")

    def __init__(self, root: str) -> None:
        self._root = os.fsencode(root)
        self._libc = ctypes.CDLL(None, use_errno=True)
        if not hasattr(self._libc, "inotify_init1"):
            raise OSError("this system has no inotify")
        room = ctypes.create_string_buffer(512)
        if self._libc.statfs(self._root, room) != 0:
            raise self._error("statfs")
        kind = struct.unpack_from("l", room)[0] & 0xFFFFFFFF
        if kind not in _LOCAL:
            raise OSError(f"changes on a file system of kind {kind:#x} cannot be watched")
        self._fd: int = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._fd < 0:
            raise self._error("inotify_init1")
        weakref.finalize(self, os.close, self._fd)
        self._folders: dict[int, str] = {}
        self._numbers: dict[str, int] = {}

    def add(self, folder: str) -> None:
        """Watch a folder from now on; one that has gone is left out. Raises OSError: no room."""
        path = self._root + b"/" + os.fsencode(folder) if folder else self._root
        number: int = self._libc.inotify_add_watch(self._fd, path, _WANTED)
        if number < 0:
            if isinstance(error := self._error("inotify_add_watch"), _GONE):
                return
            raise error
        if len(self._folders) >= _MOST_FOLDERS:
            raise OSError(f"more than {_MOST_FOLDERS} folders are not watched")
        self._folders[number] = folder
        self._numbers[folder] = number

    def forget(self, folder: str) -> None:
        """Watch a folder no longer."""
        number = self._numbers.pop(folder, None)
        # The same folder may have been found again under another path.
        if number is not None and self._folders.get(number) == folder:
            del self._folders[number]
            self._libc.inotify_rm_watch(self._fd, number)

    def dirty(self) -> Dirty | None:
        """Return what has changed since the last call; None where it cannot tell."""
        names: dict[str, set[str]] = {}
        renewed: set[str] = set()
        while True:
            try:
                data = os.read(self._fd, _READ_BYTES)
            except BlockingIOError:
                return Dirty(names, renewed)
            at = 0
            while at < len(data):
                number, mask, _, length = _HEAD.unpack_from(data, at)
                name = os.fsdecode(data[at + 16 : at + 16 + length].rstrip(b"\0"))
                at += 16 + length
                if mask & (_OVERFLOW | _UNMOUNT):
                    return None
                folder = self._folders.get(number)
                if folder is None:
                    continue
                if not folder and mask & (_DELETE_SELF | _MOVE_SELF):
                    return None
                if mask & _IGNORED:
                    self._folders.pop(number, None)
                    continue
                names.setdefault(folder, set()).add(name)
                if mask & _IS_FOLDER and mask & (_CREATE | _MOVED_TO) and name:
                    renewed.add(f"{folder}/{name}" if folder else name)

    @staticmethod
    def _error(call: str) -> OSError:
        number = ctypes.get_errno()
        return OSError(number, f"{call}: {os.strerror(number)}")


_GONE = (FileNotFoundError, NotADirectoryError)
