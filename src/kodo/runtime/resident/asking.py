"""Asking the resident engine about itself, and ending it: for `kodo serve status` and `stop`.

Does not start one. Blocking and short.
"""

import socket
import time
from contextlib import closing
from pathlib import Path

from kodo.runtime.resident import words
from kodo.runtime.resident.place import Place, locked
from kodo.runtime.resident.start import connect
from kodo.runtime.resident.words import Call, Report, Status, Stop

ANSWER_TIMEOUT_S = 5.0
END_TIMEOUT_S = 15.0
LENDER_TIMEOUT_S = 1.0
_POLL_S = 0.05


def ask_status(place: Place) -> Report | None:
    """Return the report of the resident, or None where none answers."""
    return _ask(place.socket, Call(words.VERSION, "", Status()))


def ask_lender(place: Place) -> Report | None:
    """Return the report of a `kodo serve` in the foreground: `models` are those that it lends."""
    return _ask(place.lending, Call(words.VERSION, "", Status()), LENDER_TIMEOUT_S)


def borrow(place: Place, model_id: str) -> socket.socket | None:
    """Return a connection to a `kodo serve` of this version that lends the model, or None."""
    if not place.lending.exists():
        return None
    report = ask_lender(place)
    if report is None or report.version != words.VERSION or model_id not in report.models:
        return None
    return connect(place.lending)


def ask_stop(place: Place) -> Report | None:
    """End the resident; returns its last report when it has ended, None where none answered.

    Raises TimeoutError where it does not end.
    """
    found = _ask(place.socket, Call(words.VERSION, "", Stop()))
    if found is None:
        return None
    deadline = time.monotonic() + END_TIMEOUT_S
    while time.monotonic() < deadline:
        with locked(place.alive, wait=False) as free:
            if free:
                return found
        time.sleep(_POLL_S)
    raise TimeoutError(f"the resident engine (process {found.pid}) does not end")


def _ask(path: Path, call: Call, timeout_s: float = ANSWER_TIMEOUT_S) -> Report | None:
    connection = connect(path)
    if connection is None:
        return None
    with closing(connection):
        connection.settimeout(timeout_s)
        try:
            connection.sendall(words.line(call))
            with connection.makefile("rb") as answer:
                word = words.words.decode(answer.readline(words.MAX_LINE_BYTES))
        except (OSError, ValueError):
            return None
    return word if isinstance(word, Report) else None
