"""`kodo undo`: bring the files back to what they were before the last run, or a step of it."""

import argparse
import sys
from collections.abc import Sequence
from typing import Literal

import anyio
import msgspec

from kodo.base.clock import utc_now
from kodo.base.errors import ConfigError, ToolError
from kodo.base.hashing import new_id
from kodo.cli.earlier import Earlier, add_step_and_thread, open_earlier
from kodo.cli.exits import FAILED, OK
from kodo.cli.options import add_common, add_json, load
from kodo.cli.output import print_json
from kodo.core.check import Change
from kodo.runtime.beyond import beyond_undo
from kodo.runtime.config import Settings
from kodo.runtime.undoing import (
    RunFiles,
    last_to_undo,
    run_files,
    spans_of,
    steps_to_undo,
    undo,
    workspace_of,
)
from kodo.store.snapshots import WorkspaceSnapshots
from kodo.tui.ansi import one_line

EXAMPLES = """\
examples:
  kodo undo --dry-run
  kodo undo
  kodo undo 3
  kodo undo 01jc8v --force

Only files that the run changed are touched, shell commands included; with a step, those of it and
of the steps behind it (kodo diff --steps lists them). What you changed yourself meanwhile stays.
Where you have changed one of the same files since, undo refuses and names it; --force goes on. What
was there is saved first: `kodo redo` brings it back.
"""


class Moved(msgspec.Struct, frozen=True, omit_defaults=True):
    """`undo --json` and `redo --json`: which run, and the files that were touched.

    With --dry-run nothing was (`dry_run`): `changed_since` would be refused without --force, and
    `obstacle` with it. `beyond` are effects that stay; `notes` tell of an earlier restore.
    """

    action: Literal["undone", "redone"]
    task: str
    files: list[str]
    step: int = 0
    dry_run: bool = False
    changed_since: list[str] = []
    obstacle: str = ""
    beyond: list[str] = []
    notes: list[str] = []


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare options and arguments."""
    add_step_and_thread(parser, "take back from this step of the run on (default: all of it)")
    parser.add_argument("--dry-run", action="store_true", help="only show what it would do")
    parser.add_argument(
        "--force", action="store_true", help="also where files were changed since (saved first)"
    )
    parser.add_argument(
        "--whole",
        action="store_true",
        help="also what others, such as processes in the background, changed during the run",
    )
    add_json(parser)
    add_common(parser)


def run(arguments: argparse.Namespace) -> int:
    """Undo the last run that stands, or its last steps. Raises ConfigError, StoreError."""
    return anyio.run(_undo, load(arguments), arguments)


async def _undo(settings: Settings, arguments: argparse.Namespace) -> int:
    async with open_earlier(settings, arguments, only_here=True) as earlier:
        target = last_to_undo(runs_here(settings, arguments, earlier))
        snapshots = earlier.store.snapshots(workspace_of(target))
        first: int = arguments.step
        steps = steps_to_undo(target, first)
        beyond = await beyond_undo(target, steps, earlier.thread.path(), snapshots)
        moved = Moved("undone", target.task, [], first, beyond=beyond)
        if arguments.dry_run:
            preview = await snapshots.preview(spans_of(target, first, whole=arguments.whole))
            moved = msgspec.structs.replace(
                moved,
                files=[change.path for change in preview.changes],
                dry_run=True,
                changed_since=list(preview.changed_since),
                obstacle=preview.obstacle,
                notes=snapshots.notes(),
            )
            changes: Sequence[Change] = preview.changes
        else:
            changes = await _take_back(target, earlier, snapshots, arguments)
            files = [change.path for change in changes]
            moved = msgspec.structs.replace(moved, files=files, notes=snapshots.notes())
    say_folder(settings, target)
    report(moved, changes, "kodo redo", as_json=arguments.json)
    return FAILED if arguments.dry_run and (moved.changed_since or moved.obstacle) else OK


async def _take_back(
    target: RunFiles,
    earlier: Earlier,
    snapshots: WorkspaceSnapshots,
    arguments: argparse.Namespace,
) -> list[Change]:
    try:
        return await undo(
            target,
            earlier.thread,
            earlier.store.log,
            snapshots,
            utc_now,
            new_id,
            force=arguments.force,
            first=arguments.step,
            whole=arguments.whole,
        )
    except ToolError as error:
        raise ConfigError(str(error).replace("with force", "with --force")) from error


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


def report(moved: Moved, changes: Sequence[Change], back: str, *, as_json: bool) -> None:
    """Print which files were or would be touched, what stays, and the command the other way."""
    if as_json:
        print_json(moved)
        return
    for note in moved.notes:
        print(f"note: {note}", file=sys.stderr)
    word = f"would be {moved.action}" if moved.dry_run else moved.action
    place = f", from step {moved.step} on" if moved.step else ""
    print(f"{word}: {one_line(moved.task, 72)}{place}")
    for change in changes:
        kind = "made" if change.before is None else "removed" if change.after is None else "changed"
        print(f"  {kind} {one_line(change.path, 200)}")
    if not changes:
        print("  no file had to be touched" if not moved.dry_run else "  no file has to be touched")
    for effect in moved.beyond:
        print(f"not undone: {one_line(effect, 300)}")
    if moved.changed_since:
        names = ", ".join(one_line(path, 100) for path in moved.changed_since[:5])
        print(f"refused without --force, since you changed it: {names}")
    if moved.obstacle:
        print(one_line(moved.obstacle, 300))
    if not moved.dry_run:
        print(f"the other way: {back}")
