"""Writes a run as the JSON lines of codex exec, one line an event, flushed as it happens.

Knows events only. Guards that every started item is completed and that exactly one
`turn.completed` or `turn.failed` follows each `turn.started`.
"""

from pathlib import Path
from typing import TextIO

import msgspec

from kodo.base.log import redact
from kodo.cli.exec_events import (
    AgentMessage,
    CommandExecution,
    ErrorItem,
    ErrorLine,
    ErrorText,
    ExecLine,
    FileChangeItem,
    Item,
    ItemCompleted,
    ItemStarted,
    ItemStatus,
    ItemUpdated,
    KodoCheck,
    KodoEnd,
    KodoItem,
    KodoThread,
    KodoTurn,
    McpToolCall,
    PathChange,
    ReasoningItem,
    ThreadStarted,
    TodoItem,
    TodoList,
    ToolCallResult,
    ToolText,
    TurnCompleted,
    TurnFailed,
    TurnStarted,
    TurnUsage,
)
from kodo.cli.exits import outcome_code
from kodo.core.check import Finding
from kodo.core.events import (
    ApprovalGiven,
    CheckRun,
    Event,
    FilesChanged,
    FindingRaised,
    HookRan,
    LimitNear,
    MessageAdded,
    Noted,
    Passing,
    Retrying,
    RunEnded,
    RunStarted,
    ToolStarted,
)
from kodo.core.messages import Assistant, Reasoning, Text, ToolCall, ToolResult, Usage

MAX_OUTPUT_BYTES = 1 << 20
EDITS = frozenset({"apply_patch", "write"})
"""Tools whose success is told by FilesChanged, as codex tells an edit."""


class _Arguments(msgspec.Struct):
    """What the writer reads of a call's arguments; other fields are ignored."""

    command: str | list[str] = ""
    items: list["_Step"] = []


class _Step(msgspec.Struct):
    step: str = ""
    status: str = ""


class _Details(msgspec.Struct):
    exit_code: int | None = None
    duration_s: float | None = None


