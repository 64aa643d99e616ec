"""Write the result into the user's tree, once, through the tools, and prove it there.

Knows tools and evidence, not how the result was found. Guards that the thread stays a valid
conversation: every call has its result.
"""

import difflib
import shlex
from typing import Self

import anyio
import msgspec

from kodo.agent.agent import Ending
from kodo.agent.dispatch import run_call
from kodo.agent.projects.testcommand import TestCommand
from kodo.agent.projects.testruns import parse_test_run
from kodo.agent.steps import recorded_step
from kodo.agent.strategies.search.case.case import Case
from kodo.agent.strategies.search.ending.meanwhile import changed_meanwhile, settle
from kodo.agent.strategies.search.faults.examples import is_example
from kodo.agent.strategies.search.faults.reproduce import is_written
from kodo.agent.strategies.search.trials.proposal import Trial
from kodo.agent.strategies.search.writing.smoke import Smoke
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
    """Bring `files` into the workspace; returns for each that was refused what the tool said."""
    refused: list[str] = []
    for path, new in files.items():
        result = await _edit(case, path, case.now(path), new, text)
        text = ""
        if result.outcome != "ok":
            said = "".join(part.text for part in result.parts if isinstance(part, Text))
            refused.append(f"{path}: {cut_middle(said, TAIL_BYTES).text}")
    return refused


async def _edit(case: Case, path: str, before: str | None, new: str, text: str) -> ToolResult:
    if before is not None and "apply_patch" in case.agent.tools and before.endswith("\n"):
        patch = patch_for(path, before, new)
        if patch is not None:
            result = await call_tool(case, text, "apply_patch", {"patch": patch})
            if result.outcome == "ok" and case.now(path) == new:
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
    async with recorded_step(case.agent, case.journal):
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
    proposal = await settle(case, found.proposal, command)
    if proposal is None:
        return await close(case, changed_meanwhile(case, found.proposal))
    text = f"The change passes the tests in a scratch copy ({proposal.origin} {proposal.note})."
    if not found.green:
        text = f"The best draft passes {_tests(found.passed)}, {found.failed} still fail."
    async with Placed(case, proposal.files) as placed:
        refused = await write_files(case, proposal.files, text)
        if refused:
            ending = Ending("failed", f"Not written: {'; '.join(refused)}")
            return await close(case, ending)
        evidence = await prove(case, command, min(60.0, case.allowance.left_s() + 10))
        placed.stays = evidence.exit_code == 0 or not found.green
    count = f", {_tests(evidence.passed)} passed" if evidence.passed is not None else ""
    said = f"`{shown(command)}` ends with exit code {evidence.exit_code}{count}"
    files = ", ".join(proposal.files)
    if evidence.exit_code == 0:
        summary = f"Changed {files}. {said}. {tried_text(case)}"
        if own := [path for path in proposal.files if case.understanding.proves(path)]:
            reason = f"the change edits {', '.join(own)}, which the proof rests on"
            return await close(case, Ending("unverified", summary, (evidence,), reason))
        return await close(case, Ending("verified", summary, (evidence,)))
    if not found.green:
        summary = f"Changed {files} as far as it went: {said}, {evidence.failed} still fail."
        return await close(case, Ending("failed", summary, (evidence,), "some tests still fail"))
    summary = f"The change passed in the scratch copy, but here {said}; {placed.outcome}."
    return await close(case, Ending("failed", summary, (evidence,), "the proof did not hold"))


async def deliver_unproven(
    case: Case, command: TestCommand | None, found: Trial, *, smoke: Smoke | None = None
) -> Ending:
    """Write what no test can prove, and say so; `found` tells which stated examples were tried.

    `command`, where there is one, passed before the change: it is taken back where that ends.
    """
    proposal = await settle(case, found.proposal, command)
    if proposal is None:
        return await close(case, changed_meanwhile(case, found.proposal))
    said = [f"Wrote {', '.join(proposal.files)}."]
    evidence: tuple[Evidence, ...] = ()
    async with Placed(case, proposal.files) as placed:
        refused = await write_files(case, proposal.files, "")
        if refused:
            ending = Ending("failed", f"Not written: {'; '.join(refused)}")
            return await close(case, ending)
        if command is not None:
            proof = await prove(case, command, min(60.0, case.allowance.left_s() + 10))
            evidence = (proof,)
            said.append(f"`{shown(command)}` ends with exit code {proof.exit_code}.")
        placed.stays = not evidence or evidence[0].exit_code == 0
    if not placed.stays:
        said[0] = f"A change of {', '.join(proposal.files)} was tried."
        said.append(f"The tests passed before it; {placed.outcome}.")
        ending = Ending("failed", " ".join(said), evidence, "the change breaks the tests")
        return await close(case, ending)
    if smoke is not None:
        ended = f"still fails: {smoke.problem[-200:]}" if smoke.problem else smoke.ended
        said.append(f"`{smoke.command}` {ended}.")
    if tried := examples_text(found):
        said.append(tried)
    said.append("No test covers it, so it is not verified.")
    ending = Ending("unverified", " ".join(said), evidence, "no test covers the change")
    return await close(case, ending)


