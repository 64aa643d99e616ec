"""Calls become results: policy, budget, tool, time limit, one result for each call.

Neighbours that only read run together; everything else runs in source order. This is the tool
border: whatever a tool raises becomes a result the model can read, except what ends the run.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext

import anyio
import msgspec
from msgspec.structs import replace

from kodo.agent.agent import Agent
from kodo.agent.granting import RedactedBlobs, brought_in, grant
from kodo.agent.hooking import run_hooks, with_texts
from kodo.agent.journal import Journal
from kodo.agent.permission.question import Question
from kodo.agent.permission.taint import tagged
from kodo.agent.shell_changes import is_judged, judge_after
from kodo.agent.steps import changes_files, recorded_step
from kodo.agent.turn import consult
from kodo.base.errors import KodoError, LimitReached, SandboxError, StoreError, ToolError
from kodo.base.redaction import Redactor
from kodo.base.text import repair_surrogates
from kodo.core.check import Change
from kodo.core.diff import unified_diff
from kodo.core.events import (
    FileChange,
    FilesChanged,
    Passing,
    Stored,
    ToolProgress,
    ToolStarted,
)
from kodo.core.messages import Assistant, Outcome, Text, ToolCall, ToolResult, UserPart
from kodo.core.model import Prompt
from kodo.core.tool import Tool, ToolContext

logger = logging.getLogger(__name__)
_CLOSED = "Read-only file system"


def batches(calls: Sequence[ToolCall], tools: Mapping[str, Tool]) -> Iterator[list[ToolCall]]:
    """Group neighbouring calls that only read; every other call stands alone."""
    group: list[ToolCall] = []
    for call in calls:
        tool = tools.get(call.name)
        if tool is not None and tool.effect == "read":
            group.append(call)
            continue
        if group:
            yield group
            group = []
        yield [call]
    if group:
        yield group


async def run_batch(agent: Agent, journal: Journal, batch: Sequence[ToolCall]) -> list[ToolResult]:
    """Run a batch together and return its results in source order."""
    if len(batch) == 1:
        return [await run_call(agent, journal, batch[0])]
    results: list[ToolResult | None] = [None] * len(batch)

    async def run_one(index: int, call: ToolCall) -> None:
        results[index] = await run_call(agent, journal, call)

    async with anyio.create_task_group() as tasks:
        for index, call in enumerate(batch):
            tasks.start_soon(run_one, index, call)
    return [result for result in results if result is not None]


async def run_call(agent: Agent, journal: Journal, call: ToolCall) -> ToolResult:
    """Carry out one call, hooks before and after. Raises LimitReached, SandboxError, StoreError."""
    if not agent.hooks.all:
        return await _run_call(agent, journal, call)
    said = await run_hooks(agent, journal, "before_tool", call=call)
    if said.denied:
        agent.denials.append(f"{call.name}: {said.denied}")
        return with_texts(_result(call, f"denied by {said.denied}", "denied"), said.texts)
    if said.arguments is not None:
        call = replace(call, arguments=said.arguments.decode())
    result = with_texts(await _run_call(agent, journal, call), said.texts)
    after = await run_hooks(agent, journal, "after_tool", call=call, result=result)
    if after.denied:
        result = with_texts(replace(result, outcome="error"), [f"[not accepted by {after.denied}]"])
    return with_texts(result, after.texts)


async def _run_call(agent: Agent, journal: Journal, call: ToolCall) -> ToolResult:
    tool = agent.tools.get(call.name)
    if tool is None:
        known = ", ".join(sorted(agent.tools))
        return _result(call, f"there is no tool {call.name!r}; the tools are: {known}", "error")
    try:
        arguments = msgspec.json.encode(msgspec.json.decode(call.arguments or "{}"))
    except msgspec.DecodeError as error:
        return _result(call, f"the arguments of {call.name!r} are not JSON: {error}", "error")
    granted = await grant(agent, journal, call, tool, arguments)
    if isinstance(granted, str):
        return _result(call, f"denied: {granted}", "denied")
    agent.budget.reserve_tool_call()
    await journal.record(ToolStarted(call.id, call.name, call.arguments))
    redactor = agent.redactor()

    async def ask(question: str) -> bool:
        return await agent.ask(Question(question, f"asked by {call.name}")) != "no"

    async def ask_model(prompt: Prompt) -> Assistant:
        return await consult(agent.model, prompt, agent.budget, journal, call.name)

    async def emit(happening: Stored | Passing) -> None:
        if isinstance(happening, ToolProgress):
            happening = replace(happening, text=redactor.text(happening.text))
        await journal.emit(happening)

    context = ToolContext(
        workspace=agent.workspace,
        sandbox=granted.sandbox,
        blobs=RedactedBlobs(agent.blobs, redactor) if tool.effect != "read" else agent.blobs,
        budget=agent.budget,
        call_id=call.id,
        emit=emit,
        ask=ask,
        checks=agent.checks,
        allow_net=granted.allow_net,
        thread=journal.thread.header.id,
        recall=agent.recall,
        model=agent.model.info,
        consult=ask_model,
    )
    step = recorded_step(agent, journal, call.id) if changes_files(tool) else nullcontext("")
    try:
        async with step as before:
            with anyio.fail_after(tool.timeout_s):
                output = await tool.run(arguments, context)
            if is_judged(agent, tool):
                output = await judge_after(agent, journal, before, output)
            if output.changes:
                await journal.record(FilesChanged(call.id, await _keep(agent, output.changes)))
    except (LimitReached, SandboxError, StoreError):
        raise
    except ToolError as error:
        return _result(call, redactor.text(str(error)), "error")
    except TimeoutError:
        text = f"{call.name!r} was given up after its time limit of {tool.timeout_s:g} s"
        return _result(call, text, "error")
    except KodoError as error:
        return _result(call, redactor.text(f"{call.name!r} failed: {error}"), "error")
    except Exception as error:  # the tool border
        logger.exception("tool %r failed", call.name)
        text = f"{call.name!r} failed: {type(error).__name__}: {error}"
        return _result(call, redactor.text(text), "error")
    parts = tuple(_repaired(part, redactor) for part in output.parts)
    if granted.git_hint and any(isinstance(part, Text) and _CLOSED in part.text for part in parts):
        parts = (*parts, Text(f"\n{granted.git_hint}"))
    if source := brought_in(agent, tool, granted):
        agent.taint.add(source)
        parts = tagged(parts, source)
    if output.kept is not None:
        parts = (*parts, Text(f"\n[the whole output is kept as {output.kept[:16]}]"))
    outcome: Outcome = "error" if output.failed else "ok"
    return ToolResult(call.id, call.name, parts, outcome, redactor.text(output.details))


async def _keep(agent: Agent, changes: Sequence[Change]) -> tuple[FileChange, ...]:
    kept: list[FileChange] = []
    for change in changes:
        before = await agent.blobs.put(change.before) if change.before is not None else None
        after = await agent.blobs.put(change.after) if change.after is not None else None
        kept.append(FileChange(change.path, before, after, unified_diff(change)))
    return tuple(kept)


def _repaired(part: UserPart, redactor: Redactor) -> UserPart:
    """Return the part as it may be stored: valid Unicode, and without secrets."""
    if not isinstance(part, Text):
        return part
    return Text(redactor.text(repair_surrogates(part.text)))


def _result(call: ToolCall, text: str, outcome: Outcome) -> ToolResult:
    return ToolResult(call.id, call.name, (Text(repair_surrogates(text)),), outcome)
