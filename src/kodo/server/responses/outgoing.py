"""What leaves over one WebSocket: events that come within a few turns of the loop leave together.

Knows frames and events, no lanes. Guards latency (a write wakes the client, which costs more than
the events in it) and order, and makes whoever sends wait for a reader that is slow.
"""

from collections.abc import Sequence

import anyio
import anyio.abc
import anyio.lowlevel
from starlette.types import Scope, Send

from kodo.server.frames import send_texts
from kodo.server.responses.encoding import Sendable, json_event

TURNS = 4
"""So many turns of the loop the first event waits: an answer that is ready is whole by then."""


class Outgoing:
    """The way out of one connection. What fails in a write fails in `tasks`."""

    __slots__ = ("_due", "_scope", "_send", "_tasks", "_texts", "_writing")

    def __init__(self, scope: Scope, send: Send, tasks: anyio.abc.TaskGroup) -> None:
        self._scope = scope
        self._send = send
        self._tasks = tasks
        self._texts: list[bytes] = []
        self._due = False
        self._writing = anyio.Lock(fast_acquire=True)  # the last events go before a server ends

    async def send(self, found: Sequence[Sendable]) -> None:
        """Send events soon, in order. Waits while an earlier write waits for its reader."""
        if self._writing.locked():
            async with self._writing:
                pass
        self._texts += map(json_event, found)
        if not self._due:
            self._due = True
            self._tasks.start_soon(self._write_soon)

    async def flush(self) -> None:
        """Send what waits now."""
        async with self._writing:
            if self._texts:
                texts, self._texts = self._texts, []
                await send_texts(self._scope, self._send, texts)

    async def _write_soon(self) -> None:
        for _ in range(TURNS):
            await anyio.lowlevel.checkpoint()
            if not self._texts:
                break
        self._due = False
        await self.flush()
