"""`kodo sandbox -- CMD`: run any command in the jail that the agent's commands run in."""

import argparse
import os
import stat
import sys
from pathlib import Path

import anyio

from kodo.base.errors import ConfigError, SandboxError
from kodo.cli.options import add_common, add_jail, load
from kodo.core.events import HostContacted
from kodo.runtime.cage import Cage, make_jail, open_cage
from kodo.runtime.config import Settings
from kodo.sandboxes.seatbelt import seatbelt_profile

EXAMPLES = """\
examples:
  kodo sandbox -- pytest -q
  kodo sandbox --sandbox read-only -- touch file
  kodo sandbox --allow-host example.org -- curl -sI https://example.org
  kodo sandbox --allow-host @python -- pip download six
  kodo sandbox --show

The exit code is the command's own (128 + N for signal N).
"""

MAX_OUTPUT_BYTES = 64 << 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare options and arguments."""
    parser.add_argument("command", metavar="-- CMD", nargs=argparse.REMAINDER, help="the command")
    parser.add_argument("--show", action="store_true", help="only say which jail it would be")
    parser.add_argument(
        "--show-seatbelt", action="store_true", help="print the jail as a profile for macOS"
    )
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
    if arguments.show_seatbelt:
        jail = make_jail(load(arguments))
        print(seatbelt_profile(jail, Path("/private/tmp")), end="")
        return 0
    if not command and not arguments.show:
        raise ConfigError("name the command to run, for example: kodo sandbox -- ls")
    return anyio.run(_run, load(arguments), command, arguments.timeout, arguments.show)


async def _run(settings: Settings, command: list[str], timeout_s: float, show: object) -> int:
    async with open_cage(settings, on_host=_tell) as cage:
        sandbox = cage.sandbox
        if show:
            print(f"{sandbox.name}: {', '.join(sorted(sandbox.guarantees)) or 'isolates nothing'}")
            return 0
        _judge(settings, cage)
        done = await sandbox.exec(
            command,
            stdin=_stdin(),
            timeout_s=timeout_s,
            max_output_bytes=MAX_OUTPUT_BYTES,
            on_output=_pass_on,
        )
    if done.timed_out:
        print(f"kodo: killed after {timeout_s:g} s", file=sys.stderr)
    return done.exit_code if done.exit_code >= 0 else 128 - done.exit_code


def _judge(settings: Settings, cage: Cage) -> None:
    """Say what does not hold. Raises SandboxError where nothing would hold and nobody said so."""
    config = settings.config
    if config.sandbox == "full":
        return
    name = cage.sandbox.name
    if "write_outside_denied" not in cage.sandbox.guarantees:
        if config.rung == "auto":
            raise SandboxError(
                "no jail works here (kodo doctor env says why; on Windows use WSL2); to run the"
                " command without one, say so: --rung local"
            )
        print(f"kodo: note: the rung {name!r} does not contain commands", file=sys.stderr)
    elif cage.network == "open":
        note = f"the rung {name!r} cannot hold hosts apart: the whole network is open"
        print(f"kodo: note: {note}", file=sys.stderr)


async def _tell(contacted: HostContacted) -> None:
    print(f"kodo: {contacted.host} ({contacted.purpose})", file=sys.stderr)


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
