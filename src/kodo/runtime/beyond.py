"""What undo cannot take back: what a run did outside of what its snapshots hold.

Knows entries and snapshots. Guards that nobody takes "undone" for more than it is.
"""

from collections.abc import Sequence
from textwrap import shorten
from typing import Protocol, runtime_checkable

import msgspec

from kodo.agent.permission.gitlines import read_git_line
from kodo.core.events import HostContacted
from kodo.core.thread import Entry
from kodo.runtime.undoing import RunFiles, StepFiles
from kodo.syntax.shell import shell_commands

_MOST_NAMED = 5


@runtime_checkable
class Beyond(Protocol):
    """The part of the snapshots that knows what they do not hold."""

    async def uncovered_changes(self, before: str, after: str | None = None) -> list[str]:
        """Return what changed between two snapshots but is held by neither."""
        ...


class _Shell(msgspec.Struct):
    command: str = ""
    background: bool = False


async def beyond_undo(
    run: RunFiles, steps: Sequence[StepFiles], entries: Sequence[Entry], snapshots: Beyond
) -> list[str]:
    """Return, in words, which effects of the steps stay when their files are taken back.

    Raises StoreError.
    """
    found: list[str] = []
    before = steps[0].before if steps else run.before
    after = steps[-1].after if steps else run.after
    if named := await snapshots.uncovered_changes(before, after):
        more = f" and {len(named) - _MOST_NAMED} more" if len(named) > _MOST_NAMED else ""
        found.append(f"changed, but not kept in snapshots: {', '.join(named[:_MOST_NAMED])}{more}")
    hosts = {
        entry.event.body.host
        for entry in entries
        if entry.event.run_id == run.run_id and isinstance(entry.event.body, HostContacted)
    }
    if hosts:
        found.append(f"contacted over the network: {', '.join(sorted(hosts))}")
    commands = [step for step in steps if step.tool in ("shell", "shell_input")]
    if commands and run.sandbox == "local":
        found.append("commands ran without a jail: what they did outside the folder stays")
    lines = [_shell(step).command for step in commands if "git" in step.arguments]
    if recorded := [line for line in lines if read_git_line(line).changes]:
        found.append(f"what git recorded stays: {shorten(recorded[-1], 60)!r}")
        if any("commit" in command.words[1:] for command in shell_commands(recorded[-1])):
            found[-1] += (
                "; to take the newest commit back and keep the files: git reset --soft HEAD~1"
            )
    if any(_shell(step).background for step in commands):
        found.append("a process was started in the background: what it wrote later stays")
    return found


def _shell(step: StepFiles) -> _Shell:
    try:
        return msgspec.json.decode(step.arguments or "{}", type=_Shell)
    except msgspec.DecodeError:
        return _Shell()
