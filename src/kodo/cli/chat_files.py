"""`/diff`, `/undo` and `/redo` of a chat: the files of the last run, or of a step of it.

Does not know the terminal: it returns lines. Guards that a word it does not understand moves
nothing.
"""

from dataclasses import dataclass

from kodo.base.clock import utc_now
from kodo.base.errors import ConfigError
from kodo.base.hashing import new_id
from kodo.core.check import Change
from kodo.core.diff import unified_diff
from kodo.core.messages import ToolCall
from kodo.core.store import Snapshots
from kodo.runtime.beyond import Beyond, beyond_undo
from kodo.runtime.session import Session
from kodo.runtime.undoing import (
    RunFiles,
    find_step,
    last_to_redo,
    last_to_undo,
    redo,
    run_files,
    steps_to_undo,
    undo,
)
from kodo.tui.ansi import Paint, one_line
from kodo.tui.cards import call_title, diff_lines


@dataclass(frozen=True, slots=True)
class _Words:
    step: int
    force: bool
    steps: bool = False


class FileCommands:
    """What was done to the files in one open session."""

    def __init__(self, session: Session, snapshots: Snapshots, paint: Paint) -> None:
        self._session = session
        self._snapshots = snapshots
        self._paint = paint

    async def diff(self, words: str) -> list[str]:
        """Return what the last run, or a step of it, changed; `steps` lists the steps.

        Raises ConfigError, StoreError.
        """
        wanted = _read(words, "/diff [STEP | steps]")
        runs = run_files(self._session.thread.path())
        if not runs:
            return ["nothing was done in this session yet"]
        last = runs[-1]
        if wanted.steps:
            return [_step_line(last, number) for number in range(len(last.steps))] or ["no steps"]
        before, after = last.before, last.after
        if wanted.step:
            step = find_step(last, wanted.step)
            before, after = step.before, step.after
        lines: list[str] = []
        for change in await self._snapshots.changes(before, after):
            lines += diff_lines(unified_diff(change), self._paint)
        return lines or ["no file was changed"]

    async def undo(self, words: str) -> list[str]:
        """Take the last run back, or its steps from one on. Raises ConfigError, ToolError."""
        wanted = _read(words, "/undo [STEP] [--force]", steps=False)
        thread = self._session.thread
        target = last_to_undo(run_files(thread.path()))
        beyond: list[str] = []
        if isinstance(self._snapshots, Beyond):
            steps = steps_to_undo(target, wanted.step)
            beyond = await beyond_undo(target, steps, thread.path(), self._snapshots)
        changes = await undo(
            target,
            thread,
            self._session.log,
            self._snapshots,
            utc_now,
            new_id,
            force=wanted.force,
            first=wanted.step,
        )
        return [*_moved("undone", target, changes), *(f"  stays: {line}" for line in beyond)]

    async def redo(self, words: str) -> list[str]:
        """Put the last undo's files back. Raises ConfigError, ToolError."""
        wanted = _read(words, "/redo [--force]", steps=False)
        if wanted.step:
            raise ConfigError("/redo puts back what the last /undo took; it takes no step")
        thread, log = self._session.thread, self._session.log
        target = last_to_redo(run_files(thread.path()))
        changes = await redo(
            target, thread, log, self._snapshots, utc_now, new_id, force=wanted.force
        )
        return _moved("redone", target, changes)


def _read(words: str, usage: str, *, steps: bool = True) -> _Words:
    found = words.split()
    numbers = [word for word in found if word.isascii() and word.isdigit() and int(word) > 0]
    flags = [word for word in found if word == "--force" or (steps and word == "steps")]
    if len(numbers) > 1 or len(numbers) + len(flags) != len(found):
        raise ConfigError(f"{words!r} is not understood; it is: {usage}; steps count from 1")
    return _Words(int(numbers[0]) if numbers else 0, "--force" in flags, "steps" in flags)


def _step_line(run: RunFiles, index: int) -> str:
    step = run.steps[index]
    state = "nothing changed" if step.before == step.after else ""
    if not state and step not in run.standing:
        state = "undone"
    title = call_title(ToolCall("", step.tool or "check", step.arguments), 80)
    return f"  {step.number:>3}  {title}" + (f"  ({state})" if state else "")


def _moved(word: str, target: RunFiles, changes: list[Change]) -> list[str]:
    names = [f"  {one_line(change.path, 200)}" for change in changes]
    return [f"{word}: {one_line(target.task, 72)}", *names]
