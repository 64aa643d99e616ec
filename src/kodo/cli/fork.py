"""`kodo fork`: branch off an earlier session; the original stays as it is."""

import argparse

from kodo.cli.resume import declare, start

EXAMPLES = """\
examples:
  kodo fork --last "try it with a queue instead"
  kodo fork 01jc8v

Files are not branched: they are as they are now.
"""

MIXED_WORDS = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare options and arguments."""
    declare(parser, "branch off")


def run(arguments: argparse.Namespace) -> int:
    """Go on in a copy of the session. Raises KodoError."""
    return start(arguments, "fork")
