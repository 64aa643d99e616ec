"""The process of the resident engine: `python -m`, started by start.py and by nobody else.

Guards that there is one at a time (it holds a lock while it lives) and that its socket is private.
"""

import os
import signal
import socket
import sys
from pathlib import Path

import anyio

from kodo.base.errors import ConfigError
from kodo.core.events import Retrying
from kodo.core.model import Model
from kodo.runtime.config import load_settings, read_environment
from kodo.runtime.models import open_model
from kodo.runtime.resident.keeper import Keeper
from kodo.runtime.resident.place import Place, listen_privately, locked

BACKLOG = 64


def main(folder: str, idle_s: str, told: str) -> int:
    """Serve until idle; returns 0, or 1 where another resident lives."""
    place = Place(Path(folder))
    place.make()
    with locked(place.alive, wait=False) as free:
        if not free:
            return 1
        listener = listen_privately(place.socket, BACKLOG)
        try:
            anyio.run(_serve, place, listener, float(idle_s), int(told))
        finally:
            place.socket.unlink(missing_ok=True)
            listener.close()
    return 0


async def _serve(place: Place, listener: socket.socket, idle_s: float, told: int) -> None:
    def ready() -> None:
        os.write(told, b"1")
        os.close(told)

    keeper = Keeper(place, _open, idle_s)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_end_at_signal, tasks.cancel_scope)
        await keeper.serve(listener, ready)
        tasks.cancel_scope.cancel()


async def _end_at_signal(scope: anyio.CancelScope) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for _ in signals:
            scope.cancel()
            return


def _open(model_id: str) -> Model:
    """Return an embedded model as a run would open it; others stay with their callers."""
    if not model_id.startswith("local/"):
        raise ConfigError(f"the resident engine serves embedded models, not {model_id!r}")
    settings = load_settings(read_environment(), Path("/"))
    chosen = settings.with_value("model", model_id, "the caller")
    return open_model(chosen, _no_blob, _unheard, resident=False)


async def _no_blob(name: str) -> bytes:
    raise ConfigError(f"blob {name!r}: embedded models take no images")


async def _unheard(retrying: Retrying) -> None:
    del retrying


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
