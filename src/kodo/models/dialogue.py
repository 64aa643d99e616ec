"""A wire that stays open between model calls: what an adapter asks of it, and its refusal.

Does not know WebSockets; that keeps their library out of runs that do not use one.
"""

from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Protocol

from kodo.base.errors import ModelError
from kodo.core.messages import Assistant, Delta
from kodo.core.model import ModelInfo
from kodo.models.exchange import Endpoint
from kodo.models.retry import OnRetry
from kodo.models.transport import Transport


class NoDialogue(ModelError):
    """The server cannot be spoken to that way; nothing of the answer has come.

    `settled` tells that it need not be tried again.
    """

    def __init__(self, message: str, *, settled: bool, status: int | None = None) -> None:
        super().__init__(message, status=status)
        self.settled = settled


class Dialogue(Protocol):
    """Connections that carry one call after the other."""

    def converse(self, body: Mapping[str, object]) -> AsyncGenerator[Delta | Assistant, None]:
        """Yield deltas, then one Assistant, for a whole request body.

        Raises NoDialogue before the first delta, ModelError and its children.
        """
        ...

    async def aclose(self) -> None:
        """Close the connections, not the transport."""
        ...


OpenDialogue = Callable[[ModelInfo, Endpoint, Transport, OnRetry | None], Dialogue]
