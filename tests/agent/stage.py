"""A stage for runs: an in-memory log, a model that plays replies, tools written for the test."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from kodo.agent.agent import Agent, Strategy
from kodo.agent.budget import RunBudget
from kodo.agent.finish import FinishGate
from kodo.agent.inbox import Inbox
from kodo.agent.journal import Journal
from kodo.agent.loop import run
from kodo.agent.permission.question import Answer, Question
from kodo.agent.strategies.tools import ToolsStrategy
from kodo.base.errors import SandboxError, StoreError
from kodo.base.hashing import sha256_hex
from kodo.core.check import Change
from kodo.core.events import Event, Passing, RunEnded, Stored
from kodo.core.limits import Limits
from kodo.core.messages import Assistant, Delta, Stop, Text, ToolCall, Usage, user
from kodo.core.model import ModelInfo, Prompt
from kodo.core.sandbox import Scratch
from kodo.core.store import Preview, Span, ThreadSummary
from kodo.core.thread import Entry, Thread, ThreadHeader
from kodo.core.tool import Effect, Tool, ToolContext, ToolOutput, text_output
from kodo.sandboxes.jail import Jail
from kodo.sandboxes.local import Local

INFO = ModelInfo(
    "test/model", "test", 100_000, 8_000, abilities=frozenset({"tools", "parallel_tools"})
)
START = datetime(2026, 1, 1, tzinfo=UTC)


class MemoryLog:
    """Keeps entries in a list; refuses to write once `broken` is set."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.broken = False

    async def create(self, header: ThreadHeader) -> None:
        pass

    async def append(self, thread_id: str, entry: Entry) -> None:
        if self.broken:
            raise StoreError("the disk is full")
        self.entries.append(entry)

    async def load(self, thread_id: str) -> tuple[ThreadHeader, list[Entry]]:
        raise StoreError(f"no thread {thread_id!r}")

    async def list(self, limit: int = 50) -> list[ThreadSummary]:
        return []


class MemoryBlobs:
    """Blobs in a dictionary."""

    def __init__(self) -> None:
        self.data: dict[str, bytes] = {}

    async def put(self, data: bytes) -> str:
        name = sha256_hex(data)
        self.data[name] = data
        return name

    async def get(self, name: str) -> bytes:
        return self.data[name]


class NoSnapshots:
    """Snapshots that see nothing."""

    async def take(self) -> str:
        return "0" * 64

    async def changes(self, before: str, after: str | None = None) -> list[Change]:
        return []

    async def preview(self, spans: Sequence[Span]) -> Preview:
        return Preview(())

    async def take_back(
        self, spans: Sequence[Span], *, force: bool = False, only: Collection[str] = ()
    ) -> list[Change]:
        return []


Step = Assistant | BaseException | Callable[[Prompt], Awaitable[Assistant]]


class PlayedModel:
    """Plays its steps in order and keeps the prompts."""

    def __init__(self, steps: Sequence[Step], info: ModelInfo = INFO) -> None:
        self.info = info
        self.steps = list(steps)
        self.prompts: list[Prompt] = []

    def go_on(self, *steps: Step) -> None:
        self.steps = list(steps)

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Delta | Assistant, None]:
        self.prompts.append(prompt)
        step = self.steps.pop(0)
        if isinstance(step, BaseException):
            raise step
        reply = step if isinstance(step, Assistant) else await step(prompt)
        yield Delta("text", reply.text)
        yield reply

    async def aclose(self) -> None:
        pass


def says(text: str, stop: Stop = "end") -> Assistant:
    return Assistant((Text(text),), INFO.id, stop, Usage(10, 0, 5))


def calls(*requests: tuple[str, str], first: int = 1) -> Assistant:
    parts = tuple(
        ToolCall(f"c{first + index}", name, arguments)
        for index, (name, arguments) in enumerate(requests)
    )
    return Assistant(parts, INFO.id, "tool_calls", Usage(10, 0, 5))


Act = Callable[[bytes, ToolContext], Awaitable[ToolOutput]]


class MadeTool:
    """A tool made from a function."""

    def __init__(
        self, name: str, act: Act | None = None, effect: Effect = "read", timeout_s: float = 30
    ) -> None:
        self.name = name
        self.description = f"the tool {name}"
        self.parameters = '{"type":"object"}'
        self.effect: Effect = effect
        self.timeout_s = timeout_s
        self._act = act

    async def run(self, arguments: bytes, context: ToolContext) -> ToolOutput:
        if self._act is None:
            return text_output(f"{self.name} ran with {arguments.decode()}")
        return await self._act(arguments, context)


async def no_scratch() -> Scratch:
    raise SandboxError("no scratch on this stage")


async def nobody(question: Question) -> Answer:
    return "no"


class Stage:
    """One thread, one log, one agent; `play` carries out a task on it."""

    def __init__(
        self,
        workspace: Path,
        steps: Sequence[Step],
        tools: Sequence[Tool] = (),
        *,
        limits: Limits | None = None,
        checks: Sequence[str] = (),
        info: ModelInfo = INFO,
        rung_chosen: bool = True,
    ) -> None:
        self.model = PlayedModel(steps, info)
        self.log = MemoryLog()
        self.thread = Thread(ThreadHeader("thread", START, str(workspace)))
        self.told: list[Event | Passing] = []
        self.inbox = Inbox()
        self._ids = 0
        self._ticks = 0
        self.agent = Agent(
            model=self.model,
            tools={tool.name: tool for tool in tools},
            sandbox=Local(Jail(workspace=workspace, home=workspace)),
            workspace=workspace,
            blobs=MemoryBlobs(),
            snapshots=NoSnapshots(),
            budget=RunBudget(limits or Limits()),
            instructions="be brief",
            project_notes="",
            open_scratch=no_scratch,
            ask=nobody,
            rung_chosen=rung_chosen,
        )

        async def find_checks() -> Sequence[str]:
            return checks

        self.strategy: Strategy = ToolsStrategy(FinishGate(find_checks))
        self.journal = Journal(
            self.thread, self.log, "run", self._now, self._new_id, self.told.append
        )

    async def play(self, task: str = "do it") -> RunEnded:
        return await run(self.agent, self.strategy, self.journal, self.inbox, user(task), "0.0.0")

    def stored(self) -> list[Stored]:
        return [entry.event.body for entry in self.log.entries]

    def _new_id(self) -> str:
        self._ids += 1
        return f"e{self._ids}"

    def _now(self) -> datetime:
        self._ticks += 1
        return START + timedelta(seconds=self._ticks)