class JsonLines:
    """Takes the events of a thread and writes lines. `usage_before` is what earlier runs took."""

    def __init__(self, stream: TextIO, thread_id: str, usage_before: Usage | None = None) -> None:
        self._stream = stream
        self._thread_id = thread_id
        self._usage_before = usage_before or Usage()
        self._encoder = msgspec.json.Encoder()
        self._count = 0
        self._said_thread = False
        self._in_turn = False
        self._cwd = Path()
        self._calls: dict[str, ToolCall] = {}
        self._items: dict[str, str] = {}
        self._plan_item = ""
        self._last_text = ""
        self._checks: list[KodoCheck] = []
        self._findings: list[Finding] = []
        self._todo: list[TodoItem] = []

    def take(self, happening: Event | Passing) -> None:
        """Write the lines for one happening. Raises BrokenPipeError where nobody reads."""
        if not isinstance(happening, Event):
            return
        match happening.body:
            case RunStarted() as body:
                self._start(happening.run_id, body)
            case MessageAdded(message=Assistant() as message):
                self._say(message)
            case MessageAdded(message=ToolResult() as message):
                self._finish_call(message)
            case ToolStarted() as body:
                self._start_call(ToolCall(body.call_id, body.name, body.arguments))
            case FilesChanged() as body:
                self._files(body)
            case CheckRun() as body:
                self._check(body)
            case FindingRaised() as body:
                self._findings.append(body.finding)
                finding = body.finding
                text = f"{finding.path}:{finding.line}: {finding.message}"
                self._note(text, KodoItem(check=body.check, note="finding"))
            case ApprovalGiven(allowed=False) as body:
                reason = f": {body.reason}" if body.reason else ""
                self._note(f"denied{reason}", KodoItem(call_id=body.call_id, note="denied"))
            case Noted(kind="warning") as body:
                self._note(body.text, KodoItem(note="warning"))
            case Noted() as body:
                step = ReasoningItem(self._next_id(), body.text, KodoItem(note="step"))
                self._write(ItemCompleted(step))
            case HookRan() as body:
                self._hook(body)
            case Retrying() as body:
                text = f"{body.error}; trying again in {body.wait_s:g} s"
                self._note(text, KodoItem(note="retry", attempt=body.attempt))
            case LimitNear() as body:
                text = f"{body.used:g} of {body.limit_value:g} {body.limit} are spent"
                self._note(text, KodoItem(note="limit_near", limit=body.limit))
            case RunEnded() as body:
                self._end(body)
            case _:
                pass

    def tick(self) -> None:
        """Do nothing: programs need no sign of life."""

    def close(self) -> None:
        """Do nothing: every line is out already."""

    def fail(self, message: str) -> None:
        """End the turn with an error that came from outside the run."""
        message = redact(message)
        self._write(ErrorLine(message))
        if self._in_turn:
            self._in_turn = False
            self._write(TurnFailed(ErrorText(message)))

    def _start(self, run_id: str, body: RunStarted) -> None:
        self._cwd = Path(body.cwd)
        if not self._said_thread:
            self._said_thread = True
            self._write(ThreadStarted(self._thread_id, KodoThread(body.cwd, body.kodo_version)))
        self._in_turn = True
        self._checks, self._findings, self._last_text = [], [], ""
        self._write(TurnStarted(KodoTurn(run_id, body.model, body.strategy, body.sandbox)))

    def _say(self, message: Assistant) -> None:
        for part in message.parts:
            match part:
                case Reasoning(text=text) if text:
                    self._write(ItemCompleted(ReasoningItem(self._next_id(), text)))
                case Text(text=text) if text.strip():
                    self._last_text = text
                    self._write(ItemCompleted(AgentMessage(self._next_id(), text)))
                case ToolCall() as call:
                    self._calls[call.id] = call
                case _:
                    pass

    def _start_call(self, call: ToolCall) -> None:
        self._calls[call.id] = call
        item_id = self._items[call.id] = self._next_id()
        arguments = _arguments(call)
        if call.name == "plan" or call.name in EDITS:
            return
        if call.name == "shell":
            item: Item = CommandExecution(
                item_id, _command(arguments), "", None, "in_progress", KodoItem(call_id=call.id)
            )
        else:
            item = self._tool_item(item_id, call, "in_progress")
        self._write(ItemStarted(item))

    def _finish_call(self, result: ToolResult) -> None:
        call = self._calls.pop(result.call_id, None)
        if call is None:
            call = ToolCall(result.call_id, result.name, "{}")
        item_id = self._items.pop(result.call_id, "") or self._next_id()
        status: ItemStatus = "completed"
        if result.outcome == "denied":
            status = "declined"
        elif result.outcome != "ok":
            status = "failed"
        if call.name == "plan" and result.outcome == "ok":
            self._plan(call)
        elif call.name in EDITS:
            if result.outcome != "ok":
                kodo = KodoItem(call_id=call.id, message=result.text)
                self._write(ItemCompleted(FileChangeItem(item_id, [], "failed", kodo)))
        elif call.name == "shell":
            details = _details(result)
            if details.exit_code:
                status = "failed"
            self._write(
                ItemCompleted(
                    CommandExecution(
                        item_id,
                        _command(_arguments(call)),
                        result.text[:MAX_OUTPUT_BYTES],
                        details.exit_code,
                        status,
                        KodoItem(call_id=call.id, duration_s=details.duration_s),
                    )
                )
            )
        else:
            self._write(ItemCompleted(self._tool_item(item_id, call, status, result)))

    def _tool_item(
        self, item_id: str, call: ToolCall, status: ItemStatus, result: ToolResult | None = None
    ) -> McpToolCall:
        found: ToolCallResult | None = None
        error: ErrorText | None = None
        if result is not None and result.outcome == "ok":
            found = ToolCallResult([ToolText(result.text)])
        elif result is not None:
            error = ErrorText(result.text)
        if status == "declined":  # codex knows no declined call of this kind
            status = "failed"
        return McpToolCall(
            item_id,
            "kodo",
            call.name,
            _raw(call.arguments),
            status,
            found,
            error,
            KodoItem(call_id=call.id),
        )

    def _plan(self, call: ToolCall) -> None:
        arguments = _arguments(call)
        items = [TodoItem(step.step, step.status == "done") for step in arguments.items]
        if self._plan_item:
            self._write(ItemUpdated(TodoList(self._plan_item, items)))
        else:
            self._plan_item = self._next_id()
            self._write(ItemStarted(TodoList(self._plan_item, items)))
        self._todo = items

    def _files(self, body: FilesChanged) -> None:
        changes: list[PathChange] = []
        for change in body.changes:
            kind = (
                "add" if change.before is None else "delete" if change.after is None else "update"
            )
            changes.append(PathChange(str(self._cwd / change.path), kind))
        diff = "".join(change.diff for change in body.changes)
        kodo = KodoItem(call_id=body.call_id, diff=diff)
        name = self._calls[body.call_id].name if body.call_id in self._calls else ""
        item_id = self._items[body.call_id] if name in EDITS else self._next_id()
        self._write(ItemCompleted(FileChangeItem(item_id, changes, "completed", kodo)))

    def _check(self, body: CheckRun) -> None:
        self._checks.append(KodoCheck(body.check, body.decision, body.evidence))
        for ran in body.evidence:
            kodo = KodoItem(
                check=body.check,
                decision=body.decision,
                duration_s=ran.duration_s,
                passed=ran.passed,
                failed=ran.failed,
                timed_out=ran.timed_out,
            )
            status: ItemStatus = "completed" if ran.exit_code == 0 else "failed"
            self._write(
                ItemCompleted(
                    CommandExecution(
                        self._next_id(), ran.command, ran.tail, ran.exit_code, status, kodo
                    )
                )
            )

    def _hook(self, body: HookRan) -> None:
        """Write what a hook did: an error where it denied or failed, else a step."""
        kodo = KodoItem(
            call_id=body.call_id,
            check=body.hook,
            decision=body.decision,
            note=f"hook {body.moment}",
            duration_s=body.duration_s,
            message=body.said,
        )
        text = f"hook {body.hook!r}: {body.decision}" + (f": {body.said}" if body.said else "")
        if body.decision in ("deny", "failed"):
            self._note(text, kodo)
        else:
            self._write(ItemCompleted(ReasoningItem(self._next_id(), text, kodo)))

    def _note(self, text: str, kodo: KodoItem) -> None:
        self._write(ItemCompleted(ErrorItem(self._next_id(), text, kodo)))

    def _end(self, body: RunEnded) -> None:
        if body.summary.strip() and body.summary.strip() != self._last_text.strip():
            self._write(ItemCompleted(AgentMessage(self._next_id(), body.summary)))
        if self._plan_item:
            self._write(ItemCompleted(TodoList(self._plan_item, self._todo)))
            self._plan_item = ""
        self._in_turn = False
        end = KodoEnd(
            outcome=body.outcome,
            exit_code=outcome_code(body.outcome),
            summary=body.summary,
            reason=body.reason,
            limit=body.limit,
            cost_usd=body.spent.usage.cost_usd,
            spent=body.spent,
            changed=body.changed,
            checks=tuple(self._checks),
            evidence=body.evidence,
            findings=tuple(self._findings),
        )
        if end.exit_code == 0:
            total = self._usage_before = self._usage_before.plus(body.spent.usage)
            usage = TurnUsage(
                total.input_tokens,
                total.cached_tokens,
                0,
                total.output_tokens,
                total.reasoning_tokens,
            )
            self._write(TurnCompleted(usage, end))
            return
        self._usage_before = self._usage_before.plus(body.spent.usage)
        message = redact(body.reason or f"the run ended as {body.outcome}")
        self._write(ErrorLine(message))
        self._write(TurnFailed(ErrorText(message), end))

    def _next_id(self) -> str:
        self._count += 1
        return f"item_{self._count - 1}"

    def _write(self, line: ExecLine) -> None:
        self._stream.write(self._encoder.encode(line).decode() + "\n")
        self._stream.flush()


def _raw(arguments: str) -> msgspec.Raw:
    """Return JSON text as it is, and text that is not JSON as a JSON string."""
    try:
        msgspec.json.decode(arguments or "{}")
    except msgspec.DecodeError:
        return msgspec.Raw(msgspec.json.encode(arguments))
    return msgspec.Raw(arguments.encode() or b"{}")


def _arguments(call: ToolCall) -> _Arguments:
    try:
        return msgspec.json.decode(call.arguments or "{}", type=_Arguments)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return _Arguments()


def _command(arguments: _Arguments) -> str:
    if isinstance(arguments.command, str):
        return arguments.command
    return " ".join(arguments.command)


def _details(result: ToolResult) -> _Details:
    try:
        return msgspec.json.decode(result.details or "{}", type=_Details)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return _Details()
