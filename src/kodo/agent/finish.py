"""The finish gate: an agent that changed files ends with evidence, or says that it has none.

Evidence is a check command and its exit code, run after the last change: by the model itself, or
by the gate. Guards that "done" is never taken on faith. Two refusals, then the truth is told.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence

import msgspec

from kodo.agent.agent import Agent
from kodo.agent.check_commands import Check, read_checks, tells_of_check
from kodo.agent.journal import Journal
from kodo.agent.steps import recorded_step
from kodo.base.hashing import sha256_hex
from kodo.base.text import cut_middle, repair_utf8
from kodo.core.check import Evidence
from kodo.core.events import (
    CheckRun,
    Event,
    FilesChanged,
    MessageAdded,
    RunOutcome,
    SnapshotTaken,
)
from kodo.core.messages import Assistant, ToolResult, Value

REFUSALS = 2
CHECK_TIMEOUT_S = 600
TAIL_BYTES = 2000
NOT_STARTED = (126, 127)  # exit codes of a shell that cannot run, or does not find, a command

FindChecks = Callable[[], Awaitable[Sequence[str]]]


class Acceptance(Value, frozen=True):
    """`outcome` None means: not yet; `complaint` then goes to the model."""

    outcome: RunOutcome | None
    evidence: tuple[Evidence, ...] = ()
    complaint: str = ""
    reason: str = ""


class ShellDetails(msgspec.Struct):
    """The part of the shell tool's details that the gate reads."""

    command: str = ""
    exit_code: int | None = None
    duration_s: float = 0.0
    timed_out: bool = False


class FinishGate:
    """Judges whether a run may end. `find_checks` names the project's check commands."""

    __slots__ = ("_find_checks", "_refusals")

    def __init__(self, find_checks: FindChecks) -> None:
        self._find_checks = find_checks
        self._refusals = 0

    async def accepts(self, agent: Agent, journal: Journal) -> Acceptance:
        """Judge the run so far, running the project's checks where the model ran none."""
        events = [
            entry.event for entry in journal.thread.path() if entry.event.run_id == journal.run_id
        ]
        changed = last_change(events)
        command = last_command(events)
        if command is not None and await _changed_by_command(agent, events):
            changed = max(command, changed or 0)
        if changed is None:
            ran = ran_checks(events, 0)
            if ran and all(item.exit_code == 0 for item in ran):
                return Acceptance("verified", ran)
            return Acceptance("unverified", ran, reason="no file was changed")
        evidence = ran_checks(events, changed)
        if not evidence:
            evidence = await self._run_checks(agent, journal)
        if not evidence:
            return Acceptance("unverified", reason="no check command was found or run")
        failing = [item for item in evidence if item.exit_code != 0 or item.timed_out]
        if not failing:
            return Acceptance("verified", evidence)
        self._refusals += 1
        if self._refusals > REFUSALS:
            return Acceptance("failed", evidence, reason=f"{failing[0].command!r} still fails")
        return Acceptance(None, evidence, complaint=_complaint(failing))

    async def _run_checks(self, agent: Agent, journal: Journal) -> tuple[Evidence, ...]:
        found: list[Evidence] = []
        for command in await self._find_checks():
            left_s = agent.budget.seconds_left()
            # A check that hangs is cut a little before the run is, so that it is named.
            timeout_s = CHECK_TIMEOUT_S if left_s is None else min(CHECK_TIMEOUT_S, 0.9 * left_s)
            agent.budget.reserve_tool_call()  # raises where no time is left
            async with recorded_step(agent, journal):
                result = await agent.sandbox.exec(command, timeout_s=timeout_s)
            item = Evidence(
                command=command,
                exit_code=result.exit_code,
                duration_s=round(result.duration_s, 3),
                tail=cut_middle(repair_utf8(result.output), TAIL_BYTES).text,
                timed_out=result.timed_out,
            )
            found.append(item)
            decision = "note" if item.exit_code or item.timed_out else "pass"
            await journal.record(CheckRun("finish", decision, (item,)))
            if result.timed_out and timeout_s < CHECK_TIMEOUT_S:
                raise agent.budget.out_of_time()
        return tuple(found)


