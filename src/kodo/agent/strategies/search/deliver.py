"""Write the result into the user's tree, once, through the tools, and prove it there.

Knows tools and evidence, not how the result was found. Guards that the thread stays a valid
conversation: every call has its result.
"""

import difflib
import shlex

import msgspec

from kodo.agent.agent import Ending
from kodo.agent.dispatch import run_call
from kodo.agent.projects.testcommand import TestCommand
from kodo.agent.projects.testruns import parse_test_run
from kodo.agent.strategies.search.case import Case
from kodo.agent.strategies.search.proposal import Proposal, Trial
from kodo.agent.strategies.search.smoke import Smoke
from kodo.base.hashing import new_id
from kodo.base.text import cut_middle, repair_utf8
from kodo.core.check import Evidence
from kodo.core.events import CheckRun
from kodo.core.messages import Assistant, Text, ToolCall, ToolResult

TAIL_BYTES = 2000


def shown(command: TestCommand) -> str:
    """Return a command as people should see it: words that are whole programs are left out."""
    if isinstance(command.command, str):
        return command.command
    return shlex.join([word if len(word) < 120 else "..." for word in command.command])


async def call_tool(case: Case, text: str, name: str, arguments: dict[str, object]) -> ToolResult:
    """Say `text`, call a tool and record its result, as a model that drives a loop would."""
    call = ToolCall(f"call_{new_id()}", name, msgspec.json.encode(arguments).decode())
    said = (Text(text), call) if text else (call,)
    await case.journal.add(Assistant(said, case.speaker.model_id, "tool_calls"))
    result = await run_call(case.agent, case.journal, call)
    await case.journal.add(result)
    return result


async def write_files(case: Case, files: dict[str, str], text: str) -> list[str]:
    """Bring `files` into the workspace; returns the paths that were refused."""
    refused: list[str] = []
    for path, new in files.items():
        old_path = case.agent.workspace / path
        before = repair_utf8(old_path.read_bytes()) if old_path.is_file() else None
        result = await _edit(case, path, before, new, text)
        text = ""
        if result.outcome != "ok":
            refused.append(path)
    return refused


async def _edit(case: Case, path: str, before: str | None, new: str, text: str) -> ToolResult:
    if before is not None and "apply_patch" in case.agent.tools and before.endswith("\n"):
        patch = patch_for(path, before, new)
        if patch is not None:
            result = await call_tool(case, text, "apply_patch", {"patch": patch})
            at = case.agent.workspace / path
            if result.outcome == "ok" and repair_utf8(at.read_bytes()) == new:
                return result
            text = ""
    return await call_tool(case, text, "write", {"path": path, "content": new})


def patch_for(path: str, before: str, new: str) -> str | None:
    """Return the change as an apply_patch text, or None where it is not a small edit of lines."""
    if "\r" in before or not new.endswith("\n"):
        return None
    old_lines, new_lines = before.splitlines(), new.splitlines()
    matcher = difflib.SequenceMatcher(None, old_lines, new_lines, autojunk=False)
    pieces = ["*** Begin Patch", f"*** Update File: {path}"]
    for group in matcher.get_grouped_opcodes(3):
        pieces.append("@@")
        for tag, i1, i2, j1, j2 in group:
            if tag == "equal":
                pieces.extend(" " + line for line in old_lines[i1:i2])
                continue
            pieces.extend("-" + line for line in old_lines[i1:i2])
            pieces.extend("+" + line for line in new_lines[j1:j2])
    if len(pieces) == 2:
        return None
    return "\n".join([*pieces, "*** End Patch"]) + "\n"


async def prove(case: Case, command: TestCommand, timeout_s: float) -> Evidence:
    """Run the project's own test command in the workspace and record what it came to."""
    result = await case.agent.sandbox.exec(
        command.command, env=command.env, timeout_s=max(5.0, timeout_s)
    )
    output = repair_utf8(result.output)
    run = parse_test_run(
        output,
        exit_code=result.exit_code,
        root=case.agent.workspace,
        timed_out=result.timed_out,
    )
    known = bool(run.runner)
    evidence = Evidence(
        command=shown(command),
        exit_code=result.exit_code,
        duration_s=round(result.duration_s, 3),
        tail=cut_middle(output, TAIL_BYTES).text,
        passed=run.passed if known else None,
        failed=run.failed + run.errors if known else None,
        timed_out=result.timed_out,
    )
    decision = "pass" if run.green else "note"
    await case.journal.record(CheckRun("tests", decision, (evidence,)))
    return evidence


