"""Two wires to one model: the first, and the one to use where the server does not know the first.

Does not know which wires they are. Guards that the switch happens once, and only for a 404 before
any delta.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from kodo.base.errors import ModelError
from kodo.core.messages import Assistant, Delta
from kodo.core.model import Model, ModelInfo, Prompt

NOT_FOUND = 404


class Fallback:
    """A Model that speaks through `first` until that answers 404, and then through `second`.

    It stays with `second` only once that has replied, so a wrong model name (also a 404) is told
    by the server's own words and changes nothing. `make_second` is called when it is needed;
    what was made is closed.
    """

    def __init__(self, first: Model, make_second: Callable[[], Model]) -> None:
        self._first = first
        self._make_second = make_second
        self._second: Model | None = None
        self._settled: Model | None = None

    @property
    def info(self) -> ModelInfo:
        """What is known of this model."""
        return self._first.info

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Delta | Assistant, None]:
        """Yield deltas, then one Assistant. Raises ModelError and its children."""
        spoken = False
        try:
            async with aclosing((self._settled or self._first).stream(prompt)) as pieces:
                async for piece in pieces:
                    spoken = True
                    yield piece
                return
        except ModelError as error:
            if spoken or self._settled is not None or error.status != NOT_FOUND:
                raise
        if self._second is None:
            self._second = self._make_second()
        async with aclosing(self._second.stream(prompt)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Assistant):
                    self._settled = self._second
                yield piece

    async def aclose(self) -> None:
        """Close both wires."""
        try:
            await self._first.aclose()
        finally:
            if self._second is not None:
                await self._second.aclose()
