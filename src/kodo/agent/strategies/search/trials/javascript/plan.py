"""How the runner stands in for a project's test command: which framework, with which words.

Knows package.json's scripts and command lines. Guards that a command it does not wholly understand
is left to the command itself.
"""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import msgspec

from kodo.agent.projects.testcommand import TestCommand

MOST_NESTED_SCRIPTS = 4
_ASSIGNMENT = re.compile(r"^[A-Za-z_]\w*=")
_SHELLISH = re.compile(r"[|;<>$`()~!\\\n]|(?<!&)&(?!&)")
_CHECKERS = {"eslint", "standard", "xo", "prettier", "semistandard", "biome", "oxlint", "jshint"}
_WRAPPERS = {"npx", "c8", "nyc", "cross-env", "dotenv"}
_MANAGERS = {"npm", "yarn", "pnpm"}
_NODE_VALUES = {"-r", "--require", "--import", "--loader", "--experimental-loader"}
_SCRIPT = re.compile(r"\.[cm]?[jt]s$")


@dataclass(frozen=True, slots=True)
class JavascriptPlan:
    """A framework (`node`, `jest`, `mocha`, `vitest`, `plain`) and its words.

    `arguments` are the framework's own words, for `plain` the scripts in order. `node_flags` and
    `env` go to the processes that run tests.
    """

    framework: str
    arguments: tuple[str, ...] = ()
    node_flags: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict[str, str])


class _Package(msgspec.Struct):
    scripts: dict[str, str] = {}


def plan_javascript(command: TestCommand, package: str = "") -> JavascriptPlan | None:
    """Return how the runner would stand in for `command`, or None where it cannot.

    `package` is the text of package.json.
    """
    text = command.command if isinstance(command.command, str) else shlex.join(command.command)
    text = text.removeprefix('PATH="$PWD/node_modules/.bin:$PATH";')
    try:
        scripts = msgspec.json.decode(package, type=_Package).scripts if package else {}
    except msgspec.DecodeError:
        scripts = {}
    steps = _steps(text.strip(), scripts, MOST_NESTED_SCRIPTS)
    if not steps:
        return None
    plans = [_step(words) for words in steps]
    first = plans[0]
    if first is None or len(plans) == 1:
        return first
    if all(plan is not None and plan.framework == "plain" for plan in plans):
        rest = [word for plan in plans if plan is not None for word in plan.arguments]
        same = all(plan is not None and plan.node_flags == first.node_flags for plan in plans)
        return JavascriptPlan("plain", tuple(rest), first.node_flags, first.env) if same else None
    return None


def _steps(text: str, scripts: Mapping[str, str], depth: int) -> list[list[str]] | None:
    """Return the commands that `text` runs one after the other, scripts by name filled in.

    Checkers of style are left out: they run when a candidate is proven. None where unknown.
    """
    if not text or depth < 0 or _SHELLISH.search(text):
        return None
    found: list[list[str]] = []
    for piece in text.split("&&"):
        try:
            words = shlex.split(piece)
        except ValueError:
            return None
        bare = _unwrapped(words)[0]
        if not bare:
            return None
        program = PurePosixPath(bare[0]).name
        if program in _CHECKERS or (program == "tsc" and "--noEmit" in bare):
            continue
        name = _script_name(program, bare[1:])
        if name is None:
            found.append(words)
            continue
        inner = _steps(scripts.get(name, ""), scripts, depth - 1)
        if inner is None:
            return None
        found += inner
    return found


def _script_name(program: str, words: Sequence[str]) -> str | None:
    """Return which script of package.json a package manager is told to run, or None."""
    if program not in _MANAGERS:
        return None
    names = [word for word in words if not word.startswith("-")]
    if names[:1] == ["run"] or names[:1] == ["run-script"]:
        names = names[1:]
    elif names and names[0] in ("t", "tst"):
        names = ["test"]
    return names[0] if names else ""


def _unwrapped(words: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Return the words behind assignments and wrappers, and the assignments."""
    left = list(words)
    env: dict[str, str] = {}
    while left:
        if _ASSIGNMENT.match(left[0]):
            name, _, value = left.pop(0).partition("=")
            env[name] = value
        elif PurePosixPath(left[0]).name in _WRAPPERS:
            left = left[1:]
            while left and left[0].startswith("-"):
                left = left[1:]
        else:
            break
    return left, env


def _step(words: Sequence[str]) -> JavascriptPlan | None:
    left, env = _unwrapped(words)
    if not left:
        return None
    flags: list[str] = []
    program = PurePosixPath(left[0]).name
    rest = left[1:]
    if program == "tsx":
        program, flags = "node", ["--import", "tsx"]
    if program == "node":
        taken = _node(rest, flags)
        if taken is None:
            return None
        program, flags, rest = taken
    if "NODE_OPTIONS" in env:
        flags = [*shlex.split(env.pop("NODE_OPTIONS")), *flags]
    if program == "node-test":
        only = [word for word in rest if word.startswith("-")]
        if any(not word.startswith(("--test-reporter", "--test-timeout")) for word in only):
            return None
        return JavascriptPlan(
            "node", tuple(word for word in rest if word not in only), tuple(flags), env
        )
    if program == "script":
        return JavascriptPlan("plain", (rest[0],), tuple(flags), env) if len(rest) == 1 else None
    if program == "vitest":
        rest = [word for word in rest if word not in ("run", "--run")]
    if program in ("jest", "mocha", "vitest") and not {"--watch", "--watchAll"} & set(rest):
        return JavascriptPlan(program, tuple(rest), tuple(flags), env)
    return None


def _node(words: Sequence[str], before: Sequence[str]) -> tuple[str, list[str], list[str]] | None:
    """Return (what node runs, its flags, the words behind), or None where it runs no tests."""
    flags = list(before)
    rest = list(words)
    tests: list[str] = []
    runs_tests = False
    while rest and rest[0].startswith("-"):
        word = rest.pop(0)
        if word == "--test":
            runs_tests = True
        elif word.startswith("--test-"):
            tests.append(word)
        elif word in ("-e", "--eval", "-p", "--print", "--watch"):
            return None
        else:
            flags.append(word)
            if word in _NODE_VALUES and rest:
                flags.append(rest.pop(0))
    if runs_tests:
        return "node-test", flags, [*tests, *rest]
    if not rest:
        return None
    path = PurePosixPath(rest[0])
    if "node_modules" in path.parts:
        name = path.parts[path.parts.index("node_modules") + 1]
        name = path.stem if name == ".bin" else name.removesuffix("-cli")
        return name, flags, rest[1:]
    if _SCRIPT.search(path.name) or not path.suffix:
        return "script", flags, rest
    return None
