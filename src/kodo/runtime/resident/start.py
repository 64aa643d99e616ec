"""Starting the resident engine: at most one for a user, whoever comes first.

Knows processes and locks, not models. Guards that nobody waits for ever, and that a caller that
dies leaves no half-started engine behind.
"""

import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from kodo.runtime.resident.place import Place, is_own, locked

START_TIMEOUT_S = 30.0
_POLL_S = 0.05
MODULE = "kodo.runtime.resident.process"


class NotStarted(Exception):
    """There is no resident and none could be started; the message says why."""


def connect(path: Path) -> socket.socket | None:
    """Return a connection to who listens there for this user, or None. Blocking, but short."""
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(str(path))
        if is_own(connection):
            return connection
    except OSError:
        pass
    connection.close()
    return None


def ensure(place: Place, variables: Mapping[str, str], idle_s: float) -> socket.socket:
    """Return a connection to the resident, starting one where there is none. Blocking.

    Raises NotStarted.
    """
    found = connect(place.socket)
    if found is not None:
        return found
    try:
        place.make()
        with locked(place.starting, wait=True):
            found = connect(place.socket)  # somebody else has started it meanwhile
            if found is None:
                _wait_for_end(place)
                _launch(place, variables, idle_s)
                found = connect(place.socket)
    except OSError as error:
        raise NotStarted(str(error)) from error
    if found is None:
        raise NotStarted(f"it ended at once; see {str(place.log)!r}")
    return found


def _launch(place: Place, variables: Mapping[str, str], idle_s: float) -> None:
    """Start the process and wait until it listens: it then writes to a pipe."""
    ready, told = os.pipe()
    try:
        with place.log.open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", MODULE, str(place.folder), str(idle_s), str(told)],
                cwd="/",
                env=dict(variables),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                pass_fds=(told,),
                start_new_session=True,  # Ctrl-C here does not end it
            )
        os.close(told)
        told = -1
        if not select.select([ready], [], [], START_TIMEOUT_S)[0]:
            process.kill()
            process.wait()
            raise NotStarted(f"it did not listen within {START_TIMEOUT_S:g} s")
        if not os.read(ready, 1):
            process.wait(timeout=5)
            return
        process.returncode = 0  # it outlives us, and is not to be waited for
    finally:
        os.close(ready)
        if told >= 0:
            os.close(told)


def _wait_for_end(place: Place) -> None:
    """Wait until a resident that no longer listens has ended and let go of its lock."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        with locked(place.alive, wait=False) as free:
            if free:
                with suppress(FileNotFoundError):
                    place.socket.unlink()
                return
        time.sleep(_POLL_S)
    raise NotStarted("an earlier one neither answers nor ends")
