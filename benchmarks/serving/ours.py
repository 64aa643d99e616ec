"""kodo's server around a model that says PIECES pieces at once each turn of the loop, for `events`.

`python -m benchmarks.serving.ours GATHER_S PORT PIECES`; a request's `max_output_tokens` overrides
PIECES.
"""

import asyncio
import sys
from collections.abc import AsyncGenerator

import anyio

from kodo.core.messages import Assistant, Delta, Text
from kodo.core.model import ModelInfo, Prompt
from kodo.models.scripted import scripted_info
from kodo.server.access.guard import Door, Guard
from kodo.server.app import build_app
from kodo.server.gateway.generation import Pace
from kodo.server.gateway.offer import Offer
from kodo.server.run import Address, bind, loop_options, serve
from kodo.server.service import Service

PIECE = "twenty characters ok"


class Paced:
    """Says one piece, lets everybody else run, says the next: no two pieces arrive together."""

    def __init__(self, pieces: int) -> None:
        self._pieces = pieces

    @property
    def info(self) -> ModelInfo:
        """What is said of it."""
        return scripted_info("paced")

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Delta | Assistant, None]:
        """Yield the pieces and the reply."""
        pieces = prompt.output_tokens or self._pieces
        for _ in range(pieces):
            yield Delta("text", PIECE)
            await asyncio.sleep(0)  # as the plain server does
        yield Assistant((Text(PIECE * pieces),), self.info.id)

    async def aclose(self) -> None:
        """Nothing to give back."""


async def main(gather_s: float, port: int, pieces: int) -> None:
    """Serve until a signal."""
    model = Paced(pieces)
    service = Service(Offer(lambda _: model, "scripted/paced"), Pace(gather_s=gather_s))
    listener, address = bind(Address(port=port))
    app = Guard(build_app(service), service, Door(), None)
    await serve(app, service, listener, address, drain_s=1)


if __name__ == "__main__":
    arguments = (float(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
    anyio.run(main, *arguments, backend_options=loop_options())
