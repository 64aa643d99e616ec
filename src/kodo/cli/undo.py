"""`kodo undo`: bring the files back to what they were before the last run."""

import argparse
import sys
from typing import Literal

import anyio
import msgspec

from kodo.base.clock import utc_now
from kodo.base.errors import ConfigError, ToolError
from kodo.base.hashing import new_id
from kodo.cli.earlier import Earlier, add_thread, open_earlier
from kodo.cli.options import add_common, add_json, load
from kodo.cli.output import print_json
from kodo.core.check import Change
from kodo.runtime.config import Settings
from kodo.runtime.undoing import RunFiles, last_to_undo, run_files, undo, workspace_of
from kodo.tui.ansi import one_line

EXAMPLES = """\
examples:
  kodo undo
  kodo undo 01jc8v
  kodo undo --force

Only files that the run changed are touched. Where you have changed one of them since, undo
refuses and names it; --force goes on. What was there is saved first: `kodo redo` brings it back.
"""


class Moved(msgspec.Struct, frozen=True):
    """`undo --json` and `redo --json`: which run, and the files that were touched."""

    action: Literal["undone", "redone"]
    task: str
    files: list[str]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare options and arguments."""
    add_thread(parser)
    parser.add_argument(
        "--force", action="store_true", help="also where files were changed since (saved first)"
    )
    add_json(parser)
    add_common(parser)


def run(arguments: argparse.Namespace) -> int:
    """Undo the last run that stands. Raises ConfigError, StoreError."""
    return anyio.run(_undo, load(arguments), arguments)


async def _undo(settings: Settings, arguments: argparse.Namespace) -> int:
    async with open_earlier(settings, arguments, only_here=True) as earlier:
        target = last_to_undo(runs_here(settings, arguments, earlier))
        snapshots = earlier.store.snapshots(workspace_of(target))
        log = earlier.store.log
        try:
            changes = await undo(
                target, earlier.thread, log, snapshots, utc_now, new_id, force=arguments.force
            )
        except ToolError as error:
            raise ConfigError(str(error).replace("with force", "with --force")) from error
    say_folder(settings, target)
    report("undone", target.task, changes, "kodo redo", as_json=arguments.json)
    return 0


def runs_here(
    settings: Settings, arguments: argparse.Namespace, earlier: Earlier
) -> list[RunFiles]:
    """Return the runs of a session; unless it was named by id, those in this folder only."""
    runs = run_files(earlier.thread.path())
    if arguments.thread is not None:
        return runs
    return [run for run in runs if run.cwd == str(settings.cwd)]


def say_folder(settings: Settings, run: RunFiles) -> None:
    """Say which folder's files are meant, where it is not the current one."""
    if run.cwd != str(settings.cwd):
        sys.stderr.write(f"kodo: note: the files are those of {one_line(run.cwd, 200)}\n")


def report(
    word: Literal["undone", "redone"], task: str, changes: list[Change], back: str, *, as_json: bool
) -> None:
    """Print which files were touched, and the command that goes the other way."""
    if as_json:
        print_json(Moved(word, task, [change.path for change in changes]))
        return
    print(f"{word}: {one_line(task, 72)}")
    for change in changes:
        kind = "made" if change.before is None else "removed" if change.after is None else "changed"
        print(f"  {kind} {one_line(change.path, 200)}")
    if not changes:
        print("  no file had to be touched")
    print(f"the other way: {back}")
