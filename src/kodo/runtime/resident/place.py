"""Where the resident engine is found: a private folder with its socket, its locks and its log.

Guards that only the user gets in: the folder is 0700 and theirs, the socket 0600, and both sides
look at whose process is at the other end.
"""

import fcntl
import os
import socket
import stat
import struct
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from kodo.core.messages import Value

MAX_SOCKET_PATH_BYTES = 100  # the kernel's limit is 108
_CREDENTIALS = struct.Struct("3i")


class Place(Value, frozen=True):
    """The folder of the resident. Nothing of it need exist."""

    folder: Path

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self.folder / "resident.sock"

    @property
    def alive(self) -> Path:
        """The lock that it holds while it lives."""
        return self.folder / "resident.lock"

    @property
    def lending(self) -> Path:
        """Where a `kodo serve` in the foreground lends its models."""
        return self.folder / "serve.sock"

    @property
    def lender(self) -> Path:
        """The lock that the lender holds."""
        return self.folder / "serve.lock"

    @property
    def starting(self) -> Path:
        """The lock of who starts it."""
        return self.folder / "starting.lock"

    @property
    def log(self) -> Path:
        """What the newest one wrote to stderr."""
        return self.folder / "resident.log"

    def make(self) -> None:
        """Make the folder, or raise OSError where it is not private or the path is too long."""
        if len(os.fsencode(self.socket)) > MAX_SOCKET_PATH_BYTES:
            raise OSError(f"the path {str(self.socket)!r} is too long for a socket")
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = self.folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            raise OSError(f"{str(self.folder)!r} belongs to somebody else")
        if stat.S_IMODE(found.st_mode) & 0o077:
            self.folder.chmod(0o700)


def listen_privately(path: Path, waiting: int) -> socket.socket:
    """Return a socket that listens at `path`, which nobody else can open. Its lock is the caller's.

    What was there is removed. Raises OSError.
    """
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(before)
    listener.listen(waiting)
    return listener


def is_own(peer: socket.socket) -> bool:
    """Tell whether the process at the other end of a Unix socket belongs to this user."""
    data = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    user: int = _CREDENTIALS.unpack(data)[1]
    return user == os.getuid()


@contextmanager
def locked(path: Path, *, wait: bool) -> Generator[bool, None, None]:
    """Hold the lock at `path` for the block; yields False where another has it and `wait` is not.

    Blocking. Raises OSError where the file cannot be made.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)
