"""`kodo diff`: what a run changed, between its first and its last snapshot."""

import argparse
import sys

import anyio
import msgspec

from kodo.base.errors import ConfigError
from kodo.cli.earlier import add_thread, open_earlier
from kodo.cli.options import add_common, add_json, load
from kodo.cli.output import print_json
from kodo.cli.render import wants_colour
from kodo.cli.undo import say_folder
from kodo.core.check import Change
from kodo.core.diff import unified_diff
from kodo.runtime.config import Settings
from kodo.runtime.undoing import RunFiles, run_files, workspace_of
from kodo.tui.ansi import Paint, one_line
from kodo.tui.cards import count_lines, diff_lines

EXAMPLES = """\
examples:
  kodo diff
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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare options and arguments."""
    add_thread(parser)
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
        after = None if arguments.now else last.after
        changes = await snapshots.changes(first.before, after)
    say_folder(settings, last)
    found = [_file_diff(change) for change in changes]
    if arguments.json:
        print_json(found)
    else:
        _show(found, Paint(colour=wants_colour(settings.environment, sys.stdout)), arguments.stat)
    return 0


def newest(runs: list[RunFiles]) -> RunFiles:
    """Return the newest run that changed something and stands, else the newest of all."""
    for run in reversed(runs):
        if run.undone is None and run.before != run.after:
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
