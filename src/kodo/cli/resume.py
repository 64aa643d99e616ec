"""`kodo resume`: go on with an earlier session, headless with a task, else in the terminal."""

import argparse
from typing import Literal

from kodo.cli.border import load_command
from kodo.cli.options import add_common, add_json, add_run, load
from kodo.cli.task import Request, carry_out, read_task
from kodo.runtime.build import Opening

EXAMPLES = """\
examples:
  kodo resume --last "now the same for the other command"
  kodo resume 01jc8v
  kodo resume --last --json "and add a test" | jq .type

Without a task it opens the inline terminal session (kodo chat) on that thread.
"""

MIXED_WORDS = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare options and arguments."""
    declare(parser, "go on with")


def declare(parser: argparse.ArgumentParser, verb: str) -> None:
    """Declare what resume and fork have in common."""
    parser.add_argument(
        "words", metavar="[ID] TASK", nargs="*", help=f"the session to {verb}, and what to do next"
    )
    parser.add_argument("--last", action="store_true", help="the last session of this folder")
    add_json(parser)
    add_run(parser)
    add_common(parser)


def run(arguments: argparse.Namespace) -> int:
    """Go on with the session. Raises KodoError."""
    return start(arguments, "resume")


def start(arguments: argparse.Namespace, mode: Literal["resume", "fork"]) -> int:
    """Resume or fork: with a task headless, without one in the terminal. Raises KodoError."""
    words: list[str] = list(arguments.words)
    thread = "" if arguments.last or not words else words.pop(0)
    settings = load(arguments)
    task = read_task(" ".join(words) or None)
    if not task:
        arguments.task, arguments.fork, arguments.resume = "", mode == "fork", thread
        arguments.last = not thread
        return load_command("kodo.cli.chat").run(arguments)
    request = Request(task=task, json=arguments.json, verbosity=arguments.verbose)
    opening = Opening(mode, thread)
    return carry_out(settings, opening, request)
