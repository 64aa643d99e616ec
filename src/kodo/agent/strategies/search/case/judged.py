"""What the checks of edits say of a change that passes the tests, before it is taken.

Knows verdicts, not what the checks look for. Guards that a change which they block is no candidate;
what they only ask about is left to the tool that writes it, which asks.
"""

from pathlib import Path

from kodo.agent.agent import Agent
from kodo.agent.journal import Journal
from kodo.agent.strategies.search.trials.proposal import Proposal
from kodo.base.errors import ToolError
from kodo.core.check import Change, Finding
from kodo.core.events import CheckRun, FindingRaised


async def blocked(agent: Agent, journal: Journal, proposal: Proposal) -> str:
    """Return why a check of edits blocks a proposal, or "" where none does."""
    checks = [check for check in agent.checks if check.when == "edit"]
    if not checks:
        return ""
    changes = [
        Change(path, await _standing(agent, path), text.encode("utf-8", "surrogateescape"))
        for path, text in proposal.files.items()
    ]
    for check in checks:
        verdict = await check.run(changes)
        if verdict.decision != "block":
            continue
        await journal.record(CheckRun(check.name, verdict.decision, verdict.evidence))
        for finding in verdict.findings:
            await journal.record(FindingRaised(check.name, finding))
        worst = [finding for finding in verdict.findings if finding.severity == "error"]
        shown = "; ".join(_line(finding) for finding in (worst or verdict.findings)[:3])
        return shown or f"the check {check.name!r} blocks it"
    return ""


async def _standing(agent: Agent, path: str) -> bytes | None:
    try:
        return await agent.sandbox.read(agent.workspace / Path(path))
    except ToolError:
        return None  # a new file, or one that the write will refuse by name


def _line(finding: Finding) -> str:
    rule = f" [{finding.rule}]" if finding.rule else ""
    return f"{finding.path}:{finding.line}: {finding.message}{rule}"
