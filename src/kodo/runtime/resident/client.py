"""An embedded model that lives in another process of this user; in here where none can be had.

Knows sockets and the words; prompts and replies pass as they are. Guards that a run never depends
on the resident: what it cannot do, or breaks off, this process does by itself, and says so once.
"""

import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import cast

import anyio
import anyio.to_thread
import msgspec
from anyio.streams.buffered import BufferedByteReceiveStream

from kodo.core.events import Retrying
from kodo.core.messages import Assistant, Delta
from kodo.core.model import Candidate, Completer, Hole, Model, ModelInfo, Prompt, Sampler
from kodo.runtime.resident import words
from kodo.runtime.resident.asking import borrow
from kodo.runtime.resident.place import Place
from kodo.runtime.resident.start import NotStarted, ensure
from kodo.runtime.resident.words import (
    Call,
    Complete,
    Failed,
    Found,
    Mismatch,
    Over,
    Replied,
    Said,
    Sample,
    Stop,
    Stream,
    Word,
)

OnNote = Callable[[Retrying], Awaitable[None]]

MOST_LOST = 2
"""So many answers may break off in a run; then the model is loaded in this process."""

_NEEDED = ("HOME", "PATH", "KODO_HOME", "LANG", "TMPDIR", "TZ", "VIRTUAL_ENV", "LD_LIBRARY_PATH")
_NEEDED_BEGIN = ("XDG_", "LC_", "PYTHON", "OMP_", "GOMP_")


class _Lost(Exception):
    """The resident went away, or is not one of ours."""


class _Elsewhere(_Lost):
    """A lender went away: the resident is asked, and nobody need hear of it."""


def needed(variables: Mapping[str, str]) -> dict[str, str]:
    """Return what the resident needs of an environment: no keys are left in it."""
    return {
        name: value
        for name, value in variables.items()
        if name in _NEEDED or name.startswith(_NEEDED_BEGIN)
    }


