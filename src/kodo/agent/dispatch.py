"""Calls become results: policy, budget, tool, time limit, one result for each call.

Neighbours that only read run together; everything else runs in source order. This is the tool
border: whatever a tool raises becomes a result the model can read, except what ends the run.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext

import anyio
import msgspec

from kodo.agent.agent import Agent
from kodo.agent.journal import Journal
from kodo.agent.policy import judge
from kodo.agent.shell_changes import is_judged, judge_after
from kodo.agent.steps import changes_files, recorded_step
from kodo.agent.turn import consult
from kodo.base.errors import KodoError, LimitReached, SandboxError, StoreError, ToolError
from kodo.base.text import repair_surrogates
from kodo.core.check import Change
from kodo.core.diff import unified_diff
from kodo.core.events import ApprovalAsked, ApprovalGiven, FileChange, FilesChanged, ToolStarted
from kodo.core.messages import Assistant, Outcome, Text, ToolCall, ToolResult, UserPart
from kodo.core.model import Prompt
from kodo.core.tool import Tool, ToolContext

logger = logging.getLogger(__name__)


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
    """Carry out one call. Raises LimitReached, SandboxError and StoreError only."""
    tool = agent.tools.get(call.name)
    if tool is None:
        known = ", ".join(sorted(agent.tools))
        return _result(call, f"there is no tool {call.name!r}; the tools are: {known}", "error")
    try:
        arguments = msgspec.json.encode(msgspec.json.decode(call.arguments or "{}"))
    except msgspec.DecodeError as error:
        return _result(call, f"the arguments of {call.name!r} are not JSON: {error}", "error")
    refusal = await _refusal(agent, journal, call, tool)
    if refusal is not None:
        return refusal
    agent.budget.reserve_tool_call()
    await journal.record(ToolStarted(call.id, call.name, call.arguments))

    async def ask(question: str) -> bool:
        return await agent.ask(question, f"asked by {call.name}")

    async def ask_model(prompt: Prompt) -> Assistant:
        return await consult(agent.model, prompt, agent.budget, journal, call.name)

    context = ToolContext(
        workspace=agent.workspace,
        sandbox=agent.sandbox,
        blobs=agent.blobs,
        budget=agent.budget,
        call_id=call.id,
        emit=journal.emit,
        ask=ask,
        checks=agent.checks,
        allow_net=agent.allow_net,
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
        return _result(call, str(error), "error")
    except TimeoutError:
        text = f"{call.name!r} was given up after its time limit of {tool.timeout_s:g} s"
        return _result(call, text, "error")
    except KodoError as error:
        return _result(call, f"{call.name!r} failed: {error}", "error")
    except Exception as error:  # the tool border
        logger.exception("tool %r failed", call.name)
        return _result(call, f"{call.name!r} failed: {type(error).__name__}: {error}", "error")
    parts = tuple(_repaired(part) for part in output.parts)
    if output.kept is not None:
        parts = (*parts, Text(f"\n[the whole output is kept as {output.kept[:16]}]"))
    outcome: Outcome = "error" if output.failed else "ok"
    return ToolResult(call.id, call.name, parts, outcome, output.details)


async def _refusal(agent: Agent, journal: Journal, call: ToolCall, tool: Tool) -> ToolResult | None:
    ruling = judge(
        tool,
        agent.sandbox,
        allow_net=agent.allow_net,
        mode=agent.mode,
        trusted=agent.rung_chosen,
    )
    if ruling.decision == "allow":
        return None
    if ruling.decision == "ask":
        question = f"run {call.name} {call.arguments}?"
        await journal.record(ApprovalAsked(call.id, question, ruling.reason))
        allowed = await agent.ask(question, ruling.reason)
        await journal.record(ApprovalGiven(call.id, allowed, "user" if allowed else "policy"))
        if allowed:
            return None
    agent.denials.append(f"{call.name}: {ruling.reason}")
    return _result(call, f"denied: {ruling.reason}", "denied")


async def _keep(agent: Agent, changes: Sequence[Change]) -> tuple[FileChange, ...]:
    kept: list[FileChange] = []
    for change in changes:
        before = await agent.blobs.put(change.before) if change.before is not None else None
        after = await agent.blobs.put(change.after) if change.after is not None else None
        kept.append(FileChange(change.path, before, after, unified_diff(change)))
    return tuple(kept)


def _repaired(part: UserPart) -> UserPart:
    """Return the part as it may be stored: names of files, say, need not be Unicode."""
    return Text(repair_surrogates(part.text)) if isinstance(part, Text) else part


def _result(call: ToolCall, text: str, outcome: Outcome) -> ToolResult:
    return ToolResult(call.id, call.name, (Text(repair_surrogates(text)),), outcome)
