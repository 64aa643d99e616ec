"""A context for tools: a sandbox, blobs in a dict, events in a list."""

from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from kodo.base.hashing import sha256_hex
from kodo.core.check import Check
from kodo.core.events import Passing, Stored
from kodo.core.limits import Budget, Limits, Spent
from kodo.core.messages import Text, Usage
from kodo.core.model import ModelInfo
from kodo.core.recall import Recall
from kodo.core.sandbox import Sandbox
from kodo.core.tool import Consult, Tool, ToolContext, ToolOutput


class FreeBudget:
    """A budget without limits."""

    limits = Limits()

    def spent(self) -> Spent:
        return Spent()

    def reserve_model_call(self) -> None: ...

    def reserve_tool_call(self) -> None: ...

    def charge(self, usage: Usage) -> None: ...

    def seconds_left(self) -> float | None:
        return None


class DictBlobs:
    """Blobs in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    async def put(self, data: bytes) -> str:
        name = sha256_hex(data)
        self.kept[name] = data
        return name

    async def get(self, name: str) -> bytes:
        return self.kept[name]


@dataclass
class Bench:
    """Runs tools; keeps what they emitted and asked."""

    workspace: Path
    sandbox: Sandbox
    blobs: DictBlobs = field(default_factory=DictBlobs)
    events: list[Stored | Passing] = field(default_factory=list[Stored | Passing])
    asked: list[str] = field(default_factory=list[str])
    answer: bool = False
    checks: tuple[Check, ...] = ()
    recall: Recall | None = None
    model: ModelInfo | None = None
    consult: Consult | None = None
    budget: Budget = field(default_factory=FreeBudget)

    def context(self) -> ToolContext:
        """Return a context for one call."""

        async def emit(event: Stored | Passing) -> None:
            self.events.append(event)

        async def ask(question: str) -> bool:
            self.asked.append(question)
            return self.answer

        return ToolContext(
            workspace=self.workspace,
            sandbox=self.sandbox,
            blobs=self.blobs,
            budget=self.budget,
            call_id="call-1",
            emit=emit,
            ask=ask,
            checks=self.checks,
            thread="thread-1",
            recall=self.recall,
            model=self.model,
            consult=self.consult,
        )

    async def run(self, tool: Tool, **arguments: object) -> ToolOutput:
        """Call a tool with these arguments as JSON."""
        return await tool.run(msgspec.json.encode(arguments), self.context())

    async def text(self, tool: Tool, **arguments: object) -> str:
        """Call a tool and return the text for the model."""
        return text_of(await self.run(tool, **arguments))


def text_of(output: ToolOutput) -> str:
    """Return the text parts of an output."""
    return "".join(part.text for part in output.parts if isinstance(part, Text))


def changed(output: ToolOutput) -> list[str]:
    """Return the paths of the changes of an output."""
    return [change.path for change in output.changes]
