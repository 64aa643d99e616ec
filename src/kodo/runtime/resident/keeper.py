"""The inside of the resident engine: answers callers, keeps a model loaded, ends when idle.

Knows the Model port and sockets. Guards that it serves only its user and its own version, that a
caller who goes frees the engine, and that it ends when nobody needs it or its home is gone.
"""

import logging
import math
import os
import socket
from collections.abc import Callable
from contextlib import aclosing, suppress
from typing import cast

import anyio
import anyio.abc
from anyio.streams.buffered import BufferedByteReceiveStream

from kodo.base.errors import KodoError, ModelError
from kodo.core.messages import Assistant, Delta
from kodo.core.model import Completer, Model, Prompt, Sampler
from kodo.runtime.resident import words
from kodo.runtime.resident.place import Place, is_own
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

OpenModel = Callable[[str], Model]
LOOK_S = 5.0
NO_ROOM_S = 0.1
"""So long nobody is let in after a caller could not be: too many files are open, say."""


class Keeper:
    """Keeps models for callers. One model stays loaded; another takes its place when it is idle."""

    def __init__(
        self, place: Place, open_model: OpenModel, idle_s: float, *, look_s: float = LOOK_S
    ) -> None:
        self._look_s = look_s
        self._place = place
        self._open_model = open_model
        self._idle_s = idle_s
        self._models: dict[str, Model] = {}
        self._changing = anyio.Lock()
        self._users: dict[str, int] = {}
        self._answered = 0
        self._since_s = 0.0
        self._end = anyio.Event()

    async def serve(self, listener: socket.socket, on_ready: Callable[[], None]) -> None:
        """Answer callers until nobody came for `idle_s`, the socket vanished or one said stop."""
        self._since_s = anyio.current_time()
        listener.setblocking(False)  # noqa: FBT003
        there = self._place.socket.stat().st_ino
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._accept, listener, tasks)
            tasks.start_soon(self._watch, there)
            on_ready()
            await self._end.wait()
            tasks.cancel_scope.cancel()
        for model in self._models.values():
            with suppress(ModelError):
                await model.aclose()

    async def _accept(self, listener: socket.socket, tasks: anyio.abc.TaskGroup) -> None:
        while True:
            await anyio.wait_readable(listener)
            try:
                connection, _ = listener.accept()
            except (BlockingIOError, ConnectionError):
                continue  # the caller went again
            except OSError as error:
                log.warning("a caller has to wait: %s", error)
                await anyio.sleep(NO_ROOM_S)  # it stays readable: no turning in circles
                continue
            tasks.start_soon(self._attend, connection)

    async def _watch(self, there: int) -> None:
        while True:
            await anyio.sleep(min(self._look_s, self._idle_s))
            idle_s = anyio.current_time() - self._since_s
            try:
                gone = self._place.socket.stat().st_ino != there
            except OSError:
                gone = True
            if gone or (not any(self._users.values()) and idle_s >= self._idle_s):
                self._end.set()

    async def _attend(self, connection: socket.socket) -> None:
        """Answer one caller. The border: what fails in one call ends no other."""
        try:
            await self._hear(connection)
        except* (anyio.BrokenResourceError, anyio.ClosedResourceError, OSError):
            pass  # the caller has gone
        except* Exception:
            log.exception("a call failed")
        finally:
            connection.close()

    async def _hear(self, connection: socket.socket) -> None:
        if not is_own(connection):
            return
        stream = await anyio.abc.UNIXSocketStream.from_socket(connection)
        async with stream:
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
                busy = any(self._users.values())
                await _tell(stream, self._report())
                if not (idle_only and busy):
                    self._end.set()
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
        self._users[call.model] = self._users.get(call.model, 0) + 1
        try:
            model = await self._model(call.model)
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
            self._users[call.model] -= 1
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

    async def _model(self, model_id: str) -> Model:
        async with self._changing:  # unloading another takes time; whoever comes meanwhile waits
            if model_id not in self._models:
                for other in list(self._models):
                    if not self._users.get(other):
                        await self._models.pop(other).aclose()
                self._models[model_id] = self._open_model(model_id)
            return self._models[model_id]

    def _report(self) -> Report:
        return Report(
            os.getpid(),
            words.VERSION,
            tuple(self._models),
            sum(self._users.values()),
            self._answered,
            anyio.current_time() - self._since_s,
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
