"""What a tool is: a name, a schema, an effect, and an async `run`."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Literal, Protocol

import msgspec

from kodo.core.check import Change, Check
from kodo.core.events import Passing, Stored
from kodo.core.limits import Budget
from kodo.core.messages import Assistant, Text, UserPart, Value
from kodo.core.model import ModelInfo, Prompt
from kodo.core.recall import Recall
from kodo.core.sandbox import Sandbox
from kodo.core.store import Blobs

Effect = Literal["read", "write", "exec", "net"]

Consult = Callable[[Prompt], Awaitable[Assistant]]
"""One call of the run's own model, on the run's account and not part of the conversation.

Raises LimitReached before spending, ModelError.
"""


class ToolOutput(Value, frozen=True):
    """What a tool gives back: `parts` for the model, `details` (JSON text) for screens.

    `failed` marks an outcome that the model should read as an error (a command's non-zero exit
    code is not one). `kept` names the blob of the whole output where `parts` hold a cut of it.
    `changes` are the files that this call changed.
    """

    parts: tuple[UserPart, ...]
    details: str = ""
    failed: bool = False
    kept: str | None = None
    changes: tuple[Change, ...] = ()


class ToolContext(msgspec.Struct, frozen=True):
    """What a tool may use while it runs.

    `emit` takes stored and passing events; `call_id` is that of the running call. `ask` puts a
    yes-or-no question to the person, and answers False where there is nobody. `recall` is the
    memory of the project; `consult` asks the model that `model` describes. Each may be missing.
    `thread` is the id of the conversation.
    """

    workspace: Path
    sandbox: Sandbox
    blobs: Blobs
    budget: Budget
    call_id: str
    emit: Callable[[Stored | Passing], Awaitable[None]]
    ask: Callable[[str], Awaitable[bool]]
    checks: Sequence[Check] = ()
    allow_net: bool = False
    thread: str = ""
    recall: Recall | None = None
    model: ModelInfo | None = None
    consult: Consult | None = None


class Tool(Protocol):
    """Something a model can call."""

    @property
    def name(self) -> str:
        """The name the model calls it by."""
        ...

    @property
    def description(self) -> str:
        """What it does, for the model."""
        ...

    @property
    def parameters(self) -> str:
        """The JSON Schema of its arguments, as JSON text."""
        ...

    @property
    def effect(self) -> Effect:
        """The strongest thing it may do; neighbours that only `read` run together."""
        ...

    @property
    def timeout_s(self) -> float:
        """After how many seconds the call is given up."""
        ...

    async def run(self, arguments: bytes, context: ToolContext) -> ToolOutput:
        """Carry out the call. `arguments` is JSON that the tool decodes into its own struct.

        Raises ToolError with a message for the model, LimitReached, SandboxError.
        """
        ...


def text_output(text: str, *, failed: bool = False, details: str = "") -> ToolOutput:
    """Return an output of one text part."""
    return ToolOutput((Text(text),), details=details, failed=failed)
