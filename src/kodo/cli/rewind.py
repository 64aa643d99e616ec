"""`kodo rewind`: step back to an entry of a session, with the conversation, the files, or both."""

import argparse
import sys
from collections.abc import Sequence

import anyio
import msgspec

from kodo.base.clock import utc_now
from kodo.base.errors import ConfigError, ToolError
from kodo.base.hashing import new_id
from kodo.cli.earlier import Earlier, add_thread, open_earlier
from kodo.cli.exits import FAILED, OK
from kodo.cli.options import add_common, add_json, load
from kodo.cli.output import confirm, print_json, print_table
from kodo.core.check import Change
from kodo.core.thread import Entry
from kodo.runtime.config import Settings
from kodo.runtime.past.rewinding import (
    FilesThen,
    Point,
    Steps,
    Touched,
    files_then,
    find_entry,
    points,
    preview_files,
    rewind,
    steps_to,
    touched,
)
from kodo.runtime.past.workspaces import open_writer, workspace_at
from kodo.tui.ansi import one_line
from kodo.tui.words import count

EXAMPLES = """\
examples:
  kodo rewind --last
  kodo rewind --last --to e57
  kodo rewind --last --to e57 --dry-run
  kodo rewind 01jc8v --to e57 --files
  kodo rewind --last --to e57 --messages --yes

Without --to it lists where one can step back to. The entry stays; what came behind it leaves the
conversation but not the log: rewinding to a later entry brings it back, and the files with it.
"""

_SHOWN = 12


class Report(msgspec.Struct, frozen=True, omit_defaults=True):
    """`rewind --json`: where to, what leaves and which files change; `done` tells whether it did.

    `back` is the entry to rewind to for having everything back. Without --to only `points`.
    """

    thread: str
    points: list[Point] = []
    to: int = 0
    entries: int = 0
    said: list[str] = []
    files: list[Touched] = []
    done: bool = False
    back: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare options and arguments."""
    add_thread(parser)
    parser.add_argument("--to", metavar="ENTRY", help="the last entry that stays, such as e57")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--messages", action="store_true", help="the conversation alone")
    what.add_argument("--files", action="store_true", help="the files alone")
    parser.add_argument("--dry-run", action="store_true", help="only show what it would do")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument(
        "--force", action="store_true", help="also where files were changed since (saved first)"
    )
    add_json(parser)
    add_common(parser)


def run(arguments: argparse.Namespace) -> int:
    """List where to, or step back. Raises ConfigError, StoreError."""
    return anyio.run(_rewind, load(arguments), arguments)


async def _rewind(settings: Settings, arguments: argparse.Namespace) -> int:
    async with open_earlier(settings, arguments) as earlier:
        if arguments.to is None:
            return _list(earlier, as_json=arguments.json)
        entry = find_entry(earlier.thread, arguments.to)
        then = None if arguments.messages else files_then(earlier.thread, entry)
        return await _step_back(settings, earlier, entry, then, arguments)


def _list(earlier: Earlier, *, as_json: bool) -> int:
    found = points(earlier.thread)
    if as_json:
        print_json(Report(earlier.thread.header.id, found))
    elif not found:
        print("there is nothing to step back to: this session holds only its first task")
    else:
        rows = [(f"e{point.entry}", one_line(point.said, 90)) for point in found]
        print_table(("TO", "STEPS BACK BEFORE"), rows)
    return OK


async def _step_back(
    settings: Settings,
    earlier: Earlier,
    entry: Entry,
    then: FilesThen | None,
    arguments: argparse.Namespace,
) -> int:
    thread, store = earlier.thread, earlier.store
    workspace = workspace_at(then.cwd) if then is not None else settings.cwd
    snapshots = store.snapshots(workspace)
    steps = steps_to(thread, entry) if not arguments.files else Steps(entry.event.seq, 0)
    changes = await preview_files(then, snapshots, store.blobs) if then is not None else []
    if not arguments.json:
        _show(steps, changes, then, messages=not arguments.files)
    report = Report(
        thread.header.id,
        to=steps.entry,
        entries=steps.left,
        said=list(steps.said),
        files=touched(changes),
    )
    if arguments.dry_run:
        if arguments.json:
            print_json(report)
        return OK
    if not confirm("step back?", assume_yes=arguments.yes):
        if arguments.json:
            print_json(report)
        else:
            print("nothing was changed; to do it without a question: --yes", file=sys.stderr)
        return FAILED
    try:
        saved_at = await rewind(
            thread,
            entry,
            store.log,
            utc_now,
            new_id,
            then=then,
            messages=not arguments.files,
            snapshots=snapshots,
            blobs=store.blobs,
            write=open_writer(settings, workspace),
            force=arguments.force,
        )
    except ToolError as error:
        raise ConfigError(str(error).replace("with force", "with --force")) from error
    back = f"e{saved_at}"
    if arguments.json:
        print_json(msgspec.structs.replace(report, done=True, back=back))
    else:
        print(f"done; the other way: kodo rewind {thread.header.id} --to {back}")
    return OK


def _show(
    steps: Steps, changes: Sequence[Change], then: FilesThen | None, *, messages: bool
) -> None:
    """Print the preview."""
    if messages:
        print(f"back to e{steps.entry}: {count(steps.left, 'event')} leave the conversation")
        for said in steps.said[-_SHOWN:]:
            print(f"  you said: {one_line(said, 90)}")
    if then is None:
        return
    print(f"files in {one_line(then.cwd, 120)}:")
    shown = touched(changes)
    for file in shown[:_SHOWN]:
        print(f"  {file.how} {one_line(file.path, 200)}")
    if len(shown) > _SHOWN:
        print(f"  and {len(shown) - _SHOWN} more")
    if not shown:
        print("  none has to be touched")
