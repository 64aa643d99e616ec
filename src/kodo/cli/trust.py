"""`kodo trust`: let a folder's own `.kodo/` files count, take that back, or list such folders."""

import argparse
from pathlib import Path

from kodo.base.errors import ConfigError
from kodo.base.text import printable
from kodo.cli.options import add_common, add_json, work_folder
from kodo.cli.output import print_json
from kodo.runtime.config import PROJECT_FILE, load_settings, read_environment
from kodo.runtime.trust import project_root, read_trust, set_trust

EXAMPLES = """\
examples:
  kodo trust .
  kodo trust --list
  kodo trust --remove ~/work/old-project

Trust counts for exactly one project root. Even then its files set no providers, URLs, keys,
headers, sandbox or hooks.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the folder, --remove and --list."""
    parser.add_argument("folder", metavar="DIR", nargs="?", help="the project's folder")
    parser.add_argument("--remove", action="store_true", help="do not trust it any longer")
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
    set_trust(file, root, trusted=True)
    own = root / PROJECT_FILE
    print(f"trusted: {root}" + (f"; {own} counts from now on" if own.exists() else ""))
    return 0
