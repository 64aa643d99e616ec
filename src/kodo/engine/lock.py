"""A lock between processes: one file, held by at most one, freed by the kernel if the holder dies.

Guards that two pulls of one model never write the same file. Does not work over every network
file system; there the sha256 still catches a mixed file.
"""

import fcntl
import os
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

_POLL_S = 0.1


@contextmanager
def hold(
    path: Path, *, cancelled: Callable[[], bool], on_wait: Callable[[], None]
) -> Generator[bool, None, None]:
    """Hold the lock at `path` for the block, waiting for another holder without limit.

    Yields True when it had to wait, and calls `on_wait` once then. Yields nothing and raises
    InterruptedError when `cancelled` turns true while waiting. Raises OSError where the file
    cannot be made.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    waited = False
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not waited:
                    on_wait()
                waited = True
                if cancelled():
                    raise InterruptedError(f"cancelled while waiting for {path.name!r}") from None
                time.sleep(_POLL_S)
        yield waited
    finally:
        os.close(descriptor)
