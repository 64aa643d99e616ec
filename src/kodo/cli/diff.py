"""`kodo diff`: what a run changed, between its first and its last snapshot."""

import argparse
import sys

import anyio
import msgspec

from kodo.base.errors import ConfigError
from kodo.cli.earlier import add_step_and_thread, open_earlier
from kodo.cli.options import add_common, add_json, load
from kodo.cli.output import print_json, print_table
from kodo.cli.render import wants_colour
from kodo.cli.undo import say_folder
from kodo.core.check import Change
from kodo.core.diff import unified_diff
from kodo.core.messages import ToolCall
from kodo.core.store import Snapshots
from kodo.runtime.config import Settings
from kodo.runtime.undoing import RunFiles, find_step, run_files, workspace_of
from kodo.tui.ansi import Paint, one_line
from kodo.tui.cards import call_title, count_lines, diff_lines

EXAMPLES = """\
examples:
  kodo diff
  kodo diff --steps
  kodo diff 3
  kodo diff --stat
  kodo diff 01jc8v --all
  kodo diff | git apply -R
"""


class FileDiff(msgspec.Struct, frozen=True):
    """One changed file in `diff --json`."""

    path: str
    kind: str
    added: int
    removed: int
    diff: str


class StepDiff(msgspec.Struct, frozen=True):
    """One step in `diff --steps --json`: the call, and the files that it changed."""

    step: int
    tool: str
    arguments: str
    files: list[str]
    undone: bool


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare options and arguments."""
    add_step_and_thread(parser, "only what this step of the run changed")
    parser.add_argument("--steps", action="store_true", help="list the steps of the run")
    parser.add_argument("--stat", action="store_true", help="only names and counts")
    parser.add_argument("--all", action="store_true", help="all runs of the session together")
    parser.add_argument("--now", action="store_true", help="up to the files as they are now")
    add_json(parser)
    add_common(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the diff. Raises ConfigError, StoreError."""
    return anyio.run(_diff, load(arguments), arguments)


async def _diff(settings: Settings, arguments: argparse.Namespace) -> int:
    async with open_earlier(settings, arguments) as earlier:
        runs = run_files(earlier.thread.path())
        if not runs:
            raise ConfigError(f"session {earlier.thread.header.id!r} has no run with a snapshot")
        last = newest(runs)
        first = runs[0] if arguments.all else last
        snapshots = earlier.store.snapshots(workspace_of(last))
        if arguments.steps:
            return await _list_steps(last, snapshots, as_json=arguments.json)
        before, after = first.before, None if arguments.now else last.after
        if arguments.step:
            step = find_step(last, arguments.step)
            before, after = step.before, step.after
        changes = await snapshots.changes(before, after)
    say_folder(settings, last)
    found = [_file_diff(change) for change in changes]
    if arguments.json:
        print_json(found)
    else:
        _show(found, Paint(colour=wants_colour(settings.environment, sys.stdout)), arguments.stat)
    return 0


async def _list_steps(run: RunFiles, snapshots: Snapshots, *, as_json: bool) -> int:
    standing = {step.number for step in run.standing}
    listed = [
        StepDiff(
            step.number,
            step.tool or "check",
            step.arguments,
            [change.path for change in await snapshots.changes(step.before, step.after)]
            if step.before != step.after
            else [],
            undone=step.before != step.after and step.number not in standing,
        )
        for step in run.steps
    ]
    if as_json:
        print_json(listed)
    elif not listed:
        print("the run has no steps that could have changed files", file=sys.stderr)
    else:
        rows = [
            (
                str(step.step),
                step.tool,
                f"{len(step.files)}" + (" undone" if step.undone else ""),
                call_title(ToolCall("", step.tool, step.arguments), 80),
            )
            for step in listed
        ]
        print_table(("STEP", "TOOL", "FILES", "WHAT"), rows)
    return 0


def newest(runs: list[RunFiles]) -> RunFiles:
    """Return the newest run that changed something and stands, else the newest of all."""
    for run in reversed(runs):
        if run.stands:
            return run
    return runs[-1]


def _show(found: list[FileDiff], paint: Paint, stat: object) -> None:
    if not found:
        print("no file was changed", file=sys.stderr)
    for file in found:
        if stat:
            print(f"{one_line(file.path, 200)}  +{file.added} -{file.removed}  {file.kind}")
        elif paint.colour:
            print("\n".join(diff_lines(file.diff, paint, None)))
        else:
            sys.stdout.write(file.diff)


def _file_diff(change: Change) -> FileDiff:
    diff = unified_diff(change)
    counts = count_lines(diff)
    kind = "new" if change.before is None else "deleted" if change.after is None else "changed"
    return FileDiff(change.path, kind, counts.added, counts.removed, diff)
