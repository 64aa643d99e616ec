"""One model call on behalf of a client: the model's pieces, gathered into batches for a writer.

Knows no wire. Guards both ends: pieces that arrive together are written together, a slow reader
slows the model down and not the memory up, silence is filled with heartbeats, and a model or a
reader that stalls is given up.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing

import anyio
import anyio.lowlevel
import msgspec

from kodo.base.clock import Monotonic, monotonic_s
from kodo.base.errors import ModelError
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
    """One call. Made for a single `run`.

    The task that listens to the model writes, too, where a write is due: a piece that comes alone
    costs no change of tasks. Pieces that come sooner are gathered for `_write_gathered`.
    """

    __slots__ = (
        "_batch",
        "_beat_is_due",
        "_clock",
        "_due_s",
        "_gathered",
        "_heard",
        "_model",
        "_pace",
        "_prompt",
        "_reply",
        "_room",
        "_write",
        "_writes",
        "_writing",
        "first_at_s",
    )

    def __init__(
        self,
        model: Model,
        prompt: Prompt,
        write: Write,
        pace: Pace,
        clock: Monotonic = monotonic_s,
    ) -> None:
        self._model = model
        self._prompt = prompt
        self._write = write
        self._pace = pace
        self._clock = clock
        self._batch: list[Delta] = []
        self._reply: Assistant | None = None
        self._gathered = anyio.Event()
        self._room: anyio.Event | None = None
        self._beat_is_due = False
        self._due_s = 0.0
        self._heard = 0
        self._writes = 0
        self._writing = False
        self.first_at_s: float | None = None
        """When the first pieces went out, by the clock."""

    async def run(self) -> Assistant:
        """Write all deltas and return the reply.

        Raises ModelError of the model, RequestError (504) where it stalls, SlowReader, and what
        `write` raises. Cancelling closes the model's stream.
        """
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._write_gathered)
                tasks.start_soon(self._watch)
                await self._listen()
                tasks.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            raise first_cause(group) from None
        if self._reply is None:
            raise ModelError(f"the model {self._model.info.id!r} ended without a reply")
        return self._reply

    async def _listen(self) -> None:
        """Hear the model out; wait where the reader does not keep up."""
        batch, clock = self._batch, self._clock
        async with aclosing(self._model.stream(self._prompt)) as pieces:
            async for piece in pieces:
                self._heard += 1
                if isinstance(piece, Assistant):
                    self._reply = piece
                    continue
                batch.append(piece)
                if self._writing:
                    if len(batch) >= MOST_WAITING:
                        await self._wait_for_room()
                elif len(batch) >= MOST_WAITING or clock() >= self._due_s:
                    await self._flush()
                elif len(batch) == 1:
                    self._gathered.set()
                if not self._heard % MOST_WAITING:
                    await anyio.lowlevel.checkpoint()  # a model that never waits starves nobody
        while self._writing:
            await self._wait_for_room()
        if batch:
            await self._flush()

    async def _wait_for_room(self) -> None:
        self._room = anyio.Event()
        await self._room.wait()

    async def _flush(self) -> None:
        """Write what was gathered; nothing is a heartbeat. One caller at a time."""
        batch = joined(self._batch)
        self._batch.clear()
        self._beat_is_due = False
        if batch and self.first_at_s is None:
            self.first_at_s = self._clock()
        self._writing = True
        await self._write(batch)
        self._writing = False
        self._writes += 1
        self._due_s = self._clock() + self._pace.gather_s
        if self._room is not None:
            self._room.set()
            self._room = None

    async def _write_gathered(self) -> None:
        """Write pieces that were too soon for a write of their own, and heartbeats."""
        while True:
            await self._gathered.wait()
            self._gathered = anyio.Event()
            while (self._batch or self._beat_is_due) and not self._writing:
                wait_s = self._due_s - self._clock()
                if wait_s > 0:
                    await anyio.sleep(wait_s)
                else:
                    await self._flush()

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
            if self._writes == writes and not self._writing and self._reply is None:
                self._beat_is_due = True
                self._gathered.set()


def joined(deltas: Sequence[Delta]) -> list[Delta]:
    """Return the deltas with neighbours that continue one another made into one."""
    if len(deltas) == 1:
        return [deltas[0]]
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
            scores = tuple(score for delta in deltas[start:end] for score in delta.scores)
            found.append(Delta(first.kind, text, first.call_id, first.name, scores=scores))
        start = end
    return found


def first_cause(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first error inside nested groups that is no cancellation."""
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            return first_cause(error)  # pyright: ignore[reportUnknownArgumentType]
        return error
    return group