async def deliver_proven(case: Case, command: TestCommand, found: Trial) -> Ending:
    """Write what was found, prove it, and take it back where the proof does not hold."""
    proposal = found.proposal
    before = _present(case, proposal.files)
    text = f"The change passes the tests in a scratch copy ({proposal.origin} {proposal.note})."
    if not found.green:
        text = f"The best draft passes {found.passed} tests, {found.failed} still fail."
    refused = await write_files(case, proposal.files, text)
    if refused:
        await _take_back(case, before)
        return await close(case, Ending("failed", f"{', '.join(refused)} could not be written."))
    evidence = await prove(case, command, min(60.0, case.allowance.left_s() + 10))
    count = f", {evidence.passed} tests pass" if evidence.passed is not None else ""
    said = f"`{shown(command)}` ends with exit code {evidence.exit_code}{count}"
    files = ", ".join(proposal.files)
    if evidence.exit_code == 0:
        summary = f"Changed {files}. {said}. {tried_text(case)}"
        return await close(case, Ending("verified", summary, (evidence,)))
    if not found.green:
        summary = f"Changed {files} as far as it went: {said}, {evidence.failed} still fail."
        return await close(case, Ending("failed", summary, (evidence,), "some tests still fail"))
    await _take_back(case, before)
    summary = f"The change passed in the scratch copy, but here {said}; it was taken back."
    return await close(case, Ending("failed", summary, (evidence,), "the proof did not hold"))


async def deliver_unproven(
    case: Case,
    command: TestCommand | None,
    proposal: Proposal,
    *,
    examples_passed: bool = False,
    smoke: Smoke | None = None,
) -> Ending:
    """Write what no test can prove, and say so."""
    before = _present(case, proposal.files)
    refused = await write_files(case, proposal.files, "")
    if refused:
        await _take_back(case, before)
        return await close(case, Ending("failed", f"{', '.join(refused)} could not be written."))
    said = [f"Wrote {', '.join(proposal.files)}."]
    evidence: tuple[Evidence, ...] = ()
    if command is not None:
        proof = await prove(case, command, min(60.0, case.allowance.left_s() + 10))
        evidence = (proof,)
        said.append(f"`{shown(command)}` ends with exit code {proof.exit_code}.")
    if smoke is not None:
        ran = (
            "runs without an error" if not smoke.problem else f"still fails: {smoke.problem[-200:]}"
        )
        said.append(f"`{smoke.command}` {ran}.")
    if examples_passed:
        said.append("The stated examples were tried.")
    said.append("No test covers it, so it is not verified.")
    ending = Ending("unverified", " ".join(said), evidence, "no test covers the change")
    return await close(case, ending)


def failed(case: Case, first: Trial) -> Ending:
    """Return the ending for a search that found nothing, with what was tried."""
    best = case.best
    partial = f" The best of them passes {best.passed} tests." if best is not None else ""
    return Ending(
        "failed",
        f"No change was found that passes; the files are as they were. {tried_text(case)}{partial}",
        reason=f"still failing: {count_text(first)}",
    )


def tried_text(case: Case) -> str:
    """Return what the search tried, in words."""
    parts = ", ".join(f"{count} by {origin}" for origin, count in sorted(case.counts.items()))
    return f"Tried {case.tried} candidates ({parts})." if parts else "Nothing could be tried."


def count_text(trial: Trial) -> str:
    """Return a trial's counts for people."""
    if trial.broken and not trial.passed:
        return "it breaks before any test runs"
    total = trial.passed + trial.failed
    cut = ", cut by the time limit" if trial.timed_out else ""
    return f"{trial.failed} of {total} fail{cut}" if trial.failed or cut else f"{trial.passed} pass"


def _present(case: Case, files: dict[str, str]) -> dict[str, bytes | None]:
    found: dict[str, bytes | None] = {}
    for path in files:
        at = case.agent.workspace / path
        found[path] = at.read_bytes() if at.is_file() else None
    return found


async def _take_back(case: Case, before: dict[str, bytes | None]) -> None:
    for path, data in before.items():
        if data is None:
            (case.agent.workspace / path).unlink(missing_ok=True)
        else:
            await case.agent.sandbox.write(case.agent.workspace / path, data)


async def close(case: Case, ending: Ending) -> Ending:
    """Say the last words in the thread and return the ending."""
    if ending.summary:
        await case.journal.add(Assistant((Text(ending.summary),), case.speaker.model_id))
    return ending
