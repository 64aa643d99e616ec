"""The door: one table of commands, each loaded by name only when it is asked for.

Imports nothing but `sys` and `importlib`, so that `kodo --help` costs next to nothing. Guards
that every failure is one clear line on stderr and an exit code of the contract.
"""

import importlib
import sys
from types import ModuleType

from kodo import __version__


class Command:
    """A row of the table: the module that carries the command out, and its line in the help.

    `fixing` is the module where `--fix` is among the arguments, as that needs far more.
    """

    __slots__ = ("fixing", "group", "module", "summary")

    def __init__(self, group: str, module: str, summary: str, fixing: str = "") -> None:
        self.group = group
        self.module = module
        self.summary = summary
        self.fixing = fixing or module


COMMANDS: dict[str, Command] = {
    "exec": Command("work", "kodo.cli.exec", "do one task, headless"),
    "chat": Command("work", "kodo.cli.chat", "work together in the terminal"),
    "resume": Command("work", "kodo.cli.resume", "go on with an earlier session"),
    "fork": Command("work", "kodo.cli.fork", "branch off an earlier session"),
    "sessions": Command("look back", "kodo.cli.sessions", "list, show, export or remove sessions"),
    "recall": Command("look back", "kodo.cli.recall", "find what was said, printed or written"),
    "context": Command("look back", "kodo.cli.context", "what is in the model's window, and why"),
    "rewind": Command("look back", "kodo.cli.rewind", "step back in a session, files and all"),
    "replay": Command("look back", "kodo.cli.replay", "run a recorded session again and compare"),
    "diff": Command("look back", "kodo.cli.diff", "show what a run changed"),
    "undo": Command("look back", "kodo.cli.undo", "take back what a run changed"),
    "redo": Command("look back", "kodo.cli.redo", "put back what undo took away"),
    "store": Command(
        "look back", "kodo.cli.store", "verify, count, collect, export or purge memory"
    ),
    "scan": Command(
        "look back",
        "kodo.cli.scan",
        "find vulnerabilities, and fix them",
        fixing="kodo.cli.scan_repair",
    ),
    "serve": Command("serve", "kodo.cli.serve", "serve models to other programs"),
    "models": Command("set up", "kodo.cli.models", "list, choose, pull, verify or remove models"),
    "config": Command("set up", "kodo.cli.config", "show or set the configuration"),
    "init": Command("set up", "kodo.cli.init", "choose a model or a key, guided"),
    "trust": Command("set up", "kodo.cli.trust", "let a folder's own configuration count"),
    "policy": Command("set up", "kodo.cli.policy", "what runs, what asks, what is denied, and why"),
    "doctor": Command(
        "set up", "kodo.cli.doctor", "what works on this host, and how to fix the rest"
    ),
    "mcp": Command("set up", "kodo.cli.mcp", "tools of MCP servers: list, test, add, remove"),
    "sandbox": Command("set up", "kodo.cli.sandbox", "run any command in the jail"),
    "completion": Command("set up", "kodo.cli.completion", "completion for bash, zsh or fish"),
}

EXAMPLES = """\
examples:
  kodo exec "fix the failing test"
  kodo exec -m openai/gpt-5 "add a --dry-run flag" --json
  kodo diff && kodo undo
  kodo models list

`kodo COMMAND --help` tells more of each. Without -m the configured model is used, else the
embedded local one; a paid provider is never used merely because a key is in the environment.
"""


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code (kodo/cli/exits.py). `argv` is without the name."""
    arguments = sys.argv[1:] if argv is None else argv
    if not arguments or arguments[0] in ("-h", "--help"):
        return _print(help_text())
    if arguments[0] in ("-V", "--version"):
        return _print(f"kodo {__version__}\n")
    if arguments[0] == "help":
        arguments = [*arguments[1:2], "--help"]
        if len(arguments) == 1:
            return _print(help_text())
    command = COMMANDS.get(arguments[0])
    if command is None:
        sys.stderr.write(f"kodo: error: {unknown(arguments[0])}\n")
        return 2
    border: ModuleType = importlib.import_module("kodo.cli.border")
    module = command.fixing if "--fix" in arguments else command.module
    code: int = border.run_command(arguments[0], module, command.summary, arguments[1:])
    if argv is None:
        border.end_process(code)
    return code


def help_text() -> str:
    """Return the whole of `kodo --help`."""
    lines = [
        f"kodo {__version__}: an open coding agent; any model, or an embedded one",
        "",
        "usage: kodo COMMAND [OPTIONS] [ARGUMENTS]",
    ]
    group = ""
    for name, command in COMMANDS.items():
        if command.group != group:
            group = command.group
            lines += ["", f"{group}:"]
        lines.append(f"  {name:<12}{command.summary}")
    lines += ["", "options:", "  -h, --help    this text", "  -V, --version the version", ""]
    return "\n".join(lines) + "\n" + EXAMPLES


def unknown(word: str) -> str:
    """Return the message for a first word that is not a command, with the nearest one."""
    nearest: list[str] = importlib.import_module("difflib").get_close_matches(word, COMMANDS, n=1)
    if word.startswith("-"):
        return f"unknown option {word!r}; options follow the command, see: kodo --help"
    if nearest:
        return f"unknown command {word!r}; did you mean: kodo {nearest[0]}"
    return f"unknown command {word!r}; see: kodo --help"


def _print(text: str) -> int:
    """Write to stdout; a reader that has gone (`kodo --help | head -1`) is no error."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        sys.stdout = None  # nothing is left to flush at exit
        return 141
    return 0
