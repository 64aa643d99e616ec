"""One model call on behalf of a client: the model's pieces, gathered into batches for a writer.

Knows no wire. Guards both ends: pieces that arrive together are written together, a slow reader
slows the model down and not the memory up, silence is filled with heartbeats, and a model or a
reader that stalls is given up.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing

import anyio
import msgspec

from kodo.core.messages import Assistant, Delta
from kodo.core.model import Model, Prompt
from kodo.server.problem import Problem, RequestError

Write = Callable[[Sequence[Delta]], Awaitable[None]]
"""Sends deltas to the client; an empty batch is a heartbeat."""

MOST_WAITING = 64


class Pace(msgspec.Struct, frozen=True):
    """How long silence may last: `heartbeat_s` towards the client, `stall_s` of the model.

    `reader_s` is how long one write may wait for a reader that does not read. `gather_s` is the
    least time between two writes: faster pieces leave together. The first and the last never wait.
    """

    heartbeat_s: float = 10.0
    stall_s: float = 300.0
    reader_s: float = 60.0
    gather_s: float = 0.01


class SlowReader(Exception):
    """The client has not read for `reader_s`: its connection is to be dropped."""


class Generation:
    """One call. Made for a single `run`."""

    __slots__ = (
        "_batch",
        "_heard",
        "_model",
        "_pace",
        "_prompt",
        "_reply",
        "_room",
        "_urgent",
        "_wake",
        "_write",
        "_writes",
        "_writing",
    )

    def __init__(self, model: Model, prompt: Prompt, write: Write, pace: Pace) -> None:
        self._model = model
        self._prompt = prompt
        self._write = write
        self._pace = pace
        self._batch: list[Delta] = []
        self._reply: Assistant | None = None
        self._wake = anyio.Event()
        self._room = anyio.Event()
        self._urgent = anyio.Event()
        self._heard = 0
        self._writes = 0
        self._writing = False

    async def run(self) -> Assistant:
        """Write all deltas and return the reply.

        Raises ModelError of the model, RequestError (504) where it stalls, SlowReader, and what
        `write` raises. Cancelling closes the model's stream.
        """
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._listen)
                tasks.start_soon(self._watch)
                await self._pass_on()
                tasks.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            raise first_cause(group) from None
        assert self._reply is not None
        return self._reply

    async def _listen(self) -> None:
        """Gather what the model says; wait where the reader does not keep up."""
        batch = self._batch
        async with aclosing(self._model.stream(self._prompt)) as pieces:
            async for piece in pieces:
                self._heard += 1
                if isinstance(piece, Assistant):
                    self._reply = piece
                    self._urgent.set()
                else:
                    batch.append(piece)
                self._wake.set()
                if len(batch) >= MOST_WAITING:
                    self._urgent.set()
                    self._room = anyio.Event()
                    await self._room.wait()

    async def _pass_on(self) -> None:
        """Write what was gathered, until the reply is there."""
        gather_s = self._pace.gather_s
        wrote_at = 0.0
        while self._batch or self._reply is None:
            await self._wake.wait()
            wait_s = wrote_at + gather_s - anyio.current_time()
            if wait_s > 0 and not self._urgent.is_set():
                with anyio.move_on_after(wait_s):
                    await self._urgent.wait()
            self._wake = anyio.Event()
            self._urgent = anyio.Event()
            batch = joined(self._batch)
            self._batch.clear()
            self._room.set()
            if batch or self._reply is None:
                self._writing = True
                await self._write(batch)
                self._writing = False
                self._writes += 1
                wrote_at = anyio.current_time()

    async def _watch(self) -> None:
        """Fill silence with heartbeats; give up a model or a reader that stalls."""
        pace = self._pace
        step_s = min(pace.heartbeat_s, pace.stall_s, pace.reader_s)
        heard_at = wrote_at = anyio.current_time()
        heard = writes = -1
        while True:
            if self._heard != heard or self._writing:
                heard, heard_at = self._heard, anyio.current_time()
            if self._writes != writes or not self._writing:
                wrote_at = anyio.current_time()
            writes = self._writes
            await anyio.sleep(step_s)
            now = anyio.current_time()
            if self._writing and self._writes == writes and now - wrote_at >= pace.reader_s:
                raise SlowReader
            if self._heard == heard and not self._writing and now - heard_at >= pace.stall_s:
                raise RequestError(
                    Problem(
                        504,
                        "upstream_stalled",
                        f"the model {self._model.info.id!r} said nothing for {pace.stall_s:g} s",
                    )
                )
            if self._writes == writes and not self._writing:
                self._wake.set()


def joined(deltas: Sequence[Delta]) -> list[Delta]:
    """Return the deltas with neighbours that continue one another made into one."""
    found: list[Delta] = []
    start = 0
    for end in range(1, len(deltas) + 1):
        first = deltas[start]
        if end < len(deltas):
            following = deltas[end]
            if following.kind == first.kind and following.call_id == first.call_id:
                continue
        if end - start == 1 or first.kind == "prefill":
            found.append(deltas[end - 1])
        else:
            text = "".join(delta.text for delta in deltas[start:end])
            found.append(Delta(first.kind, text, first.call_id, first.name))
        start = end
    return found


def first_cause(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first error inside nested groups that is no cancellation."""
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            return first_cause(error)  # pyright: ignore[reportUnknownArgumentType]
        return error
    return group
