"""The journal of a run: what happens goes to the thread and to disk first, to readers second.

It is the only way in which the loop and the strategies make something happen visibly. It does
not know who reads.
"""

from collections.abc import Callable

import anyio

from kodo.base.clock import Now
from kodo.base.hashing import NewId
from kodo.core.events import Event, MessageAdded, Passing, Stored
from kodo.core.messages import Message
from kodo.core.store import Log
from kodo.core.thread import Entry, Thread

Tell = Callable[[Event | Passing], None]


class Journal:
    """Records events of one run in one thread, in order, whoever calls."""

    __slots__ = ("_lock", "_log", "_new_id", "_now", "_tell", "run_id", "thread")

    def __init__(
        self, thread: Thread, log: Log, run_id: str, now: Now, new_id: NewId, tell: Tell
    ) -> None:
        self.thread = thread
        self.run_id = run_id
        self._log = log
        self._now = now
        self._new_id = new_id
        self._tell = tell
        self._lock = anyio.Lock()

    async def record(self, body: Stored) -> Entry:
        """Append an event to the thread and the log, then tell the readers.

        Raises StoreError; then neither the thread nor a reader has seen it.
        """
        async with self._lock:
            thread = self.thread
            event = Event(thread.next_seq, self.run_id, self._now(), body)
            entry = Entry(self._new_id(), thread.head, event)
            await self._log.append(thread.header.id, entry)
            thread.append(entry)
        self._tell(event)
        return entry

    async def add(self, message: Message) -> None:
        """Record a message."""
        await self.record(MessageAdded(message))

    async def emit(self, happening: Stored | Passing) -> None:
        """Record what is stored, and only tell what passes by."""
        if isinstance(happening, Passing):
            self._tell(happening)
        else:
            await self.record(happening)
