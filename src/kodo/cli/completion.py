"""`kodo completion`: scripts for bash, zsh and fish, made from the table of commands."""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

from kodo.cli.border import load_command, make_parser
from kodo.cli.main import COMMANDS

EXAMPLES = """\
examples:
  kodo completion bash > ~/.local/share/bash-completion/completions/kodo
  kodo completion zsh > ~/.zfunc/_kodo
  kodo completion fish > ~/.config/fish/completions/kodo.fish
"""


@dataclass(frozen=True, slots=True)
class Words:
    """What can follow a command: its actions, the options of each, and choices of options."""

    actions: dict[str, tuple[str, ...]]
    options: tuple[str, ...]
    choices: dict[str, tuple[str, ...]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the shell."""
    parser.add_argument("shell", choices=("bash", "zsh", "fish"))


def run(arguments: argparse.Namespace) -> int:
    """Print the script."""
    words = {name: words_of(name) for name in COMMANDS}
    made = {"bash": bash, "zsh": zsh, "fish": fish}[arguments.shell](words)
    print("\n".join(made))
    return 0


def words_of(name: str) -> Words:
    """Return what can follow a command, read off its parser."""
    command = COMMANDS[name]
    return _read(make_parser(name, load_command(command.module), command.summary))


def _read(parser: argparse.ArgumentParser) -> Words:
    actions: dict[str, tuple[str, ...]] = {}
    options: list[str] = []
    choices: dict[str, tuple[str, ...]] = {}
    for item in parser._actions:  # pyright: ignore[reportPrivateUsage]
        if isinstance(item, argparse._SubParsersAction):  # pyright: ignore[reportPrivateUsage]
            for name, inner in item.choices.items():  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
                found = _read(inner)  # pyright: ignore[reportUnknownArgumentType]
                actions[str(name)] = found.options  # pyright: ignore[reportUnknownArgumentType]
                choices.update(found.choices)
        elif item.option_strings:
            options += item.option_strings
            if item.choices:
                for flag in item.option_strings:
                    choices[flag] = tuple(map(str, item.choices))
        elif item.choices:
            actions.update({str(choice): () for choice in item.choices})
    return Words(actions, tuple(options), choices)


def bash(words: dict[str, Words]) -> Iterator[str]:
    """Yield the lines of a bash script."""
    yield "# bash completion for kodo"
    yield "_kodo() {"
    yield '  local current="${COMP_WORDS[COMP_CWORD]}" previous="${COMP_WORDS[COMP_CWORD-1]}"'
    yield '  if [ "$COMP_CWORD" -eq 1 ]; then'
    yield f"    COMPREPLY=($(compgen -W '{' '.join(words)} --help --version' -- \"$current\"))"
    yield "    return"
    yield "  fi"
    yield '  case "$previous" in'
    merged = {flag: values for item in words.values() for flag, values in item.choices.items()}
    for flag, values in sorted(merged.items()):
        offered = " ".join(values)
        yield f"    {flag}) COMPREPLY=($(compgen -W '{offered}' -- \"$current\")); return;;"
    yield '    -C|--cwd|--cd) COMPREPLY=($(compgen -d -- "$current")); return;;'
    yield "  esac"
    yield '  case "${COMP_WORDS[1]}" in'
    for name, item in words.items():
        inner = {flag for flags in item.actions.values() for flag in flags}
        offered = " ".join([*item.actions, *dict.fromkeys((*item.options, *sorted(inner)))])
        yield f"    {name}) COMPREPLY=($(compgen -W '{offered}' -- \"$current\"));;"
    yield "  esac"
    yield "}"
    yield "complete -o default -F _kodo kodo"


def zsh(words: dict[str, Words]) -> Iterator[str]:
    """Yield the lines of a zsh script."""
    yield "#compdef kodo"
    yield "_kodo() {"
    yield "  local -a commands"
    yield "  commands=("
    for name in words:
        yield f"    '{name}:{COMMANDS[name].summary}'"
    yield "  )"
    yield "  if (( CURRENT == 2 )); then _describe 'command' commands; return; fi"
    yield '  case "${words[2]}" in'
    for name, item in words.items():
        inner = {flag for flags in item.actions.values() for flag in flags}
        offered = " ".join([*item.actions, *dict.fromkeys((*item.options, *sorted(inner)))])
        yield f"    {name}) compadd -- {offered}; _files;;"
    yield "  esac"
    yield "}"
    yield '_kodo "$@"'


def fish(words: dict[str, Words]) -> Iterator[str]:
    """Yield the lines of a fish script."""
    yield "# fish completion for kodo"
    for name in words:
        summary = COMMANDS[name].summary
        yield f"complete -c kodo -n __fish_use_subcommand -f -a {name} -d '{summary}'"
    for name, item in words.items():
        here = f"-n '__fish_seen_subcommand_from {name}'"
        if item.actions:
            yield f"complete -c kodo {here} -f -a '{' '.join(item.actions)}'"
        inner = {flag for flags in item.actions.values() for flag in flags}
        for flag in dict.fromkeys((*item.options, *sorted(inner))):
            kind = f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}"
            values = item.choices.get(flag)
            offered = f" -x -a '{' '.join(values)}'" if values else ""
            yield f"complete -c kodo {here} {kind}{offered}"
