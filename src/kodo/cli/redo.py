"""`kodo redo`: put back what `kodo undo` took away."""

import argparse

import anyio

from kodo.base.clock import utc_now
from kodo.base.errors import ConfigError, ToolError
from kodo.base.hashing import new_id
from kodo.cli.earlier import add_thread, open_earlier
from kodo.cli.options import add_common, add_json, load
from kodo.cli.undo import Moved, report, runs_here, say_folder
from kodo.runtime.config import Settings
from kodo.runtime.undoing import last_to_redo, redo, workspace_of

EXAMPLES = """\
examples:
  kodo redo
  kodo redo 01jc8v --force

Where you have changed one of the files since, redo refuses and names it; --force goes on.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare options and arguments."""
    add_thread(parser)
    parser.add_argument("--force", action="store_true", help="also where files changed since")
    add_json(parser)
    add_common(parser)


def run(arguments: argparse.Namespace) -> int:
    """Redo the run that was undone last. Raises ConfigError, StoreError."""
    return anyio.run(_redo, load(arguments), arguments)


async def _redo(settings: Settings, arguments: argparse.Namespace) -> int:
    async with open_earlier(settings, arguments, only_here=True) as earlier:
        target = last_to_redo(runs_here(settings, arguments, earlier))
        snapshots = earlier.store.snapshots(workspace_of(target))
        log = earlier.store.log
        try:
            changes = await redo(
                target, earlier.thread, log, snapshots, utc_now, new_id, force=arguments.force
            )
        except ToolError as error:
            raise ConfigError(str(error).replace("with force", "with --force")) from error
    say_folder(settings, target)
    files = [change.path for change in changes]
    moved = Moved("redone", target.task, files, target.undos[-1].first, notes=snapshots.notes())
    report(moved, changes, "kodo undo", as_json=arguments.json)
    return 0
