"""`kodo scan --fix`: the agent repairs one finding at a time, and each repair has to prove itself.

A repair stands when the finding is gone, nothing new came with it, it silenced nothing, and the
project's checks pass. Guards that what does not stand is taken back.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import anyio
import msgspec

from kodo.base.clock import utc_now
from kodo.base.errors import ToolError
from kodo.base.hashing import new_id
from kodo.cli.render import keep_ticking, make_screen
from kodo.core.check import Change
from kodo.core.events import RunEnded
from kodo.core.messages import user
from kodo.runtime.build import Opening, open_session
from kodo.runtime.config import Settings
from kodo.runtime.session import Session
from kodo.runtime.undoing import RunFiles, run_files, undo
from kodo.scan.file_scan import FileScan, Scanned
from kodo.scan.findings import FileReport
from kodo.scan.newness import Pair, find_new
from kodo.scan.report.summary import Found
from kodo.scan.walk.files import kind_of
from kodo.tui.ansi import one_line

Repair = Literal["fixed", "not fixed", "taken back"]

TASK = """\
Fix one security weakness in this project, and nothing else.

{path}:{line}: {message} (CWE-{cwe}, rule {rule})
{way}{hint}
Change as little as the fix needs. Keep what the code does for honest input. Do not silence the
finding with a comment, and do not take the feature away. If the project has tests, run them.
"""


class Outcome(msgspec.Struct, frozen=True):
    """What became of one finding."""

    id: str
    path: str
    line: int
    rule: str
    repair: Repair
    reason: str


def repair_all(settings: Settings, scan: FileScan, findings: Sequence[Found]) -> list[Outcome]:
    """Let the agent repair the findings one after the other; `settings.cwd` is the scanned root.

    Raises ConfigError, ModelError and the like where no run can be started.
    """
    outcomes: list[Outcome] = []
    for number, found in enumerate(findings, 1):
        place = one_line(f"{found.path}:{found.line} {found.rule}", 120)
        sys.stderr.write(f"kodo: fixing {number} of {len(findings)}: {place}\n")
        if found.id not in _open_ids(scan, settings.cwd, found.path):
            outcomes.append(_outcome(found, "fixed", "gone with an earlier repair"))
            continue
        outcome = anyio.run(_repair, settings, scan, found)
        sys.stderr.write(f"kodo: {outcome.repair}: {one_line(outcome.reason, 200)}\n")
        outcomes.append(outcome)
    return outcomes


async def _repair(settings: Settings, scan: FileScan, found: Found) -> Outcome:
    async with open_session(settings, Opening()) as session:
        face = make_screen(settings.environment, sys.stderr)
        session.subscribe(face.take)
        ended: RunEnded | None = None
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(keep_ticking, face)
                ended = await session.run(user(task_of(found)))
                tasks.cancel_scope.cancel()
        finally:
            face.close()
        assert ended is not None, "a run that raised has left already"
        agent, _ = session.make_run()
        run = run_files(session.thread.path())[-1]
        changes = await agent.snapshots.changes(run.before, run.after)
        if not changes:
            why = ended.reason or ended.summary or "the run changed nothing"
            return _outcome(found, "not fixed", why)
        problem = _judge(scan, found, ended, changes)
        if problem:
            return _outcome(found, "taken back", f"{problem}; {await _take_back(session, run)}")
        proof = "; ".join(item.command for item in ended.evidence) or "the scan alone"
        return _outcome(found, "fixed", f"proved by {proof}")


def _judge(scan: FileScan, found: Found, ended: RunEnded, changes: Sequence[Change]) -> str:
    """Return why a repair does not stand; "" where it does."""
    if ended.outcome not in ("verified", "unverified"):
        return f"the run ended {ended.outcome}: {ended.reason or ended.summary}"
    pairs: list[Pair] = []
    touched = False
    for change in changes:
        if kind_of(change.path) is None:
            continue
        before, after = (
            _look(scan, change.path, change.before),
            _look(scan, change.path, change.after),
        )
        old = {item.weakness.fingerprint for item in before.silenced}
        if any(item.weakness.fingerprint not in old for item in after.silenced):
            return "it was silenced, not fixed"
        if change.path == found.path:
            touched = True
            if found.id in {one.fingerprint for one in after.report.weaknesses}:
                return "the finding is still there"
        pairs.append(Pair(before.report, after.report, 1, after.report.lines + 1))
    if not touched and found.kind != "dependency":
        return f"{found.path} was not changed"
    fresh = find_new(pairs)
    if fresh.new or fresh.reworded:
        worst = (*fresh.new, *fresh.reworded)[0]
        return f"the repair has {worst.rule} itself, on line {worst.line} of {worst.path}"
    return ""


async def _take_back(session: Session, run: RunFiles) -> str:
    agent, _ = session.make_run()
    try:
        changes = await undo(
            run, session.thread, session.log, agent.snapshots, utc_now, new_id, force=False
        )
    except ToolError as error:
        return f"and it could not be taken back: {error}"
    return f"{len(changes)} file(s) as before"


def task_of(found: Found) -> str:
    """Return what the agent is told: the finding, its way, and the hint."""
    way = "".join(f"  {step.path}:{step.line}: {step.note}\n" for step in found.trace)
    hint = f"Hint: {found.fix}\n" if found.fix else ""
    return TASK.format(
        path=found.path,
        line=found.line,
        message=found.message,
        cwe=found.cwe,
        rule=found.rule,
        way=way,
        hint=hint,
    )


def _look(scan: FileScan, path: str, data: bytes | None) -> Scanned:
    if data is None:
        return Scanned(FileReport(path))
    scan.files.forget()
    return scan.scan(path, data, trust_marks=False)


def _open_ids(scan: FileScan, root: Path, path: str) -> set[str]:
    try:
        data = (root / path).read_bytes()
    except OSError:
        return set()
    return {one.fingerprint for one in _look(scan, path, data).report.weaknesses}


def _outcome(found: Found, repair: Repair, reason: str) -> Outcome:
    return Outcome(found.id, found.path, found.line, found.rule, repair, reason)
