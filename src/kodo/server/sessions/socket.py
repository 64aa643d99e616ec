"""The WebSocket of the session API: commands in, replies and what happens in sessions out.

Knows frames; sessions live in rooms, which outlive connections. Guards the connection: garbage is
answered and not fatal, no command waits for another, and a reader that does not read is let go.
"""

import logging
from functools import partial

import anyio
import anyio.abc
import msgspec
from starlette.types import Receive, Scope, Send

from kodo.base.errors import ConfigError, KodoError, StoreError, ToolError
from kodo.base.log import redact
from kodo.base.text import repair_surrogates
from kodo.core.messages import Image, Text, User, UserPart
from kodo.server.caller import Caller
from kodo.server.gateway.generation import first_cause
from kodo.server.problem import RequestError, bad_request
from kodo.server.service import Service
from kodo.server.sessions import commands, tellings
from kodo.server.sessions.outbox import Outbox, Overflow, Subscription
from kodo.server.sessions.room import Room
from kodo.server.sessions.rooms import Rooms
from kodo.server.wire import caller_of

log = logging.getLogger(__name__)

PATH = "/v1/sessions"
SUBPROTOCOL = "kodo.sessions.v1"
MOST_COMMANDS = 32
READER_S = 60.0
BAD_DATA, NOT_ALLOWED, TRY_LATER = 1003, 1008, 1013


class SessionsSocket:
    """The ASGI application of the endpoint."""

    def __init__(self, service: Service, rooms: Rooms, reader_s: float = READER_S) -> None:
        self._service = service
        self._rooms = rooms
        self._reader_s = reader_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection until it ends."""
        await receive()  # websocket.connect
        offered = SUBPROTOCOL in scope.get("subprotocols", ())
        await send({"type": "websocket.accept", "subprotocol": SUBPROTOCOL if offered else None})
        metrics = self._service.metrics
        metrics.connections += 1
        connection = Connection(
            self._service, self._rooms, caller_of(scope), receive, send, self._reader_s
        )
        try:
            await connection.serve()
        except BaseExceptionGroup as group:
            error = first_cause(group)
            if not isinstance(error, (Overflow, RequestError, TimeoutError, OSError)):
                raise error from None
            close = {"code": TRY_LATER, "reason": "too slow"}
            if isinstance(error, RequestError):
                close = {"code": NOT_ALLOWED, "reason": error.problem.message}
            with anyio.move_on_after(1):  # who does not read does not read this either
                await send({"type": "websocket.close", **close})
        finally:
            connection.leave_all()
            metrics.connections -= 1


class _Reading:
    """What a connection reads of one session: the room's side of a subscription."""

    __slots__ = ("_outbox", "gone", "room", "subscription")

    def __init__(self, outbox: Outbox, room: Room, after_seq: int) -> None:
        self.room = room
        self.gone = False
        self._outbox = outbox
        self.subscription = Subscription(room.following, room.encode, after_seq)

    def hear_event(self, seq: int, text: str) -> None:
        """Take a stored event."""
        self._outbox.hear_event(self.subscription, seq, text)

    def hear_passing(self, text: str) -> None:
        """Take what may be left out."""
        self._outbox.hear_passing(self.subscription, text)

    def hear(self, text: str) -> None:
        """Take what must not be left out; too much of it ends the connection, not the session."""
        try:
            self._outbox.say(text)
        except Overflow:
            self.gone = True


