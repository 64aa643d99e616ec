"""What people did to the files while the search worked: both changes together, or neither lost.

Knows merges and one run of the tests in a fresh copy. Guards that a text which the search has not
read is never overwritten.
"""

from dataclasses import replace

import anyio

from kodo.agent.agent import Ending
from kodo.agent.projects.testcommand import TestCommand
from kodo.agent.strategies.search.case.case import Case
from kodo.agent.strategies.search.ending.merge import merge
from kodo.agent.strategies.search.trials.command import LONGEST_RUN_S, CommandGround
from kodo.agent.strategies.search.trials.proposal import Proposal
from kodo.base.text import cut_middle
from kodo.core.check import Change
from kodo.core.diff import unified_diff

MOST_DIFF_BYTES = 8000


async def settle(case: Case, proposal: Proposal, command: TestCommand | None) -> Proposal | None:
    """Return `proposal` on top of what stands in the workspace now, or None where that is not safe.

    Where a file is not what the search read, both changes must merge and pass `command` in a fresh
    copy. Raises SandboxError.
    """
    standing = {path: case.now(path) for path in proposal.files}
    files: dict[str, str] = {}
    for path, new in proposal.files.items():
        read, now = case.meet(path), standing[path]
        if now == read:
            files[path] = new
            continue
        merged = merge(read, new, now) if read is not None and now is not None else None
        if merged is None:
            return None
        files[path] = merged
    if files == proposal.files:
        return proposal
    if command is None:
        return None  # nothing could tell whether the two changes go together
    together = replace(proposal, files=files)
    await case.note("a file changed meanwhile: trying both changes together in a fresh copy")
    if not await _passes(case, together, command):
        return None
    return together if standing == {path: case.now(path) for path in files} else None


def changed_meanwhile(case: Case, proposal: Proposal) -> Ending:
    """Return the ending for a proposal that cannot be brought in, which it shows as a diff."""
    changes = [
        Change(path, read.encode() if (read := case.meet(path)) is not None else None, new.encode())
        for path, new in proposal.files.items()
    ]
    diff = cut_middle("\n".join(map(unified_diff, changes)), MOST_DIFF_BYTES).text
    names = ", ".join(path for path in proposal.files if case.now(path) != case.meet(path))
    said = f"{names} changed meanwhile" if names else "a file changed meanwhile"
    return Ending(
        "failed",
        f"{said}; nothing was overwritten. The proposal, for what stood there before:\n{diff}",
        reason="the file changed meanwhile",
    )


async def _passes(case: Case, proposal: Proposal, command: TestCommand) -> bool:
    scratch = await case.agent.open_scratch()
    try:
        seconds = min(LONGEST_RUN_S, case.allowance.left_s() + 10)
        baseline = await CommandGround(scratch, command).measure(proposal, seconds=seconds)
        return baseline.trial.green
    finally:
        with anyio.CancelScope(shield=True):
            await scratch.aclose()
