"""One prompt answered over HTTP, as a stream or whole, for the APIs that answer one at a time.

Knows no API's words: a writer does. Guards that an error before the first event is an HTTP status,
and one after it an event.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response

from kodo.core.messages import Assistant, Delta
from kodo.core.model import Model, Prompt
from kodo.server.caller import Caller
from kodo.server.gateway.generation import SlowReader
from kodo.server.problem import Problem, RequestError, problem_of
from kodo.server.service import Service
from kodo.server.wire import EVENTS, ErrorBody, EventAnswer, Stream, while_there

SendBytes = Callable[[bytes], Awaitable[None]]


class Writer(Protocol):
    """Puts one answer into the events of one API. Each method returns them as bytes."""

    def write(self, deltas: Sequence[Delta]) -> bytes:
        """Return what deltas add; for none, a heartbeat."""
        ...

    def finish(self, reply: Assistant) -> bytes:
        """Return what is left of the reply, and the end."""
        ...

    def fail(self, problem: Problem) -> bytes:
        """Return the end of an answer that failed after it began."""
        ...


class Answering:
    """A prompt that is ready to be asked, for one caller."""

    def __init__(
        self, service: Service, caller: Caller, endpoint: str, model: Model, prompt: Prompt
    ) -> None:
        self._service = service
        self._caller = caller
        self._endpoint = endpoint
        self._model = model
        self._prompt = prompt

    def streamed(self, writer: Writer, words: ErrorBody, media_type: bytes = EVENTS) -> Response:
        """Return the answer as a stream of events."""

        async def work(to: Stream) -> None:
            async def write(deltas: Sequence[Delta]) -> None:
                if data := writer.write(deltas):
                    await to.send(data)

            try:
                reply = await self._ask(write)
            except SlowReader:
                raise
            except Exception as error:
                problem = problem_of(error, self._model.info.id)
                if not to.began:
                    raise RequestError(problem) from error
                await to.send(writer.fail(problem))
                return
            await to.send(writer.finish(reply))

        return EventAnswer(work, words, media_type)

    async def whole(self, request: Request) -> Assistant:
        """Return the reply. Raises RequestError, ClientGone."""

        async def write(deltas: Sequence[Delta]) -> None:
            del deltas

        return await while_there(request, lambda: self._ask(write), self._model.info.id)

    async def _ask(self, write: Callable[[Sequence[Delta]], Awaitable[None]]) -> Assistant:
        return await self._service.answer(
            self._caller, self._endpoint, self._model, self._prompt, write
        )
