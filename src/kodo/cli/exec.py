"""`kodo exec`: one task, headless, from start to finish."""

import argparse
from pathlib import Path

from kodo.cli.options import add_common, add_json, add_run, load
from kodo.cli.task import Request, carry_out, check_writable, read_schema, read_task
from kodo.runtime.build import Opening

EXAMPLES = """\
examples:
  kodo exec "the tests fail; find the bug and fix it"
  kodo exec -m anthropic/claude-sonnet-4-5 --budget-usd 1 "add a --dry-run flag"
  pytest 2>&1 | kodo exec "make these pass"
  kodo exec --json -o answer.txt "how is the cache invalidated?" | jq .type
  kodo exec --last "now do the same for the other command"

exit codes: 0 finished (the last line says UNVERIFIED where nothing could prove it), 1 checks
fail or a permission was denied, 2 wrong usage, 3 limit reached, 4 a part broke, 130 interrupted
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare options and arguments."""
    parser.add_argument(
        "task", nargs="?", metavar="TASK", help="what to do; `-` or a pipe appends stdin"
    )
    add_run(parser)
    group = parser.add_argument_group("input and output")
    group.add_argument(
        "-i", "--image", metavar="FILE", action="append", default=[], help="attach an image"
    )
    group.add_argument("-o", "--output", metavar="FILE", help="write the last message to FILE")
    group.add_argument(
        "--output-schema", metavar="FILE", help="a JSON Schema that the last message must follow"
    )
    group.add_argument(
        "--commit",
        action="store_true",
        help="commit the changed files when it has finished; git's hooks are not run",
    )
    earlier = group.add_mutually_exclusive_group()
    earlier.add_argument("--resume", metavar="ID", help="go on with an earlier session")
    earlier.add_argument("--last", action="store_true", help="go on with the last session here")
    add_json(parser)
    add_common(parser)


def run(arguments: argparse.Namespace) -> int:
    """Carry the task out and return its exit code. Raises KodoError."""
    settings = load(arguments)
    schema = read_schema(Path(arguments.output_schema) if arguments.output_schema else None)
    resumes = bool(arguments.last or arguments.resume)
    opening = Opening("resume" if resumes else "new", arguments.resume or "", schema=schema)
    request = Request(
        task=read_task(arguments.task),
        images=[Path(name) for name in arguments.image],
        json=arguments.json,
        last_message=check_writable(Path(arguments.output) if arguments.output else None),
        commit=arguments.commit,
        verbosity=arguments.verbose,
    )
    return carry_out(settings, opening, request)
