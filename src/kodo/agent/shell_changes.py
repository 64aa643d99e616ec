"""What a command did to the files, judged by the edit checks like any other edit.

A command has run before it can be judged, so `block` means that the files are put back. Does not
know the checks. Guards that what an edit may not bring in does not come in by `sed` either.

Not covered: what a background process writes later, and what snapshots leave out.
"""

from msgspec.structs import replace

from kodo.agent.agent import Agent
from kodo.agent.journal import Journal
from kodo.agent.permission.question import Question
from kodo.core.check import Finding
from kodo.core.judging import judge_edits
from kodo.core.messages import Text
from kodo.core.store import Span
from kodo.core.tool import Tool, ToolOutput


def is_judged(agent: Agent, tool: Tool) -> bool:
    """Tell whether what the tool does to files is judged after it has run."""
    return tool.effect == "exec" and any(check.when == "edit" for check in agent.checks)


async def judge_after(
    agent: Agent, journal: Journal, before: str, output: ToolOutput
) -> ToolOutput:
    """Judge what has changed since `before`, and return the output with what the model must know.

    Files that a check blocks, or a person refuses, are put back. Raises ToolError, StoreError where
    that cannot be done.
    """
    after = await agent.snapshots.take()
    if after == before:
        return output
    found = await agent.snapshots.changes(before, after)
    changes = [replace(change, origin="shell") for change in found]
    decision, findings = await judge_edits(agent.checks, changes, journal.record)
    if decision == "pass":
        return output
    lines = [_line(finding) for finding in findings]
    if decision == "ask":
        question = Question("\n".join(["Keep these changes?", *lines]), "a check")
        decision = "note" if await agent.ask(question) != "no" else decision
    if decision in ("ask", "block"):
        names = {finding.path for finding in findings if finding.severity == "error"}
        only = {change.path for change in changes if change.path in names}
        back = await agent.snapshots.take_back((Span(before, after),), only=only) if only else []
        paths = ", ".join(change.path for change in back)
        lines = [
            f"[kodo] The command ran, but a check blocks what it wrote; put back: {paths}",
            *lines,
        ]
    else:
        lines = ["[kodo] A check looked at the files that this command changed:", *lines]
    text = Text("\n" + "\n".join(lines))
    blocked = decision in ("ask", "block")
    return replace(output, parts=(*output.parts, text), failed=output.failed or blocked)


def _line(finding: Finding) -> str:
    rule = f" [{finding.rule}]" if finding.rule else ""
    return f"{finding.path}:{finding.line}: {finding.severity}: {finding.message}{rule}"