def last_change(events: Sequence[Event]) -> int | None:
    """Return the `seq` of the last event that changed files, or None."""
    seqs = [event.seq for event in events if isinstance(event.body, FilesChanged)]
    return seqs[-1] if seqs else None


def last_command(events: Sequence[Event]) -> int | None:
    """Return the `seq` of the last result of a shell command that was no check, or None."""
    seqs = [
        seq
        for seq, _, details in _shell_results(events)
        if details.exit_code is None or not tells_of_check(details.command)
    ]
    return seqs[-1] if seqs else None


async def _changed_by_command(agent: Agent, events: Sequence[Event]) -> bool:
    """Tell whether the files differ from the start of the run in more than the edits tell."""
    told: dict[str, str | None] = {}
    before = ""
    for event in events:
        if isinstance(event.body, FilesChanged):
            told.update({change.path: change.after for change in event.body.changes})
        elif isinstance(event.body, SnapshotTaken) and event.body.label == "before":
            before = event.body.snapshot
    if not before or (after := await agent.snapshots.take()) == before:
        return False
    return any(
        change.path not in told
        or told[change.path] != (None if change.after is None else sha256_hex(change.after))
        for change in await agent.snapshots.changes(before, after)
    )


def _shell_results(events: Sequence[Event]) -> Iterator[tuple[int, ToolResult, ShellDetails]]:
    """Yield (seq, result, details) of every shell call."""
    calls: set[str] = set()
    for event in events:
        if not isinstance(event.body, MessageAdded):
            continue
        message = event.body.message
        if isinstance(message, Assistant):
            calls.update(call.id for call in message.calls if call.name == "shell")
        elif isinstance(message, ToolResult) and message.call_id in calls and message.details:
            yield event.seq, message, msgspec.json.decode(message.details, type=ShellDetails)


def ran_checks(events: Sequence[Event], after: int) -> tuple[Evidence, ...]:
    """Return the check commands that the model ran after `after`, the last run of each.

    A command that could not be started says nothing, and a failing one counts no longer once the
    same checks have passed in a later one that runs as much.
    """
    commands: dict[str, Evidence] = {}
    read: dict[str, tuple[Check, ...]] = {}
    for seq, message, details in _shell_results(events):
        if seq <= after or details.exit_code is None or details.exit_code in NOT_STARTED:
            continue
        checks = read_checks(details.command)
        if not checks:
            continue
        if details.exit_code == 0 and not details.timed_out:
            for command, earlier in read.items():
                if commands[command].exit_code and all(
                    any(check.covers(old) for check in checks) for old in earlier
                ):
                    del commands[command]
            read = {command: read[command] for command in commands}
        commands.pop(details.command, None)
        read[details.command] = checks
        commands[details.command] = Evidence(
            command=details.command,
            exit_code=details.exit_code,
            duration_s=details.duration_s,
            tail=cut_middle(message.text, TAIL_BYTES).text,
            timed_out=details.timed_out,
        )
    return tuple(commands.values())


def _end(item: Evidence) -> str:
    if item.timed_out:
        return f"[killed at its time limit after {item.duration_s:g} s]"
    return f"[exit code {item.exit_code}]"


def _complaint(failing: Sequence[Evidence]) -> str:
    shown = "\n\n".join(
        "\n".join(filter(None, (f"$ {item.command}", item.tail, _end(item))))
        for item in failing[:3]
    )
    return (
        "[kodo] You ended, but a check still fails:\n\n"
        f"{shown}\n\n"
        "Fix the cause and run it again. If it failed before your change and is not part of the "
        "task, say so and end."
    )
