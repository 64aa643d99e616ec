"""The JSON lines of `kodo exec --json`: the shapes of codex exec, as values.

docs/schema/exec.json is made from these types. What codex has no place for stands under `kodo`.
"""

from typing import Literal

import msgspec

from kodo.core.check import Evidence, Finding
from kodo.core.events import RunOutcome
from kodo.core.limits import Spent

ItemStatus = Literal["in_progress", "completed", "failed", "declined"]


class Line(msgspec.Struct, frozen=True, tag_field="type"):
    """The base of events and items: the tag stands under `type`."""


class KodoItem(msgspec.Struct, frozen=True, omit_defaults=True):
    """What kodo adds to an item: the call it belongs to, a check's verdict, a kind of note."""

    call_id: str = ""
    check: str = ""
    decision: str = ""
    note: str = ""
    duration_s: float | None = None
    passed: int | None = None
    failed: int | None = None
    timed_out: bool = False
    diff: str = ""
    attempt: int = 0
    limit: str = ""
    message: str = ""


class AgentMessage(Line, frozen=True, tag="agent_message"):
    """Text of the agent for the person."""

    id: str
    text: str
    kodo: KodoItem | msgspec.UnsetType = msgspec.UNSET


class ReasoningItem(Line, frozen=True, tag="reasoning"):
    """What the agent thinks or does now."""

    id: str
    text: str
    kodo: KodoItem | msgspec.UnsetType = msgspec.UNSET


class CommandExecution(Line, frozen=True, tag="command_execution"):
    """A command; `exit_code` is null while it runs and where it never ran."""

    id: str
    command: str
    aggregated_output: str
    exit_code: int | None
    status: ItemStatus
    kodo: KodoItem | msgspec.UnsetType = msgspec.UNSET


class PathChange(msgspec.Struct, frozen=True):
    """One changed file, by its absolute path."""

    path: str
    kind: Literal["add", "delete", "update"]


class FileChangeItem(Line, frozen=True, tag="file_change"):
    """Files that changed together."""

    id: str
    changes: list[PathChange]
    status: ItemStatus
    kodo: KodoItem | msgspec.UnsetType = msgspec.UNSET


class ToolText(msgspec.Struct, frozen=True):
    """A piece of a tool's result."""

    text: str
    type: Literal["text"] = "text"


class ToolCallResult(msgspec.Struct, frozen=True):
    """What a tool gave back."""

    content: list[ToolText]
    structured_content: msgspec.Raw | None = None


class ErrorText(msgspec.Struct, frozen=True):
    """A message of what went wrong."""

    message: str


class McpToolCall(Line, frozen=True, tag="mcp_tool_call"):
    """A call of any other tool; kodo's own stand under the server `kodo`."""

    id: str
    server: str
    tool: str
    arguments: msgspec.Raw
    status: ItemStatus
    result: ToolCallResult | None = None
    error: ErrorText | None = None
    kodo: KodoItem | msgspec.UnsetType = msgspec.UNSET


class TodoItem(msgspec.Struct, frozen=True):
    """A step of the plan."""

    text: str
    completed: bool


class TodoList(Line, frozen=True, tag="todo_list"):
    """The plan as it stands."""

    id: str
    items: list[TodoItem]
    kodo: KodoItem | msgspec.UnsetType = msgspec.UNSET


class ErrorItem(Line, frozen=True, tag="error"):
    """Something went wrong that does not end the run."""

    id: str
    message: str
    kodo: KodoItem | msgspec.UnsetType = msgspec.UNSET


Item = (
    AgentMessage
    | ReasoningItem
    | CommandExecution
    | FileChangeItem
    | McpToolCall
    | TodoList
    | ErrorItem
)


class KodoThread(msgspec.Struct, frozen=True):
    """Where the thread lives."""

    cwd: str
    kodo_version: str


class KodoTurn(msgspec.Struct, frozen=True):
    """Under what conditions the run works."""

    run_id: str
    model: str
    strategy: str
    sandbox: str


class KodoCheck(msgspec.Struct, frozen=True):
    """A check that was run, its decision and what it ran."""

    check: str
    decision: str
    evidence: tuple[Evidence, ...]


class KodoEnd(msgspec.Struct, frozen=True, omit_defaults=True):
    """How the run ended; `cost_usd` is missing where unknown, `limit` names a spent limit."""

    outcome: RunOutcome
    exit_code: int
    summary: str = ""
    reason: str = ""
    limit: str = ""
    cost_usd: float | None = None
    spent: Spent = Spent()
    changed: tuple[str, ...] = ()
    checks: tuple[KodoCheck, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    findings: tuple[Finding, ...] = ()


class TurnUsage(msgspec.Struct, frozen=True):
    """Tokens of the whole thread so far."""

    input_tokens: int
    cached_input_tokens: int
    cache_write_input_tokens: int
    output_tokens: int
    reasoning_output_tokens: int


class ThreadStarted(Line, frozen=True, tag="thread.started"):
    """The first line. `thread_id` is the id that every other command takes."""

    thread_id: str
    kodo: KodoThread | msgspec.UnsetType = msgspec.UNSET


class TurnStarted(Line, frozen=True, tag="turn.started"):
    """A task was taken up."""

    kodo: KodoTurn | msgspec.UnsetType = msgspec.UNSET


class ItemStarted(Line, frozen=True, tag="item.started"):
    """An item began."""

    item: Item


class ItemUpdated(Line, frozen=True, tag="item.updated"):
    """An item moved on."""

    item: Item


class ItemCompleted(Line, frozen=True, tag="item.completed"):
    """An item is what it will be."""

    item: Item


class TurnCompleted(Line, frozen=True, tag="turn.completed"):
    """The task is done."""

    usage: TurnUsage
    kodo: KodoEnd | msgspec.UnsetType = msgspec.UNSET


class TurnFailed(Line, frozen=True, tag="turn.failed"):
    """The task was not done."""

    error: ErrorText
    kodo: KodoEnd | msgspec.UnsetType = msgspec.UNSET


class ErrorLine(Line, frozen=True, tag="error"):
    """What ended the run."""

    message: str


ExecLine = (
    ThreadStarted
    | TurnStarted
    | ItemStarted
    | ItemUpdated
    | ItemCompleted
    | TurnCompleted
    | TurnFailed
    | ErrorLine
)
