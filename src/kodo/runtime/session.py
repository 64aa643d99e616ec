"""A session: a thread that is open for work in this process, with its readers and inbox.

Faces put tasks in and read events; they never touch the loop. Guards that one run at a time
writes to a thread.
"""

from collections.abc import Callable

import anyio
import msgspec

from kodo import __version__
from kodo.agent.agent import Agent, Strategy
from kodo.agent.hooking import run_hooks
from kodo.agent.inbox import Inbox
from kodo.agent.journal import Journal
from kodo.agent.loop import run
from kodo.base.clock import Now, utc_now
from kodo.base.errors import StoreError
from kodo.base.hashing import NewId, new_id
from kodo.core.events import Event, HostContacted, Passing, Retrying, RunEnded, RunOutcome
from kodo.core.messages import User
from kodo.core.store import Blobs, Log
from kodo.core.thread import Thread
from kodo.runtime.memory import SessionMemory

Reader = Callable[[Event | Passing], None]
MakeRun = Callable[[], tuple[Agent, Strategy]]


class Session(msgspec.Struct):
    """An open thread. `make_run` gives each run a fresh agent, budget, finish gate, strategy."""

    thread: Thread
    log: Log
    blobs: Blobs
    make_run: MakeRun
    created: bool
    now: Now = utc_now
    new_id: NewId = new_id
    inbox: Inbox = msgspec.field(default_factory=Inbox)
    readers: list[Reader] = msgspec.field(default_factory=list[Reader])
    journal: Journal | None = None
    outcome: RunOutcome | None = None
    scope: anyio.CancelScope | None = None
    memory: SessionMemory | None = None
    gone: BrokenPipeError | None = None
    agent: Agent | None = None
    last_run: str = ""

    def subscribe(self, reader: Reader) -> None:
        """Let `reader` hear every event and delta from now on. It must not block."""
        self.readers.append(reader)

    def steer(self, message: User) -> None:
        """Leave a message for the running task, or for the next one."""
        self.inbox.put(message)

    async def run(self, task: User | None) -> RunEnded:
        """Carry out a task to its end and return the last event.

        None goes on from the head of the thread, where nobody says anything new. Raises StoreError;
        every other failure is the outcome of the returned event. Cancellation ends the run as
        interrupted and is raised again. So does a reader that raises BrokenPipeError, because
        whoever wanted to see the run has gone.
        """
        if self.created:
            await self.log.create(self.thread.header)
            self.created = False
        agent, strategy = self.make_run()
        self.agent = agent
        journal = Journal(self.thread, self.log, self.new_id(), self.now, self.new_id, self._tell)
        self.journal = journal
        self.outcome = "interrupted"
        self.last_run = journal.run_id
        ended: RunEnded | None = None
        failed: StoreError | None = None
        try:
            async with anyio.create_task_group() as tasks:
                if self.memory is not None and agent.recall is not None:
                    tasks.start_soon(self.memory.keep_up)
                try:
                    with anyio.CancelScope() as self.scope:
                        ended = await run(agent, strategy, journal, self.inbox, task, __version__)
                except StoreError as error:  # kept out of the group, which would wrap it
                    failed = error
                tasks.cancel_scope.cancel()
        finally:
            self.journal = self.scope = None
        if failed is not None:
            raise failed
        if ended is None:
            raise self.gone or BrokenPipeError
        self.outcome = ended.outcome
        return ended

    async def end(self) -> None:
        """Let the hooks of the session's end speak, where it had begun. Raises KodoError."""
        agent, self.agent = self.agent, None
        if agent is None or not agent.hooks.at("session_end"):
            return
        run_id, log = self.last_run, self.log
        journal = Journal(self.thread, log, run_id, self.now, self.new_id, self._tell)
        await run_hooks(agent, journal, "session_end")

    async def note_retry(self, retrying: Retrying) -> None:
        """Record that a model call will be tried again; adapters call this before they wait."""
        if self.journal is not None:
            await self.journal.record(retrying)

    async def note_host(self, contacted: HostContacted) -> None:
        """Record that a command asked for a host; the gate calls this before it answers."""
        if self.journal is not None:
            await self.journal.record(contacted)

    def _tell(self, happening: Event | Passing) -> None:
        for reader in list(self.readers):
            try:
                reader(happening)
            except BrokenPipeError as error:  # wherever the run is now, it ends in order
                self.readers.remove(reader)
                self.gone = error
                if self.scope is not None:
                    self.scope.cancel()
