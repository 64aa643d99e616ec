"""Asking the resident engine about itself, and ending it: for `kodo serve status` and `stop`.

Does not start one. Blocking and short.
"""

import time
from contextlib import closing

from kodo.runtime.resident import words
from kodo.runtime.resident.place import Place, locked
from kodo.runtime.resident.start import connect
from kodo.runtime.resident.words import Call, Report, Status, Stop

ANSWER_TIMEOUT_S = 5.0
END_TIMEOUT_S = 15.0
_POLL_S = 0.05


def ask_status(place: Place) -> Report | None:
    """Return the report of the resident, or None where none answers."""
    return _ask(place, Call(words.VERSION, "", Status()))


def ask_stop(place: Place) -> Report | None:
    """End the resident; returns its last report when it has ended, None where none answered.

    Raises TimeoutError where it does not end.
    """
    found = _ask(place, Call(words.VERSION, "", Stop()))
    if found is None:
        return None
    deadline = time.monotonic() + END_TIMEOUT_S
    while time.monotonic() < deadline:
        with locked(place.alive, wait=False) as free:
            if free:
                return found
        time.sleep(_POLL_S)
    raise TimeoutError(f"the resident engine (process {found.pid}) does not end")


def _ask(place: Place, call: Call) -> Report | None:
    connection = connect(place)
    if connection is None:
        return None
    with closing(connection):
        connection.settimeout(ANSWER_TIMEOUT_S)
        try:
            connection.sendall(words.line(call))
            with connection.makefile("rb") as answer:
                word = words.words.decode(answer.readline(words.MAX_LINE_BYTES))
        except (OSError, ValueError):
            return None
    return word if isinstance(word, Report) else None
