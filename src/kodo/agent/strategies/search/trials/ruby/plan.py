"""How the Ruby runner stands in for a test command: what it loads, with which words.

Knows command lines of ruby and rspec. Guards that any other word leaves the command to itself.
"""

import re
import shlex
from dataclasses import dataclass
from pathlib import PurePosixPath

from kodo.agent.projects.testcommand import TestCommand

MINITEST = ("minitest", "minitest/spec", "minitest/mock")
RSPEC = ("rspec/core", "rspec/expectations", "rspec/mocks")


@dataclass(frozen=True, slots=True)
class RubyPlan:
    """`main` is a file, or a program of `gem`; `folders` are searched for what is required."""

    main: str
    words: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    preload: tuple[str, ...] = MINITEST
    gem: str = ""


def plan_ruby(command: TestCommand) -> RubyPlan | None:
    """Return how the runner would stand in for `command`, or None where it cannot."""
    words = command.command
    if isinstance(words, str):
        if re.search(r"[&|;<>$`(\n]", words):
            return None
        try:
            words = tuple(shlex.split(words))
        except ValueError:
            return None
    if not words:
        return None
    if PurePosixPath(words[0]).name == "rspec":
        return RubyPlan("rspec", tuple(words[1:]), (), RSPEC, "rspec-core")
    if PurePosixPath(words[0]).name != "ruby":
        return None
    folders: list[str] = []
    rest = list(words[1:])
    while rest and rest[0].startswith("-I") and len(rest[0]) > 2:
        folders += rest.pop(0)[2:].split(":")
    if not rest or rest[0].startswith("-") or not rest[0].endswith(".rb"):
        return None
    return RubyPlan(rest[0], tuple(rest[1:]), tuple(folders))
