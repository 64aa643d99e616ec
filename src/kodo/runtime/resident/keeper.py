"""The inside of the resident engine: keeps a model loaded for callers, ends when idle.

Guards that one model is loaded at a time, and that the process ends when nobody needs it or its
home is gone.
"""

import socket
from collections.abc import Callable
from contextlib import suppress

import anyio

from kodo.base.errors import ModelError
from kodo.core.model import Model
from kodo.runtime.resident.attendant import Attendant
from kodo.runtime.resident.place import Place

OpenModel = Callable[[str], Model]
LOOK_S = 5.0


class Keeper(Attendant):
    """Keeps models for callers. One model stays loaded; another takes its place when it is idle."""

    def __init__(
        self, place: Place, open_model: OpenModel, idle_s: float, *, look_s: float = LOOK_S
    ) -> None:
        super().__init__()
        self._look_s = look_s
        self._place = place
        self._open_model = open_model
        self._idle_s = idle_s
        self._models: dict[str, Model] = {}
        self._changing = anyio.Lock()
        self._end = anyio.Event()

    @property
    def models(self) -> tuple[str, ...]:
        """Which models are loaded."""
        return tuple(self._models)

    async def serve(self, listener: socket.socket, on_ready: Callable[[], None]) -> None:
        """Answer callers until nobody came for `idle_s`, the socket vanished or one said stop."""
        there = self._place.socket.stat().st_ino
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self.accept, listener, tasks)
            tasks.start_soon(self._watch, there)
            on_ready()
            await self._end.wait()
            tasks.cancel_scope.cancel()
        for model in self._models.values():
            with suppress(ModelError):
                await model.aclose()

    async def _watch(self, there: int) -> None:
        while True:
            await anyio.sleep(min(self._look_s, self._idle_s))
            try:
                gone = self._place.socket.stat().st_ino != there
            except OSError:
                gone = True
            if gone or (not self.is_busy and self.idle_s >= self._idle_s):
                self._end.set()

    def stop(self, *, idle_only: bool) -> None:
        """End; with `idle_only` not while somebody is being answered."""
        if not (idle_only and self.is_busy):
            self._end.set()

    async def take(self, model_id: str) -> Model:
        """Return a model, unloading others that are idle. Raises KodoError."""
        async with self._changing:  # unloading another takes time; whoever comes meanwhile waits
            if model_id not in self._models:
                for other in list(self._models):
                    if not self.users.get(other):
                        await self._models.pop(other).aclose()
                self._models[model_id] = self._open_model(model_id)
            return self._models[model_id]
