"""What waits to be sent to one connection: bounded, in order, with a way to fall behind.

Does not know frames or commands. Guards the server's memory and the loop: telling never waits. A
reader that is behind loses what passes by, and reads what is stored from the thread, at its pace.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import anyio

from kodo.core.thread import Entry

MOST_WAITING = 256
MOST_REPLIES = 1024
PORTION = 64
Following = Callable[[int, int], Sequence[Entry]]
"""Returns at most so many (second) entries with a `seq` above the first."""

Write = Callable[[str], Awaitable[None]]


class Overflow(Exception):
    """The connection does not read what it asked for."""


@dataclass(slots=True)
class Subscription:
    """One session that a connection reads. `seq` is of the newest event put in the queue."""

    following: Following
    encode: Callable[[Entry], str]
    seq: int
    behind: bool = True


class Outbox:
    """The queue of one connection, filled by the sessions it reads and emptied by `send_all`."""

    __slots__ = ("_queue", "_replies", "_subscriptions", "_wake")

    def __init__(self) -> None:
        self._replies: deque[str] = deque()
        self._queue: deque[tuple[Subscription, int, str]] = deque()
        self._subscriptions: list[Subscription] = []
        self._wake = anyio.Event()

    def say(self, text: str) -> None:
        """Put a reply before what happens in sessions. Raises Overflow where too many wait."""
        if len(self._replies) >= MOST_REPLIES:
            raise Overflow
        self._replies.append(text)
        self._wake.set()

    def add(self, subscription: Subscription) -> None:
        """Begin to read a session; what is stored above its `seq` comes first."""
        self._subscriptions.append(subscription)
        self._wake.set()

    def remove(self, subscription: Subscription) -> None:
        """Read a session no longer; what of it still waits is dropped."""
        self._subscriptions.remove(subscription)
        self._drop(subscription)

    def hear_event(self, subscription: Subscription, seq: int, text: str) -> None:
        """Take a stored event; a reader that is behind will find it in the thread."""
        if not subscription.behind and len(self._queue) < MOST_WAITING:
            self._queue.append((subscription, seq, text))
            subscription.seq = seq
        elif not subscription.behind:
            dropped = [item[1] for item in self._queue if item[0] is subscription and item[1]]
            subscription.seq = min((*dropped, seq)) - 1
            subscription.behind = True
            self._drop(subscription)
        self._wake.set()

    def hear_passing(self, subscription: Subscription, text: str) -> None:
        """Take what passes by, unless the reader has enough to read."""
        if not subscription.behind and len(self._queue) < MOST_WAITING // 2:
            self._queue.append((subscription, 0, text))
            self._wake.set()

    async def send_all(self, write: Write) -> None:
        """Send what waits, for ever. `write` waits for the reader."""
        while True:
            self._wake = anyio.Event()
            while self._replies or self._queue:
                await write(self._replies.popleft() if self._replies else self._queue.popleft()[2])
            if not await self._catch_up(write):
                await self._wake.wait()

    async def _catch_up(self, write: Write) -> bool:
        """Send a portion of what is stored to each session that is behind; tell whether one was."""
        found = False
        for subscription in [one for one in self._subscriptions if one.behind]:
            found = True
            entries = subscription.following(subscription.seq, PORTION)
            # Nothing waits between this look and the flag, so no event falls between them.
            subscription.behind = bool(entries)
            for entry in entries:
                if subscription not in self._subscriptions:
                    break
                await write(subscription.encode(entry))
                subscription.seq = entry.event.seq
        return found

    def _drop(self, subscription: Subscription) -> None:
        self._queue = deque(item for item in self._queue if item[0] is not subscription)