class ResidentModel:
    """A Model, Sampler and Completer that asks the resident. `make_own` makes the one in here."""

    __slots__ = (
        "_borrows",
        "_idle_s",
        "_info",
        "_lost",
        "_make_own",
        "_on_note",
        "_own",
        "_place",
        "_variables",
    )

    def __init__(
        self,
        info: ModelInfo,
        place: Place,
        variables: Mapping[str, str],
        *,
        idle_s: float,
        make_own: Callable[[], Model],
        on_note: OnNote,
    ) -> None:
        self._info = info
        self._place = place
        self._variables = needed(variables)
        self._idle_s = idle_s
        self._make_own = make_own
        self._on_note = on_note
        self._own: Model | None = None
        self._lost = 0
        self._borrows = True

    @property
    def info(self) -> ModelInfo:
        """What is known of this model."""
        return self._info

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Delta | Assistant, None]:
        """Yield deltas, then one Assistant. See `kodo.core.model.Model`.

        An answer that broke off is asked for again; what has been shown of it is not shown twice.
        """
        shown = 0
        while True:
            seen = 0
            try:
                async with aclosing(self._pieces(prompt)) as pieces:
                    async for piece in pieces:
                        if isinstance(piece, Delta) and piece.text:
                            begin, seen = seen, seen + len(piece.text)
                            if seen <= shown:
                                continue
                            text = piece.text[max(0, shown - begin) :]
                            shown = seen
                            yield msgspec.structs.replace(piece, text=text)
                        else:
                            yield piece
                return
            except _Lost as error:
                await self._note(error)

    async def _pieces(self, prompt: Prompt) -> AsyncGenerator[Delta | Assistant, None]:
        if self._own is not None:
            async with aclosing(self._own.stream(prompt)) as pieces:
                async for piece in pieces:
                    yield piece
            return
        async with aclosing(self._ask(Stream(prompt))) as answer:
            async for word in answer:
                if isinstance(word, Said):
                    yield word.delta
                elif isinstance(word, Replied):
                    yield word.reply

    async def sample(
        self,
        prompt: Prompt,
        samples: int,
        on_delta: Callable[[Delta], Awaitable[None]],
        on_reply: Callable[[Assistant], None],
    ) -> None:
        """Answer `samples` times over one reading of the prompt; see `Sampler`."""
        replied = 0
        while self._own is None:
            try:
                async with aclosing(self._ask(Sample(prompt, samples - replied))) as answer:
                    async for word in answer:
                        if isinstance(word, Said):
                            await on_delta(word.delta)
                        elif isinstance(word, Replied):
                            replied += 1
                            on_reply(word.reply)
                return
            except _Lost as error:
                await self._note(error)
                if replied == samples:
                    return
        sampler = cast(Sampler, self._own)
        await sampler.sample(prompt, samples - replied, on_delta, on_reply)

    async def complete(self, hole: Hole, samples: int = 1) -> list[Candidate]:
        """Return what may stand in the hole; see `Completer`."""
        while self._own is None:
            try:
                async with aclosing(self._ask(Complete(hole, samples))) as answer:
                    async for word in answer:
                        if isinstance(word, Found):
                            return list(word.candidates)
                raise _Lost("it gave no answer")
            except _Lost as error:
                await self._note(error)
        return await cast(Completer, self._own).complete(hole, samples)

    async def aclose(self) -> None:
        """Leave the resident as it is; close the model in here where there is one."""
        own, self._own = self._own, None
        if own is not None:
            await own.aclose()

    async def _ask(self, ask: Stream | Sample | Complete) -> AsyncGenerator[Word, None]:
        """Yield the words of one call. Raises _Lost, and ModelError as the engine raised it."""
        call = Call(words.VERSION, self._info.id, ask)
        borrowed = await self._borrowed()
        connection = borrowed or await self._connection()
        stream = await anyio.abc.UNIXSocketStream.from_socket(connection)
        async with stream:
            reader = BufferedByteReceiveStream(stream)
            try:
                await stream.send(words.line(call))
                while True:
                    found = await reader.receive_until(b"\n", words.MAX_LINE_BYTES)
                    word = words.words.decode(found)
                    match word:
                        case Over():
                            return
                        case Failed():
                            raise word.error()
                        case Mismatch() if borrowed:
                            raise ValueError("another version has taken its place")
                        case Mismatch(version):
                            await self._replace(version)
                            raise _Lost(f"it was of another version ({version})")
                        case _:
                            yield word
            except (
                anyio.EndOfStream,
                anyio.IncompleteRead,
                anyio.BrokenResourceError,
                anyio.DelimiterNotFound,
                ValueError,
            ) as error:
                if borrowed:
                    self._borrows = False
                    raise _Elsewhere from error
                raise _Lost("it broke off its answer") from error

    async def _borrowed(self) -> socket.socket | None:
        """Return a connection to a `kodo serve` of this user that offers the model, or None."""
        if not self._borrows:
            return None
        found = await anyio.to_thread.run_sync(
            borrow, self._place, self._info.id, abandon_on_cancel=True
        )
        if found is not None:
            found.setblocking(False)  # noqa: FBT003
        return found

    async def _connection(self) -> socket.socket:
        try:
            found = await anyio.to_thread.run_sync(
                ensure, self._place, self._variables, self._idle_s, abandon_on_cancel=True
            )
        except NotStarted as error:
            self._lost = MOST_LOST
            raise _Lost(str(error)) from error
        found.setblocking(False)  # noqa: FBT003
        return found

    async def _replace(self, version: str) -> None:
        """Ask a resident of another version to end, unless it is at work for somebody."""
        del version
        connection = await self._connection()
        stream = await anyio.abc.UNIXSocketStream.from_socket(connection)
        async with stream:
            await stream.send(words.line(Call(words.VERSION, "", Stop(idle_only=True))))
            with anyio.move_on_after(1):
                await stream.receive()

    async def _note(self, error: _Lost) -> None:
        if isinstance(error, _Elsewhere):
            return
        self._lost += 1
        if self._lost >= MOST_LOST and self._own is None:
            self._own = self._make_own()
            said = f"the resident engine is not used: {error}; the model runs in this process"
            await self._on_note(Retrying(said, 2, 0.0))
