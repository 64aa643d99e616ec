"""The border of the command line: parses, runs, and turns what is raised into one line and a code.

A command is a module with `add_arguments(parser)` and `run(arguments) -> int`. No traceback
reaches a person unless -vv asks for it. Guards that a closed pipe ends the command quietly.
"""

import argparse
import atexit
import gc
import importlib
import os
import sys
import threading
import traceback
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn, Protocol, cast

from kodo.base.errors import KodoError
from kodo.base.log import configure_logging, redact
from kodo.base.text import printable
from kodo.cli.exits import INTERRUPTED, PIPE_CLOSED, USAGE, cause, error_code

GC_THRESHOLD = 50_000


class CommandModule(Protocol):
    """What a command file offers; EXAMPLES ends its --help, MIXED_WORDS allows words anywhere."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare options and arguments."""
        ...

    def run(self, arguments: argparse.Namespace) -> int:
        """Carry the command out and return its exit code. Raises KodoError."""
        ...


class Parser(argparse.ArgumentParser):
    """argparse with one-line errors in the common form, and tasks that may begin with a dash."""

    def prose_last(self, argv: Sequence[str]) -> list[str]:
        """Return `argv` with every word that is prose, though it looks like an option, behind `--`.

        Prose has blanks and does not begin with an option that takes a value: a task such as
        "--verbose=false is parsed as true" is a task.
        """
        if "--" in argv:
            return list(argv)
        words: list[str] = []
        prose: list[str] = []
        for at, word in enumerate(argv):
            is_value = at > 0 and self._takes_value(argv[at - 1])
            looks = word.startswith("-") and any(c.isspace() for c in word)
            if looks and not is_value and not self._takes_value(word.split("=")[0]):
                prose.append(word)
            else:
                words.append(word)
        return [*words, "--", *prose] if prose else words

    def _takes_value(self, word: str) -> bool:
        action = self._option_string_actions.get(word)
        return action is not None and action.nargs != 0

    def error(self, message: str) -> NoReturn:
        """Print one line and where to read on, and exit with 2."""
        sys.stderr.write(f"kodo: error: {message}; see: {self.prog} --help\n")
        raise SystemExit(USAGE)


def make_parser(name: str, module: CommandModule, summary: str) -> Parser:
    """Return the parser of one command, its examples at the end of the help."""
    parser = Parser(
        prog=f"kodo {name}",
        description=f"{summary[:1].upper()}{summary[1:]}.",
        epilog=getattr(module, "EXAMPLES", None),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    module.add_arguments(parser)
    return parser


def load_command(path: str) -> CommandModule:
    """Import a command's module by the name in the table."""
    return cast(CommandModule, importlib.import_module(path))


def run_command(name: str, path: str, summary: str, argv: Sequence[str]) -> int:
    """Run one command to its exit code. Catches everything: this is the last border."""
    verbosity = 0
    # Loading a command makes many objects that stay; the default threshold would walk them all
    # dozens of times (measured: 8 % of a short run's CPU).
    gc.set_threshold(GC_THRESHOLD)
    try:
        module = load_command(path)
        parser = make_parser(name, module, summary)
        # Words on both sides of an option: argparse does that only where it is asked to.
        mixed = bool(getattr(module, "MIXED_WORDS", False))
        words = parser.prose_last(argv)
        arguments = parser.parse_intermixed_args(words) if mixed else parser.parse_args(words)
        verbosity = int(getattr(arguments, "verbose", 0) or 0)
        configure_logging(verbosity)
        code = module.run(arguments)
        sys.stdout.flush()
    except SystemExit as end:
        return _leave(end.code if isinstance(end.code, int) else USAGE)
    except BaseException as error:  # noqa: BLE001  the border: everything becomes a line and a code
        return _report(cause(error), verbosity)
    return code


def end_process(code: int) -> NoReturn:
    """End the process with `code`, its threads joined and what waits for the exit called.

    Taking the interpreter apart, module by module, is left out: everything that was opened has been
    closed before, and it costs a fifth of a short run's CPU.
    """
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()
    atexit._run_exitfuncs()  # pyright: ignore[reportPrivateUsage]  (as multiprocessing does)
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError, ValueError):  # None, gone, or closed
            stream.flush()
    os._exit(code)


def _report(error: BaseException, verbosity: int) -> int:
    if isinstance(error, BrokenPipeError):
        _silence_stdout()
        return PIPE_CLOSED
    if isinstance(error, KeyboardInterrupt):
        sys.stderr.write("kodo: interrupted\n")
        return _leave(INTERRUPTED)
    if verbosity >= 2:
        sys.stderr.write(redact("".join(traceback.format_exception(error))))
    sys.stderr.write(f"kodo: error: {describe(error)}\n")
    return _leave(error_code(error))


def describe(error: BaseException) -> str:
    """Return an error as one line, keys blacked out, control characters made visible."""
    if isinstance(error, KodoError):
        text = str(error) or type(error).__name__
    elif isinstance(error, OSError) and error.strerror:
        named = f" {str(error.filename)!r}" if error.filename else ""
        text = f"{error.strerror}{named}"
    else:
        text = f"{type(error).__name__}: {error} (this is a fault of kodo; -vv shows where)"
    return redact(printable(" ".join(text.split("\n"))))


def _leave(code: int) -> int:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _silence_stdout()
    return code


def _silence_stdout() -> None:
    """Point stdout at nothing, so that the interpreter's last flush cannot fail."""
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, 1)
    os.close(sink)
