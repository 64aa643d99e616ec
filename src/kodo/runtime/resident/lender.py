"""A `kodo serve` in the foreground lends its embedded models to the commands of its user.

Knows the models by their ids, not where they come from. Guards that there is one lender at a time,
that its socket is private, and that a server which cannot lend serves all the same.
"""

import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager

import anyio

from kodo.base.errors import ModelError
from kodo.core.model import Model
from kodo.runtime.resident.attendant import Attendant
from kodo.runtime.resident.place import Place, listen_privately, locked

log = logging.getLogger(__name__)

WAITING = 64
Lent = Callable[[], Mapping[str, Model]]
Working = Callable[[], AbstractContextManager[None]]


class Lender(Attendant):
    """Answers with models that somebody else opens and closes; does not end when told to."""

    def __init__(self, lent: Lent, working: Working) -> None:
        super().__init__()
        self._lent = lent
        self._working = working

    @property
    def models(self) -> tuple[str, ...]:
        """Which models are lent now."""
        return tuple(self._lent())

    async def take(self, model_id: str) -> Model:
        """Return a model. Raises ModelError where it is not lent."""
        model = self._lent().get(model_id)
        if model is None:
            raise ModelError(f"kodo serve lends no model {model_id!r}")
        return model

    def working(self) -> AbstractContextManager[None]:
        """Return what tells the server that it is at work."""
        return self._working()


@asynccontextmanager
async def lending(place: Place, lent: Lent, working: Working) -> AsyncGenerator[bool]:
    """Lend for the block; yields whether that could be: another lender may be there.

    `working` gives what is held while somebody is being answered, so that a server drains them.
    """
    with ExitStack() as stack:
        try:
            place.make()
            if not stack.enter_context(locked(place.lender, wait=False)):
                log.info("another kodo serve lends its models already")
                yield False
                return
            listener = stack.enter_context(listen_privately(place.lending, WAITING))
        except OSError as error:
            log.warning("models are not lent to commands: %s", error)
            yield False
            return
        stack.callback(place.lending.unlink, missing_ok=True)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(Lender(lent, working).accept, listener, tasks)
            yield True
            tasks.cancel_scope.cancel()
