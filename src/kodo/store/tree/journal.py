"""The journal of a restore: what was begun is finished or taken back by whoever comes next.

It lies beside the store, where no command in a jail can write, and its file is the lock of the
workspace. Guards against the death of the process at any instant; not against loss of power.
"""

import fcntl
import hashlib
import os
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import msgspec

from kodo.base.errors import StoreError
from kodo.core.messages import Value
from kodo.store.tree.manifest import FileState, named, storable
from kodo.store.tree.planning import Step

_LOCK_TIMEOUT_S = 30.0
_LOCK_PAUSE_S = 0.02


class _Entry(Value, frozen=True, array_like=True):
    path: FileState
    now: FileState | None
    wanted: FileState | None


class _Record(Value, frozen=True):
    version: Literal[1]
    staging: str
    steps: tuple[_Entry, ...] = ()


class Begun(msgspec.Struct, frozen=True):
    """A restore that was not ended: its staging folder, and the steps once they were decided."""

    staging: str
    steps: tuple[Step, ...] = ()


class RestoreJournal:
    """The journal of one workspace, in the folder of its store."""

    __slots__ = ("_path",)

    def __init__(self, folder: Path, workspace: Path) -> None:
        digest = hashlib.sha256(os.fsencode(workspace)).hexdigest()
        self._path = folder / f"restore-{digest[:16]}"

    @contextmanager
    def locked(self, *, shared: bool) -> Generator["OpenJournal"]:
        """Hold the lock of the workspace. Blocks.

        Raises StoreError where another process holds it for long, or it cannot be made.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(f"cannot open {str(self._path)!r}: {error.strerror}") from error
        try:
            self._lock(fd, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
            yield OpenJournal(fd, self._path)
        finally:
            os.close(fd)

    def _lock(self, fd: int, kind: int) -> None:
        deadline = time.monotonic() + _LOCK_TIMEOUT_S
        while True:
            try:
                fcntl.flock(fd, kind | fcntl.LOCK_NB)
            except BlockingIOError as error:
                if time.monotonic() > deadline:
                    raise StoreError(
                        "another kodo brings back files here and does not end; see that it does, "
                        f"then try again (it holds {str(self._path)!r})"
                    ) from error
                time.sleep(_LOCK_PAUSE_S)
            else:
                return


class OpenJournal:
    """The journal while its lock is held."""

    __slots__ = ("_fd", "_path")

    def __init__(self, fd: int, path: Path) -> None:
        self._fd = fd
        self._path = path

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing was left behind."""
        return os.fstat(self._fd).st_size == 0

    def write(self, begun: Begun) -> None:
        """Replace the record. One that is cut short counts as the one before its steps."""
        entries = tuple(
            _Entry(
                storable(FileState(step.path, 0, 0)),
                None if step.now is None else storable(step.now),
                None if step.wanted is None else storable(step.wanted),
            )
            for step in begun.steps
        )
        data = msgspec.json.encode(_Record(1, begun.staging, entries))
        digest = hashlib.sha256(data).hexdigest().encode()
        # Behind what is there: a record that died half-written leaves the one before it.
        end = os.lseek(self._fd, 0, os.SEEK_END)
        try:
            line = digest + b" " + data + b"\n"
            while line:
                line = line[os.write(self._fd, line) :]
            os.fsync(self._fd)
        except OSError as error:
            os.ftruncate(self._fd, end)
            raise StoreError(
                f"cannot write {str(self._path)!r}: {error.strerror}; nothing was touched"
            ) from error

    def read(self) -> Begun | None:
        """Return the newest whole record; None where there is none."""
        data = os.pread(self._fd, os.fstat(self._fd).st_size, 0)
        found: Begun | None = None
        for line in data.split(b"\n"):
            digest, _, text = line.partition(b" ")
            if hashlib.sha256(text).hexdigest().encode() != digest:
                continue
            record = _DECODER.decode(text)
            steps = tuple(
                Step(
                    named(entry.path).path,
                    None if entry.now is None else named(entry.now),
                    None,
                    None if entry.wanted is None else named(entry.wanted),
                )
                for entry in record.steps
            )
            found = Begun(record.staging, steps)
        return found

    def clear(self) -> None:
        """Forget the record: it was ended."""
        os.ftruncate(self._fd, 0)


_DECODER = msgspec.json.Decoder(_Record)
