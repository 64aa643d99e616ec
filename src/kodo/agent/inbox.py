"""The one door for what people say to a run: the task, steering, follow-ups."""

from collections import deque

import anyio

from kodo.core.messages import User


class Inbox:
    """Messages that wait for the next step of the loop. Safe within one event loop."""

    __slots__ = ("_arrived", "_waiting")

    def __init__(self) -> None:
        self._waiting: deque[User] = deque()
        self._arrived = anyio.Event()

    def put(self, message: User) -> None:
        """Leave a message; the run takes it before its next model call."""
        self._waiting.append(message)
        self._arrived.set()

    def empty(self) -> bool:
        """Tell whether nothing waits."""
        return not self._waiting

    def take_all(self) -> list[User]:
        """Return and remove all that waits, oldest first."""
        taken = list(self._waiting)
        self._waiting.clear()
        self._arrived = anyio.Event()
        return taken

    async def wait(self) -> None:
        """Return once something waits."""
        if not self._waiting:
            await self._arrived.wait()
