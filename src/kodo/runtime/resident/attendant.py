"""Answering callers of an engine over a Unix socket, whoever keeps the models.

Knows the Model port, sockets and the words. Guards that only its user and its own version are
served, that a caller who goes frees the engine, and that no fault of one call ends another.
"""

import logging
import math
import os
import socket
from contextlib import AbstractContextManager, aclosing, nullcontext, suppress
from typing import cast

import anyio
import anyio.abc
from anyio.streams.buffered import BufferedByteReceiveStream

from kodo.base.errors import KodoError, ModelError
from kodo.core.messages import Assistant, Delta
from kodo.core.model import Completer, Model, Prompt, Sampler
from kodo.runtime.resident import words
from kodo.runtime.resident.place import is_own
from kodo.runtime.resident.words import (
    Call,
    Complete,
    Failed,
    Found,
    Mismatch,
    Over,
    Replied,
    Report,
    Said,
    Sample,
    Status,
    Stop,
    Stream,
    Word,
)

log = logging.getLogger(__name__)

NO_ROOM_S = 0.1
"""So long nobody is let in after a caller could not be: too many files are open, say."""


class Attendant:
    """Attends to callers with the models that a subclass has."""

    def __init__(self) -> None:
        self.users: dict[str, int] = {}
        self._answered = 0
        self._since_s = 0.0

    @property
    def is_busy(self) -> bool:
        """Whether somebody is being answered."""
        return any(self.users.values())

    @property
    def idle_s(self) -> float:
        """How long nobody was, in seconds."""
        return anyio.current_time() - self._since_s

    @property
    def models(self) -> tuple[str, ...]:
        """Which models there are."""
        raise NotImplementedError

    async def take(self, model_id: str) -> Model:
        """Return a model. Raises KodoError where it cannot be had."""
        raise NotImplementedError

    def working(self) -> AbstractContextManager[None]:
        """Return what is held while somebody is being answered."""
        return nullcontext()

    def stop(self, *, idle_only: bool) -> None:
        """Hear that somebody wants an end."""

    async def accept(self, listener: socket.socket, tasks: anyio.abc.TaskGroup) -> None:
        """Attend to everybody who connects, until cancelled."""
        self._since_s = anyio.current_time()
        listener.setblocking(False)  # noqa: FBT003
        door = await anyio.abc.SocketListener.from_socket(listener)
        while True:
            try:
                stream = await door.accept()
            except (anyio.BrokenResourceError, OSError) as error:
                log.warning("a caller has to wait: %s", error.__cause__ or error)
                await anyio.sleep(NO_ROOM_S)  # they still knock: no turning in circles
                continue
            tasks.start_soon(self._attend, stream)

    async def _attend(self, stream: anyio.abc.SocketStream) -> None:
        """Answer one caller. The border: what fails in one call ends no other."""
        try:
            async with stream:
                if is_own(stream.extra(anyio.abc.SocketAttribute.raw_socket)):
                    await self._hear(stream)
        except* (anyio.BrokenResourceError, anyio.ClosedResourceError, OSError):
            pass  # the caller has gone
        except* Exception:
            log.exception("a call failed")

    async def _hear(self, stream: anyio.abc.SocketStream) -> None:
        reader = BufferedByteReceiveStream(stream)
        try:
            call = words.calls.decode(await reader.receive_until(b"\n", words.MAX_LINE_BYTES))
        except (anyio.IncompleteRead, anyio.BrokenResourceError, anyio.DelimiterNotFound):
            return
        except ValueError:  # another version's words
            await _tell(stream, Mismatch(words.VERSION))
            return
        await self._answer(call, stream)

    async def _answer(self, call: Call, stream: anyio.abc.SocketStream) -> None:
        match call.ask:
            case Status():
                await _tell(stream, self._report())
            case Stop(idle_only=idle_only):
                await _tell(stream, self._report())
                self.stop(idle_only=idle_only)
            case _ if call.version != words.VERSION:
                await _tell(stream, Mismatch(words.VERSION))
            case _:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(self._leave_with, stream, tasks.cancel_scope)
                    await self._carry_out(call, stream)
                    tasks.cancel_scope.cancel()

    async def _leave_with(self, stream: anyio.abc.SocketStream, scope: anyio.CancelScope) -> None:
        """Cancel the call when its caller has gone: there is nothing more for them to say."""
        with suppress(anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
            await stream.receive()
        scope.cancel()

    async def _carry_out(self, call: Call, stream: anyio.abc.SocketStream) -> None:
        self.users[call.model] = self.users.get(call.model, 0) + 1
        try:
            with self.working():
                model = await self.take(call.model)
                await self._speak(model, call, stream)
            self._answered += 1
            await _tell(stream, Over())
        except ModelError as error:
            await _tell(stream, words.failed(error))
        except KodoError as error:
            await _tell(stream, Failed("ModelError", str(error)))
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            raise  # the caller has gone
        except Exception as error:
            log.exception("a call of %s failed", call.model)
            said = f"the resident engine failed: {type(error).__name__}: {error}"
            await _tell(stream, Failed("ModelError", said))
        finally:
            self.users[call.model] -= 1
            self._since_s = anyio.current_time()

    async def _speak(self, model: Model, call: Call, stream: anyio.abc.SocketStream) -> None:
        match call.ask:
            case Stream(prompt):
                async with aclosing(model.stream(prompt)) as pieces:
                    async for piece in pieces:
                        replied = isinstance(piece, Assistant)
                        await _tell(stream, Replied(piece) if replied else Said(piece))
            case Complete(hole, samples):
                completer = cast(Completer, model)
                await _tell(stream, Found(tuple(await completer.complete(hole, samples))))
            case Sample(prompt, samples):
                await _sample(cast(Sampler, model), prompt, samples, stream)
            case Status() | Stop():
                pass

    def _report(self) -> Report:
        return Report(
            os.getpid(),
            words.VERSION,
            self.models,
            sum(self.users.values()),
            self._answered,
            self.idle_s,
        )


async def _sample(
    sampler: Sampler, prompt: Prompt, samples: int, stream: anyio.abc.SocketStream
) -> None:
    """Send deltas as they come, and each reply when it is whole."""
    send, receive = anyio.create_memory_object_stream[Word](math.inf)

    async def hear(delta: Delta) -> None:
        send.send_nowait(Said(delta))

    async def pass_on() -> None:
        async with receive:
            async for word in receive:
                await _tell(stream, word)

    failure: ModelError | None = None
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(pass_on)
        with send:
            try:
                await sampler.sample(
                    prompt, samples, hear, lambda reply: send.send_nowait(Replied(reply))
                )
            except ModelError as error:  # kept out of the group, which would wrap it
                failure = error
    if failure is not None:
        raise failure


async def _tell(stream: anyio.abc.SocketStream, word: Word) -> None:
    await stream.send(words.line(word))
