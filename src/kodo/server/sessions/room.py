"""One open session in the server: its run, its readers, its questions.

Knows a session of the runtime and no connection. Guards that one run is at work at a time, that the
first answer to a question counts, and that no reader is waited for.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar

import anyio
import anyio.abc

from kodo.agent.permission.question import Answer
from kodo.agent.permission.question import Question as Asked
from kodo.agent.permission.rules import rule_text
from kodo.base.errors import KodoError, StoreError
from kodo.base.hashing import NewId, new_id
from kodo.base.log import redact
from kodo.core.events import Event, Passing, RunEnded
from kodo.core.messages import Delta, User
from kodo.core.thread import Entry
from kodo.runtime.build import Opening, open_session
from kodo.runtime.config import Settings
from kodo.runtime.session import Session
from kodo.server.caller import Caller
from kodo.server.gateway.generation import first_cause
from kodo.server.problem import bad_request
from kodo.server.sessions.files import SessionFiles
from kodo.server.sessions.tellings import (
    Answered,
    AnyTelling,
    Closed,
    DeltaTold,
    EventTold,
    ProgressTold,
    Question,
    Working,
    encode_telling,
)
from kodo.store.store import open_store

log = logging.getLogger(__name__)
T = TypeVar("T")


class Reader(Protocol):
    """Somebody who reads a session. Nothing here may wait."""

    def hear_event(self, seq: int, text: str) -> None:
        """Take a stored event."""
        ...

    def hear_passing(self, text: str) -> None:
        """Take what may be left out."""
        ...

    def hear(self, text: str) -> None:
        """Take what must not be left out."""
        ...


@dataclass(slots=True)
class _Pending:
    told: Question
    given: anyio.Event
    choice: Answer = "no"


class Room:
    """An open session. `live` keeps it so until `close`."""

    def __init__(self, settings: Settings, opening: Opening, make_id: NewId = new_id) -> None:
        self.settings = settings
        self._opening = opening
        self._new_id = make_id
        self._readers: list[Reader] = []
        self._questions: dict[str, _Pending] = {}
        self._closing = anyio.Event()
        self._run_scope: anyio.CancelScope | None = None
        self._busy = False
        self._session: Session | None = None
        self._files: SessionFiles | None = None
        self._tasks: anyio.abc.TaskGroup | None = None

    @property
    def session(self) -> Session:
        """The session, once `live` has opened it."""
        assert self._session is not None
        return self._session

    @property
    def files(self) -> SessionFiles:
        """What can be asked of its files, and done to them."""
        assert self._files is not None
        return self._files

    @property
    def id(self) -> str:
        """The id of the thread."""
        return self.session.thread.header.id

    @property
    def working(self) -> bool:
        """Whether a run is at work."""
        return self._run_scope is not None

    @property
    def questions(self) -> tuple[Question, ...]:
        """The questions that wait for an answer."""
        return tuple(pending.told for pending in self._questions.values())

    @property
    def deserted(self) -> bool:
        """Whether nobody reads it and nothing is at work in it."""
        return not (self._readers or self.working or self._busy)

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._closing.is_set()

    async def live(
        self, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED
    ) -> None:
        """Open the session, and keep it open until `close` or cancellation.

        Raises what `open_session` does, before it is open; later failures are told to the readers.
        """
        reason = ""
        began = False
        try:
            async with (
                open_session(self.settings, self._opening, self._ask) as session,
                open_store(self.settings.paths.store(self.settings.cwd)) as store,
            ):
                self._session = session
                self._files = SessionFiles(
                    self.settings, session, store.snapshots(self.settings.cwd)
                )
                session.subscribe(self._hear)
                async with anyio.create_task_group() as self._tasks:
                    began = True
                    task_status.started()
                    await self._closing.wait()
                    self._tasks.cancel_scope.cancel()
        except (KodoError, BaseExceptionGroup) as error:
            found = first_cause(error) if isinstance(error, BaseExceptionGroup) else error
            if not began or not isinstance(found, Exception):
                raise found from None
            log.warning("session %s ended: %s", self.id, redact(str(found)))
            reason = redact(str(found)) or type(found).__name__
        finally:
            self._closing.set()
            if began:
                self._tell(Closed(self.id, reason or "the session was closed"))

    def close(self) -> None:
        """End it; a run that is at work ends as interrupted."""
        self._closing.set()

    def enter(self, reader: Reader) -> None:
        """Let somebody read."""
        self._readers.append(reader)

    def leave(self, reader: Reader) -> None:
        """Let somebody read no longer."""
        self._readers.remove(reader)

    def following(self, seq: int, limit: int) -> list[Entry]:
        """Return at most `limit` entries with a `seq` above this one."""
        return self.session.thread.following(seq, limit)

    def encode(self, entry: Entry) -> str:
        """Return a stored event as the text of a frame."""
        return encode_telling(EventTold(self.id, entry.event))

    def send(self, message: User, caller: Caller) -> Literal["run", "steer"]:
        """Steer the run at work, or begin one that the caller is charged for.

        Raises RequestError where the caller may not, or files are being moved.
        """
        caller.admit(self.settings.config.model)
        if self.working:
            self.session.steer(message)
            return "steer"
        self._check_free()
        assert self._tasks is not None
        self._run_scope = anyio.CancelScope()
        self._tell(Working(self.id, working=True))
        self._tasks.start_soon(self._run, message, caller, self._run_scope)
        return "run"

    def interrupt(self) -> None:
        """End the run at work, if there is one."""
        if self._run_scope is not None:
            self._run_scope.cancel()

    def answer(self, question: str, choice: Answer) -> None:
        """Answer a question. Raises RequestError where it is answered already, or none."""
        pending = self._questions.pop(question, None)
        if pending is None:
            raise bad_request(
                f"question {question!r} does not wait: it was answered, or its run has ended",
                code="already_answered",
            )
        if choice == "always" and not pending.told.offer:
            choice = "yes"
        pending.choice = choice
        pending.given.set()
        self._tell(Answered(self.id, question, choice))

    async def alone(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do something to the files or the thread while no run is at work.

        Raises RequestError where one is, and what `work` raises.
        """
        self._check_free()
        if self.working:
            raise bad_request("a run is at work: interrupt it first", code="working")
        self._busy = True
        seen = self.session.thread.next_seq - 1
        try:
            return await work()
        finally:
            self._busy = False
            for entry in self.following(seen, 1 << 20):
                self._tell_event(entry.event)

    def _check_free(self) -> None:
        if self._busy:
            raise bad_request("files are being moved: try again when that is done", code="busy")
        if self.closed:
            raise bad_request("this session was closed: open it again", code="closed")

    async def _run(self, task: User, caller: Caller, scope: anyio.CancelScope) -> None:
        waiting = [task]
        try:
            with scope:
                while waiting:
                    first, *rest = waiting
                    for message in rest:
                        self.session.steer(message)
                    ended = await self.session.run(first)
                    caller.charge(ended.spent.usage)
                    # What was said while it ended is the next task: nothing said is lost.
                    waiting = self.session.inbox.take_all()
            if scope.cancelled_caught:
                self._charge_interrupted(caller)
        except StoreError:
            raise  # another process works on the thread, or the disk is full: it is closed
        except KodoError as error:
            log.warning("a run of session %s broke: %s", self.id, redact(str(error)))
        finally:
            self._run_scope = None
            self._tell(Working(self.id, working=False))

    def _charge_interrupted(self, caller: Caller) -> None:
        entries = self.session.thread.path()
        if entries and isinstance(entries[-1].event.body, RunEnded):
            caller.charge(entries[-1].event.body.spent.usage)

    async def _ask(self, asked: Asked) -> Answer:
        offer = rule_text(asked.offer) if asked.offer is not None else ""
        question = Question(self.id, self._new_id(), asked.text, asked.reason, offer)
        pending = _Pending(question, anyio.Event())
        self._questions[question.question] = pending
        self._tell(question)
        try:
            await pending.given.wait()
        finally:
            if self._questions.pop(question.question, None) is not None:
                self._tell(Answered(self.id, question.question, withdrawn=True))
        return pending.choice

    def _hear(self, happening: Event | Passing) -> None:
        if isinstance(happening, Event):
            self._tell_event(happening)
        elif self._readers:
            telling = (
                DeltaTold(self.id, happening)
                if isinstance(happening, Delta)
                else ProgressTold(self.id, happening)
            )
            text = encode_telling(telling)
            for reader in self._readers:
                reader.hear_passing(text)

    def _tell_event(self, event: Event) -> None:
        if self._readers:
            text = encode_telling(EventTold(self.id, event))
            for reader in self._readers:
                reader.hear_event(event.seq, text)

    def _tell(self, telling: AnyTelling) -> None:
        if self._readers:
            text = encode_telling(telling)
            for reader in list(self._readers):
                reader.hear(text)
