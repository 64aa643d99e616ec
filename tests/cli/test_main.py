"""The door: the table of commands, help, exit codes, errors in one line."""

import argparse
import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from inline_snapshot import snapshot

from kodo import __version__
from kodo.base.errors import (
    AuthError,
    ConfigError,
    KodoError,
    LimitReached,
    ModelError,
    SandboxError,
    StoreError,
    ToolError,
)
from kodo.cli import border
from kodo.cli.exits import cause, error_code, outcome_code
from kodo.cli.main import COMMANDS, help_text, main
from kodo.core.events import RunOutcome

from .conftest import Kodo


def test_the_help_of_all_commands() -> None:
    assert help_text() == snapshot("""\
kodo 0.1.0: an open coding agent; any model, or an embedded one

usage: kodo COMMAND [OPTIONS] [ARGUMENTS]

work:
  exec        do one task, headless
  chat        work together in the terminal
  resume      go on with an earlier session
  fork        branch off an earlier session

look back:
  sessions    list, show, export or remove sessions
  recall      find what was said, printed or written
  context     what is in the model's window, and why
  rewind      step back in a session, files and all
  replay      run a recorded session again and compare
  diff        show what a run changed
  undo        take back what a run changed
  redo        put back what undo took away
  store       verify, count, collect, export or purge memory
  scan        find vulnerabilities, and fix them

serve:
  serve       serve models to other programs

set up:
  models      list, choose, pull, verify or remove models
  config      show or set the configuration
  init        choose a model or a key, guided
  trust       let a folder's own configuration count
  policy      what runs, what asks, what is denied, and why
  doctor      what works on this host, and how to fix the rest
  mcp         tools of MCP servers: list, test, add, remove
  sandbox     run any command in the jail
  completion  completion for bash, zsh or fish

options:
  -h, --help    this text
  -V, --version the version

examples:
  kodo exec "fix the failing test"
  kodo exec -m openai/gpt-5 "add a --dry-run flag" --json
  kodo diff && kodo undo
  kodo models list

`kodo COMMAND --help` tells more of each. Without -m the configured model is used, else the
embedded local one; a paid provider is never used merely because a key is in the environment.
""")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_table_loads_and_shows_examples(name: str, kodo: Kodo) -> None:
    module = border.load_command(COMMANDS[name].module)
    parser = border.make_parser(name, module, COMMANDS[name].summary)
    assert parser.prog == f"kodo {name}"
    ran = kodo(name, "--help")
    assert ran.code == 0
    assert f"kodo {name}" in ran.out
    assert "examples:" in ran.out


def test_help_without_a_command_and_through_help(kodo: Kodo) -> None:
    assert kodo().out == kodo("--help").out == kodo("help").out == help_text()
    assert kodo("help", "trust").out == kodo("trust", "--help").out


def test_the_version(kodo: Kodo) -> None:
    assert kodo("--version").out == f"kodo {__version__}\n"


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("exce", "unknown command 'exce'; did you mean: kodo exec"),
        ("zzz", "unknown command 'zzz'; see: kodo --help"),
        ("--jsn", "unknown option '--jsn'; options follow the command, see: kodo --help"),
    ],
)
def test_unknown_commands_name_the_nearest(kodo: Kodo, word: str, message: str) -> None:
    ran = kodo(word)
    assert (ran.code, ran.out, ran.err) == (2, "", f"kodo: error: {message}\n")


def test_a_wrong_option_is_one_line_and_exit_code_two(kodo: Kodo) -> None:
    ran = kodo("trust", "--nope")
    assert ran.code == 2
    assert ran.err == ("kodo: error: unrecognized arguments: --nope; see: kodo trust --help\n")


def test_the_door_imports_nothing_heavy() -> None:
    code = (
        "import sys, json; before = set(sys.modules); import kodo.cli.main as m; m.help_text();"
        "print(json.dumps([n for n in set(sys.modules) - before]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout))
    heavy = {"argparse", "asyncio", "anyio", "msgspec", "rich", "prompt_toolkit", "pathlib"}
    assert not loaded & heavy


class Failing:
    """A command that raises what it is given."""

    EXAMPLES = "examples:"

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("-v", "--verbose", action="count", default=0)

    def run(self, arguments: argparse.Namespace) -> int:
        raise self._error


def run_failing(error: BaseException, monkeypatch: pytest.MonkeyPatch, *argv: str) -> int:
    monkeypatch.setitem(sys.modules, "kodo.cli.failing", Failing(error))  # type: ignore[arg-type]
    return border.run_command("failing", "kodo.cli.failing", "fails", argv)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("no such thing"), 2),
        (LimitReached("tokens", "the limit is reached"), 3),
        (ModelError("it broke"), 4),
        (AuthError("wrong key"), 4),
        (SandboxError("no jail"), 4),
        (StoreError("damaged"), 4),
        (ToolError("wrong use"), 1),
        (OSError(28, "No space left on device", "/x"), 4),
        (ValueError("a fault"), 4),
    ],
)
def test_errors_become_one_line_and_a_code(
    error: Exception,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run_failing(error, monkeypatch) == code
    err = capsys.readouterr().err
    assert err.startswith("kodo: error: ")
    assert err.count("\n") == 1
    assert run_failing(error, monkeypatch, "-vv") == code
    assert "Traceback" in capsys.readouterr().err


def test_an_error_in_groups_is_found_and_an_interrupt_wins() -> None:
    inner = ConfigError("deep")
    group = ExceptionGroup("a", [ExceptionGroup("b", [ValueError(), inner])])
    assert cause(group) is inner
    both = BaseExceptionGroup("c", [inner, KeyboardInterrupt()])
    assert error_code(cause(both)) == 130
    assert error_code(KodoError()) == 1


def test_an_interrupt_is_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_failing(KeyboardInterrupt(), monkeypatch) == 130
    assert capsys.readouterr().err == "kodo: interrupted\n"


def test_an_error_is_made_safe_and_keys_are_blacked_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_failing(ConfigError("bad\x1b[31m\nBearer abcdefgh12345678"), monkeypatch)
    assert capsys.readouterr().err == "kodo: error: bad\\x1b[31m Bearer ***\n"


def test_outcomes_have_the_codes_of_the_contract() -> None:
    assert [outcome_code(outcome) for outcome in get_args(RunOutcome)] == [0, 0, 1, 1, 3, 4, 130]


def test_a_closed_pipe_is_quiet(kodo: Kodo) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "kodo", "completion", "fish"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait() == 141


def test_the_real_command_in_a_process_of_its_own(kodo: Kodo) -> None:
    assert kodo.process("--version").out == f"kodo {__version__}\n"
    ran = kodo.process("config", "show", "-c", "limits.tokns=1")
    assert ran.code == 2
    assert ran.err == snapshot(
        "kodo: error: -c: unknown key 'limits.tokns'; did you mean 'limits.tokens'?\n"
    )
    assert "Traceback" not in ran.err


def test_a_folder_that_is_not_there(kodo: Kodo) -> None:
    ran = kodo("config", "show", "-C", "nowhere")
    assert ran.code == 2
    assert "no folder 'nowhere'" in ran.err


def test_the_table_names_modules_that_exist() -> None:
    folder = Path(importlib.import_module("kodo.cli").__path__[0])
    for command in COMMANDS.values():
        assert (folder / f"{command.module.rpartition('.')[2]}.py").is_file()


def test_main_reads_the_real_arguments(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["kodo", "--version"])
    assert main() == 0
    assert capsys.readouterr().out.startswith("kodo ")