class Connection:
    """One face."""

    __slots__ = (
        "_caller",
        "_in_flight",
        "_outbox",
        "_reader_s",
        "_readings",
        "_receive",
        "_rooms",
        "_send",
        "_service",
    )

    def __init__(
        self,
        service: Service,
        rooms: Rooms,
        caller: Caller,
        receive: Receive,
        send: Send,
        reader_s: float,
    ) -> None:
        self._service = service
        self._rooms = rooms
        self._caller = caller
        self._receive = receive
        self._send = send
        self._reader_s = reader_s
        self._outbox = Outbox()
        self._readings: dict[str, _Reading] = {}
        self._in_flight = 0

    async def serve(self) -> None:
        """Read commands until the face goes."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._outbox.send_all, self._write)
            await self._read(tasks)
            tasks.cancel_scope.cancel()

    def leave_all(self) -> None:
        """Read no session any longer."""
        for name in list(self._readings):
            self._leave(name)

    async def _read(self, tasks: anyio.abc.TaskGroup) -> None:
        while True:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                return
            text: str | None = message.get("text")
            if text is None:
                close = {"code": BAD_DATA, "reason": "frames are JSON text"}
                await self._send({"type": "websocket.close", **close})
                return
            try:
                command = commands.COMMAND.decode(text)
            except msgspec.DecodeError as error:
                self._fail(_id_of(text), "bad_command", str(error))
                continue
            if self._in_flight >= MOST_COMMANDS:
                self._fail(command.id, "too_many_commands", f"{MOST_COMMANDS} are at work")
                continue
            self._in_flight += 1
            tasks.start_soon(self._carry_out, command)

    async def _write(self, text: str) -> None:
        if any(reading.gone for reading in self._readings.values()):
            raise Overflow
        if self._readings:
            self._caller.check()  # who was shut out hears no more of a session
        with anyio.fail_after(self._reader_s):
            await self._send({"type": "websocket.send", "text": text})

    async def _carry_out(self, command: commands.AnyCommand) -> None:
        try:
            reply = await self._answer(command)
            self._outbox.say(tellings.encode_telling(reply))
            if isinstance(reply, tellings.Opened) and isinstance(command, commands.OpenSession):
                self._begin_reading(reply.session, command.after_seq)
        except Overflow:
            raise
        except KodoError as error:
            code, message = _words_of(error)
            self._fail(command.id, code, message)
        except Exception:
            log.exception("a command of the session API failed: %s", type(command).__name__)
            self._fail(command.id, "internal_error", "this is a fault of kodo; its log tells more")
        finally:
            self._in_flight -= 1

    def _fail(self, command_id: str, code: str, message: str) -> None:
        self._outbox.say(tellings.encode_telling(tellings.Failed(command_id, code, message)))

    async def _answer(self, command: commands.AnyCommand) -> tellings.AnyTelling:
        self._caller.check()
        match command:
            case commands.OpenSession():
                return await self._open(command)
            case commands.ListSessions():
                found, opened = await self._rooms.list(command.folder, command.limit)
                return tellings.Listed(command.id, tuple(found), tuple(opened))
            case commands.CloseSession():
                self._leave(command.session)
                return tellings.Done(command.id)
            case _:
                room = self._rooms.find(command.session)
                return await self._ask(room, command)

    async def _open(self, command: commands.OpenSession) -> tellings.Opened:
        self._service.check_open()
        room = await self._rooms.open(command)
        return tellings.Opened(
            command.id,
            room.id,
            room.session.thread.header,
            room.settings.config.model,
            room.session.thread.next_seq - 1,
            room.working,
            room.questions,
            room.settings.notes,
        )

    async def _ask(self, room: Room, command: commands.AnyCommand) -> tellings.AnyTelling:
        files, told = room.files, msgspec.structs.replace
        match command:
            case commands.Send():
                self._service.check_open()
                how = room.send(await _message(room, command), self._caller)
                return tellings.Taken(command.id, how)
            case commands.Interrupt():
                room.interrupt()
            case commands.AnswerQuestion():
                room.answer(command.question, command.choice)
            case commands.Undo(dry_run=True):
                return told(await files.undo(command), id=command.id)
            case commands.Undo():
                return told(await room.alone(partial(files.undo, command)), id=command.id)
            case commands.Redo():
                work = partial(files.redo, force=command.force)
                return told(await room.alone(work), id=command.id)
            case commands.Rewind(dry_run=True):
                return told(await files.rewind(command), id=command.id)
            case commands.Rewind():
                return told(await room.alone(partial(files.rewind, command)), id=command.id)
            case commands.Diff():
                return told(await files.diff(command.step), id=command.id)
            case commands.ReadBlob():
                data = await room.session.blobs.get(command.name)
                return tellings.BlobRead(command.id, data)
            case _:
                raise AssertionError("commands without a session are answered elsewhere")
        return tellings.Done(command.id)

    def _begin_reading(self, session: str, after_seq: int | None) -> None:
        self._leave(session)  # opened again: read from the number that is named now
        room = self._rooms.find(session)
        last = room.session.thread.next_seq - 1
        reading = _Reading(self._outbox, room, last if after_seq is None else max(0, after_seq))
        self._readings[session] = reading
        self._outbox.add(reading.subscription)
        room.enter(reading)

    def _leave(self, session: str) -> None:
        reading = self._readings.pop(session, None)
        if reading is not None:
            reading.room.leave(reading)
            self._outbox.remove(reading.subscription)


async def _message(room: Room, command: commands.Send) -> User:
    text = repair_surrogates(command.text).strip()
    parts: list[UserPart] = [Text(text)] if text else []
    for image in command.images:
        parts.append(Image(image.media_type, await room.session.blobs.put(image.data)))
    if not parts:
        raise bad_request("there is nothing to send: give a text or images", param="text")
    return User(tuple(parts))


class _Named(msgspec.Struct):
    id: str = ""


def _id_of(text: str) -> str:
    """Return the id of a command that is wrong in itself, where it has one."""
    try:
        return msgspec.json.decode(text, type=_Named).id
    except msgspec.DecodeError:
        return ""


def _words_of(error: KodoError) -> tuple[str, str]:
    text = redact(str(error)) or type(error).__name__
    match error:
        case RequestError():
            return error.problem.code, text
        case ConfigError():
            return "cannot_be_done", text
        case ToolError():
            return "files_changed", text
        case StoreError():
            return "store", text
        case _:
            return "failed", text
