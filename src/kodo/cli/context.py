"""`kodo context`: what is in the model's window now, and why, with the tokens of each part."""

import argparse

import anyio

from kodo.cli.earlier import add_thread, open_earlier
from kodo.cli.exits import OK
from kodo.cli.options import add_common, add_json, load
from kodo.cli.output import print_json
from kodo.runtime.config import Settings
from kodo.runtime.past.windows import WindowReport, report_window
from kodo.tui.ansi import one_line

EXAMPLES = """\
examples:
  kodo context
  kodo context 01jc8v
  kodo context --last --json | jq .used_tokens

Entries are named as recall and rewind take them: e42 is the 42nd of the session.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare options and arguments."""
    add_thread(parser)
    add_json(parser)
    add_common(parser)


def run(arguments: argparse.Namespace) -> int:
    """Show the window. Raises ConfigError, StoreError."""
    return anyio.run(_context, load(arguments), arguments)


async def _context(settings: Settings, arguments: argparse.Namespace) -> int:
    async with open_earlier(settings, arguments) as earlier:
        report = report_window(earlier.thread)
    if arguments.json:
        print_json(report)
    else:
        print(f"session {report.thread} · {one_line(report.model, 80)} · at e{report.entry}")
        for line in window_lines(report):
            print(line)
    return OK


def window_lines(report: WindowReport) -> list[str]:
    """Return a report as lines for people, safe for a terminal."""
    if not report.parts:
        return ["nothing was sent to the model yet"]
    found = [f"  {part.part:<14} {part.tokens:>9,}  {part.why}".rstrip() for part in report.parts]
    total = f"  {'in all':<14} {report.used_tokens:>9,}"
    if report.window_tokens:
        total += f"  of {report.window_tokens:,}; {report.reply_tokens:,} are kept free to reply"
    found.append(total)
    if not report.held and not report.window_tokens:
        found.append("each prompt of this session is made for one question: it has no window")
    for held in report.held:
        span = f"e{held.first}" if held.first == held.last else f"e{held.first} to e{held.last}"
        found.append(f"  {span:<14} {held.tokens:>9,}  {held.how}")
    for item in report.recalled:
        lines = f"lines {item.first_line} to {item.last_line}"
        found.append(f"  recalled: {one_line(item.ref, 80)} {lines} ({one_line(item.source, 80)})")
    return found