def examples_text(trial: Trial) -> str:
    """Return how the examples that the task and the docs state went, or "" where none ran."""
    passed = sum(1 for name in trial.passed_names if is_example(name))
    failing = sum(1 for test in trial.failing if is_example(test.name))
    said = f"{passed} of {passed + failing} stated examples pass." if passed + failing else ""
    written = sum(1 for name in trial.passed_names if is_written(name))
    if written:
        said = f"{said} It passes {_tests(written)} that kodo wrote to show the problem.".strip()
    return said


def failed(case: Case, first: Trial) -> Ending:
    """Return the ending for a search that found nothing, with what was tried."""
    best = case.best
    partial = f" The best of them passes {_tests(best.passed)}." if best is not None else ""
    return Ending(
        "failed",
        f"No change was found that passes; the files are as they were. {tried_text(case)}{partial}"
        f"{blocked_text(case)}{guarded_text(case)}",
        reason=f"still failing: {count_text(first)}",
    )


def blocked_text(case: Case) -> str:
    """Return what the checks of edits kept out, or "" where they blocked nothing."""
    if not case.blocked:
        return ""
    return f" {len(case.blocked)} passed the tests, but a check blocks them: {case.blocked[0]}."


def guarded_text(case: Case) -> str:
    """Return why files that the task names were left alone, or "" where none were."""
    guarded = case.understanding.guarded
    if not guarded:
        return ""
    return (
        f" {', '.join(guarded)} was left alone: tests and their settings are edited only where the "
        f'task says so, as in "add a case to {guarded[0]}".'
    )


def tried_text(case: Case) -> str:
    """Return what the search tried, in words."""
    parts = ", ".join(f"{count} by {origin}" for origin, count in sorted(case.counts.items()))
    noun = "candidate" if case.tried == 1 else "candidates"
    return f"Tried {case.tried} {noun} ({parts})." if parts else "Nothing could be tried."


def _tests(count: int) -> str:
    return "1 test" if count == 1 else f"{count} tests"


def count_text(trial: Trial) -> str:
    """Return a trial's counts for people."""
    if trial.broken and not trial.passed:
        return "it breaks before any test runs"
    total = trial.passed + trial.failed
    cut = ", cut by the time limit" if trial.timed_out else ""
    return f"{trial.failed} of {total} fail{cut}" if trial.failed or cut else f"{trial.passed} pass"


class Placed:
    """Files in the workspace that go back to what they were unless `stays` is set in time.

    That holds for a cancelled run too: what is not proven does not stay.
    """

    __slots__ = ("_before", "_case", "_files", "kept", "stays")

    def __init__(self, case: Case, files: dict[str, str]) -> None:
        self._case = case
        self._files = files
        self._before: dict[str, bytes | None] = {}
        self.stays = False
        self.kept: list[str] = []

    @property
    def outcome(self) -> str:
        """What became of the change, in words, once it did not stay."""
        edited = ", ".join(self.kept)
        return f"{edited} was edited meanwhile and left as it is" if edited else "it was taken back"

    async def __aenter__(self) -> Self:
        """Remember what stands there."""
        for path in self._files:
            at = self._case.agent.workspace / path
            self._before[path] = at.read_bytes() if at.is_file() else None
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Put back what stood there, whatever is cancelled meanwhile."""
        if not self.stays:
            with anyio.CancelScope(shield=True):
                async with recorded_step(self._case.agent, self._case.journal):
                    await self._take_back()

    async def _take_back(self) -> None:
        for path, data in self._before.items():
            now = self._case.now(path)
            if now is None or now == (None if data is None else repair_utf8(data)):
                continue
            if now != self._files[path]:
                self.kept.append(path)  # somebody else wrote it since
                continue
            await self._case.agent.sandbox.write(self._case.agent.workspace / path, data)


async def close(case: Case, ending: Ending) -> Ending:
    """Say the last words in the thread and return the ending."""
    if ending.summary:
        await case.journal.add(Assistant((Text(ending.summary),), case.speaker.model_id))
    return ending
