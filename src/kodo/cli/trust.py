"""`kodo trust`: let a folder's own `.kodo/` files count, take that back, or list such folders."""

import argparse
from pathlib import Path

from kodo.base.errors import ConfigError
from kodo.base.text import printable
from kodo.cli.options import add_common, add_json, work_folder
from kodo.cli.output import print_json
from kodo.runtime.config import load_settings, read_environment
from kodo.runtime.trust import Power, powers_of, project_root, read_trust, set_trust

SHOWN_LINES = 40

EXAMPLES = """\
examples:
  kodo trust .
  kodo trust --show .
  kodo trust --list
  kodo trust --remove ~/work/old-project

Trust counts for exactly one project root and for its files as they are now: when one of them
changes, it is asked anew. Untrusted, AGENTS.md is shown to the model as information only, and what
runs there gets no network without asking. Even trusted, its config.toml sets no providers, URLs,
keys, headers, sandbox or hooks; hooks stand in .kodo/hooks.toml, which is shown before it counts.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the folder, --remove and --list."""
    parser.add_argument("folder", metavar="DIR", nargs="?", help="the project's folder")
    parser.add_argument("--remove", action="store_true", help="do not trust it any longer")
    parser.add_argument("--show", action="store_true", help="only show what it would switch on")
    parser.add_argument("--list", action="store_true", help="show the trusted folders")
    add_json(parser)
    add_common(parser)


def run(arguments: argparse.Namespace) -> int:
    """Change or show the list. Raises ConfigError."""
    environment = read_environment()
    file = environment.paths().trust_file
    if arguments.list:
        folders = read_trust(file).folders
        if arguments.json:
            print_json(list(folders))
        else:
            print("\n".join(map(printable, folders)) or "no folder is trusted")
        return 0
    named: str | None = arguments.folder
    if named is None:
        raise ConfigError("name the folder to trust, for example: kodo trust .")
    folder = (work_folder(arguments) / Path(named).expanduser()).resolve()
    if not folder.is_dir() and not arguments.remove:
        raise ConfigError(f"{named!r} is not a folder")
    root = project_root(folder)
    if arguments.remove:
        set_trust(file, root, trusted=False)
        print(f"not trusted any longer: {root}")
        return 0
    load_settings(environment, root, trust=True)  # refuse what could not be used anyway
    powers = powers_of(root)
    if arguments.json:
        print_json(powers)
    else:
        _show(root, powers)
    if arguments.show:
        return 0
    set_trust(file, root, trusted=True)
    if not arguments.json:
        print(f"trusted: {root}")
    return 0


def _show(root: Path, powers: tuple[Power, ...]) -> None:
    """Print what trust switches on, hidden characters made visible."""
    if not powers:
        print(f"{root} has no files of its own that trust would switch on")
    for power in powers:
        print(f"{power.path}: {power.may}")
        lines = printable(power.text).splitlines()
        for line in lines[:SHOWN_LINES]:
            print(f"  | {line}")
        if len(lines) > SHOWN_LINES:
            print(f"  | … {len(lines) - SHOWN_LINES} more lines")
