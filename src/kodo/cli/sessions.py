"""`kodo sessions`: what was done here; show, export or remove one of them."""

import argparse
import sys
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import anyio
import msgspec

from kodo.base.clock import utc_now
from kodo.base.errors import ConfigError
from kodo.cli.earlier import Earlier, open_earlier, open_project
from kodo.cli.options import add_common, add_json, load
from kodo.cli.output import confirm, print_json, print_table
from kodo.cli.render import make_screen
from kodo.core.events import MessageAdded, RunStarted
from kodo.core.messages import Text, User
from kodo.core.store import ThreadSummary
from kodo.runtime.config import Settings
from kodo.tui.ansi import one_line, safe
from kodo.tui.words import duration

EXAMPLES = """\
examples:
  kodo sessions list
  kodo sessions show --last
  kodo sessions export 01jc8v -o session.jsonl
  kodo sessions rm 01jc8v --yes

The ids shown here are what resume, fork, diff and undo take.
"""


class Listed(msgspec.Struct, frozen=True):
    """One session in `sessions list --json`."""

    id: str
    title: str
    cwd: str
    created_at: datetime
    updated_at: str
    entries: int
    outcome: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare list, show, rm and export."""
    actions = parser.add_subparsers(dest="action", metavar="list|show|rm|export", required=True)
    listing = actions.add_parser("list", help="the newest sessions of this project")
    listing.add_argument("-n", "--limit", type=int, default=20, metavar="N", help="how many")
    show = actions.add_parser("show", help="what happened in a session")
    remove = actions.add_parser("rm", help="forget a session; files are not touched")
    remove.add_argument("--yes", action="store_true", help="do not ask")
    export = actions.add_parser("export", help="all events of a session as JSON lines")
    export.add_argument("-o", "--output", metavar="FILE", help="write to FILE, not to stdout")
    for action in (show, remove, export):
        action.add_argument("thread", metavar="ID", nargs="?", help="id, or its beginning")
        action.add_argument("--last", action="store_true", help="the last session of this folder")
    for action in (listing, show, remove, export):
        add_json(action)
        add_common(action)


def run(arguments: argparse.Namespace) -> int:
    """Carry out one of the four. Raises ConfigError, StoreError."""
    settings = load(arguments)
    if arguments.action == "list":
        return anyio.run(_list, settings, arguments)
    if arguments.thread is None and not arguments.last:
        raise ConfigError("name a session by its id, or take the last one with --last")
    return anyio.run(_one, settings, arguments)


async def _list(settings: Settings, arguments: argparse.Namespace) -> int:
    found: list[ThreadSummary] = []
    if settings.paths.store(settings.cwd).exists():
        async with open_project(settings) as store:
            found = await store.log.list(max(1, arguments.limit))
    if arguments.json:
        print_json([_listed(summary) for summary in found])
    elif not found:
        print(f"no sessions for {settings.project} yet; start one with: kodo exec")
    else:
        now = utc_now()
        rows = [
            (
                summary.header.id,
                _age(summary.updated_at, now),
                summary.outcome or "not ended",
                one_line(summary.header.title or "(no title)", 60),
            )
            for summary in found
        ]
        print_table(("ID", "AGE", "OUTCOME", "TASK"), rows)
    return 0


async def _one(settings: Settings, arguments: argparse.Namespace) -> int:
    async with open_earlier(settings, arguments) as earlier:
        if arguments.action == "show":
            if arguments.json:
                sys.stdout.write(_export(earlier))
            else:
                _show(settings, earlier)
        elif arguments.action == "export":
            _write(_export(earlier), arguments.output)
        else:
            return await _remove(earlier, arguments)
    return 0


def _show(settings: Settings, earlier: Earlier) -> None:
    header = earlier.thread.header
    screen = make_screen(settings.environment, live=False)
    screen.say(f"session {header.id} · {header.created_at:%Y-%m-%d %H:%M} UTC · {header.cwd}")
    task = ""
    for entry in earlier.thread.path():
        body = entry.event.body
        if isinstance(body, RunStarted):
            task = body.task
        if isinstance(body, MessageAdded) and isinstance(body.message, User):
            for part in body.message.parts:
                text = part.text if isinstance(part, Text) else f"[{part.media_type}]"
                if text != task:  # the head of the run has shown the task
                    screen.say("", f"› {safe(text)}")
        else:
            screen.take(entry.event)
    screen.close()


def _export(earlier: Earlier) -> str:
    encode = msgspec.json.Encoder().encode
    lines = [encode({"thread": earlier.thread.header})]
    lines += [encode(entry) for entry in earlier.thread.path()]
    return b"\n".join(lines).decode() + "\n"


def _write(text: str, output: str | None) -> None:
    if output is None:
        sys.stdout.write(text)
        return
    try:
        Path(output).write_text(text, "utf-8")
    except OSError as error:
        raise ConfigError(f"cannot write {output!r}: {error.strerror}") from error


async def _remove(earlier: Earlier, arguments: argparse.Namespace) -> int:
    header = earlier.thread.header
    title = one_line(header.title, 60)
    if not confirm(f"forget session {header.id} ({title})?", assume_yes=arguments.yes):
        print(f"kept {header.id}; to remove it without a question: --yes", file=sys.stderr)
        return 1
    await earlier.store.log.remove(header.id)
    if arguments.json:
        print_json({"removed": header.id})
    else:
        print(f"removed {header.id}; its blobs stay until: kodo store gc")
    return 0


def _listed(summary: ThreadSummary) -> Listed:
    header = summary.header
    return Listed(
        header.id,
        header.title,
        header.cwd,
        header.created_at,
        summary.updated_at,
        summary.entries,
        summary.outcome,
    )


def _age(updated_at: str, now: datetime) -> str:
    with suppress(ValueError, TypeError):
        return duration(max(0.0, (now - datetime.fromisoformat(updated_at)).total_seconds()))
    return updated_at
