"""`kodo sandbox -- CMD`: run any command in the jail that the agent's commands run in."""

import argparse
import os
import stat
import sys

import anyio

from kodo.base.errors import ConfigError
from kodo.cli.options import add_common, add_jail, load
from kodo.runtime.build import make_jail
from kodo.runtime.config import Settings
from kodo.sandboxes.ladder import open_sandbox

EXAMPLES = """\
examples:
  kodo sandbox -- pytest -q
  kodo sandbox --sandbox read-only -- touch file
  kodo sandbox --allow-host example.org -- curl -sI https://example.org
  kodo sandbox --show

The exit code is the command's own (128 + N for signal N).
"""

MAX_OUTPUT_BYTES = 64 << 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare options and arguments."""
    parser.add_argument("command", metavar="-- CMD", nargs=argparse.REMAINDER, help="the command")
    parser.add_argument("--show", action="store_true", help="only say which jail it would be")
    parser.add_argument(
        "--timeout", metavar="S", type=float, default=86_400, help="kill it after S seconds"
    )
    add_jail(parser)
    add_common(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the command and return its exit code. Raises ConfigError, SandboxError."""
    command: list[str] = list(arguments.command)
    if command[:1] == ["--"]:
        command = command[1:]
    if not command and not arguments.show:
        raise ConfigError("name the command to run, for example: kodo sandbox -- ls")
    return anyio.run(_run, load(arguments), command, arguments.timeout, arguments.show)


async def _run(settings: Settings, command: list[str], timeout_s: float, show: object) -> int:
    sandbox = await open_sandbox(settings.config.rung, make_jail(settings))
    try:
        if show:
            print(f"{sandbox.name}: {', '.join(sorted(sandbox.guarantees)) or 'isolates nothing'}")
            return 0
        if "write_outside_denied" not in sandbox.guarantees and settings.config.sandbox != "full":
            print(
                f"kodo: note: the rung {sandbox.name!r} does not contain commands", file=sys.stderr
            )
        done = await sandbox.exec(
            command,
            stdin=_stdin(),
            timeout_s=timeout_s,
            max_output_bytes=MAX_OUTPUT_BYTES,
            on_output=_pass_on,
        )
    finally:
        await sandbox.aclose()
    if done.timed_out:
        print(f"kodo: killed after {timeout_s:g} s", file=sys.stderr)
    return done.exit_code if done.exit_code >= 0 else 128 - done.exit_code


async def _pass_on(piece: bytes) -> None:
    sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()


def _stdin() -> bytes | None:
    """Return what a file on stdin holds; a terminal or an open pipe is not waited for."""
    try:
        regular = stat.S_ISREG(os.fstat(0).st_mode)
    except OSError:
        return None
    return sys.stdin.buffer.read() if regular else None
