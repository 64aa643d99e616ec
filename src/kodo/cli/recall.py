"""`kodo recall`: find and read anything that was said, printed, read or written in this project.

Works across sessions, and in a folder that never had one: its files are taken in then and there.
"""

import argparse
import re
import sys
from typing import get_args

import anyio
import msgspec

from kodo.base.errors import ConfigError, ToolError
from kodo.cli.exits import FAILED, OK
from kodo.cli.options import add_common, add_json, load
from kodo.cli.output import print_json
from kodo.cli.progress import Bar
from kodo.cli.render import wants_colour
from kodo.core.recall import Hit, Query, RecallKind, RecallMode
from kodo.runtime.config import Settings
from kodo.runtime.meaning import find_meaning
from kodo.store.index.recall import SqliteRecall
from kodo.store.store import open_store
from kodo.tui.ansi import Paint, Tone, clip, one_line, safe

MIXED_WORDS = True
EXAMPLES = """\
examples:
  kodo recall where is the retry budget set
  kodo recall "ERR_CONN_4711" -k 3
  kodo recall --exact 'timeout_s: float = 30' --path '*.py'
  kodo recall --history max_connections
  kodo recall --read f:src/app.py@2 --lines 10-40

Exit code 1: nothing was found.
"""

_SHOWN_LINES = 6
_LINES = re.compile(r"([0-9]+)(?:-([0-9]+))?\Z")
_KINDS: tuple[RecallKind, ...] = get_args(RecallKind)


class Found(msgspec.Struct, frozen=True):
    """One hit in `recall --json`. `lines` are the first and the last, 1-based and inclusive.

    `entry` counts within `thread`; 0 for a file that no session has changed. `current` is false
    for a replaced version of a file; `anchored` tells that a literal of the query is in the text.
    """

    ref: str
    kind: RecallKind
    path: str
    lines: tuple[int, int]
    thread: str
    entry: int
    at: str
    score: float
    current: bool
    anchored: bool
    text: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare options and arguments."""
    parser.add_argument("query", metavar="QUERY", nargs="+", help="what to look for")
    parser.add_argument("-k", type=int, default=10, metavar="N", help="how many hits at most")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--exact", action="store_true", help="QUERY is found letter for letter")
    how.add_argument("--regex", action="store_true", help="QUERY is a regular expression on lines")
    how.add_argument(
        "--history",
        action="store_true",
        help="QUERY is a path or a key: show all its versions, oldest first",
    )
    how.add_argument("--read", action="store_true", help="QUERY is a reference: print its text")
    parser.add_argument("--lines", metavar="A-B", help="of a reference only these lines")
    parser.add_argument(
        "--kind", choices=_KINDS, action="append", default=[], help="only texts of this kind"
    )
    parser.add_argument("--path", metavar="GLOB", default="", help="only files like this")
    parser.add_argument("--session", metavar="ID", default="", help="only what one session held")
    parser.add_argument(
        "--as-of", metavar="REF", default="", help="what was current at that entry, e.g. 01jc8v:e42"
    )
    add_json(parser)
    add_common(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the hits. Raises ConfigError, StoreError."""
    settings = load(arguments)
    try:
        return anyio.run(_recall, settings, arguments)
    except ToolError as error:  # what is a tool's misuse to a model is a wrong word here
        raise ConfigError(str(error)) from error


async def _recall(settings: Settings, arguments: argparse.Namespace) -> int:
    text = " ".join(arguments.query)
    if not text.strip():
        raise ConfigError("QUERY is empty: give the words to look for")
    async with open_store(settings.paths.store(settings.cwd)) as store:
        recall = SqliteRecall(store.database.path, settings.cwd, near=find_meaning())
        try:
            if arguments.read:
                return await _read(recall, text, arguments.lines)
            await _catch_up(recall)
            hits = await _hits(recall, text, arguments)
        finally:
            await recall.aclose()
    if arguments.json:
        print_json([_found(hit) for hit in hits])
    else:
        paint = Paint(colour=wants_colour(settings.environment, sys.stdout))
        for hit in hits:
            _show(hit, text, paint)
        if not hits:
            print(f"nothing found for {text!r}", file=sys.stderr)
    return OK if hits else FAILED


async def _catch_up(recall: SqliteRecall) -> None:
    if not sys.stderr.isatty():
        await recall.catch_up()
        return
    bar = Bar(sys.stderr, terminal=True)
    try:
        await recall.catch_up(lambda done, total: bar.show("reading the workspace", done, total))
    finally:
        bar.close()


async def _hits(recall: SqliteRecall, text: str, arguments: argparse.Namespace) -> list[Hit]:
    if arguments.history:
        try:
            return await recall.history(text, arguments.k if arguments.k != 10 else 100)
        except ToolError:
            return []
    mode: RecallMode = "exact" if arguments.exact else "regex" if arguments.regex else "ranked"
    return await recall.search(
        Query(
            text,
            k=arguments.k,
            kinds=tuple(arguments.kind),
            path=arguments.path,
            thread=arguments.session,
            as_of=arguments.as_of,
            mode=mode,
        )
    )


async def _read(recall: SqliteRecall, ref: str, lines: str | None) -> int:
    first, last = 1, None
    if lines is not None:
        match = _LINES.match(lines)
        if match is None:
            raise ConfigError(f"--lines {lines!r} is no range of lines: write 10-40, or 12")
        first = int(match[1])
        last = int(match[2] or first)
    sys.stdout.buffer.write(await recall.read(ref, first, last))
    return OK


def _found(hit: Hit) -> Found:
    return Found(
        hit.ref,
        hit.kind,
        hit.path,
        (hit.first_line, hit.last_line),
        hit.thread,
        hit.entry,
        hit.at,
        hit.score,
        hit.current,
        hit.anchored,
        hit.text,
    )


def _show(hit: Hit, query: str, paint: Paint) -> None:
    place = hit.path or f"{hit.kind} {hit.ref}"
    notes = [hit.ref if hit.path else "", hit.at, "" if hit.current else "replaced since"]
    head = f"{one_line(place, 200)}:{hit.first_line}-{hit.last_line}"
    print(paint(Tone.BOLD, head) + "  " + " · ".join(note for note in notes if note))
    for number, line in _lines_of_interest(hit, query):
        print(f"{number:>7}  {clip(safe(line), 160)}")
    print()


def _lines_of_interest(hit: Hit, query: str) -> list[tuple[int, str]]:
    """Return the lines that hold most of the query's words, in order; else the first ones."""
    words = {word.lower() for word in re.findall(r"\w+", query) if len(word) > 2}
    lines = list(enumerate(hit.text.rstrip("\n").split("\n"), hit.first_line))
    counted = [(sum(word in line.lower() for word in words), -number) for number, line in lines]
    best = sorted(counted, reverse=True)[:_SHOWN_LINES]
    wanted = {-number for count, number in best if count}
    if not wanted:
        return [(number, line) for number, line in lines if line.strip()][:_SHOWN_LINES]
    return [(number, line) for number, line in lines if number in wanted]
