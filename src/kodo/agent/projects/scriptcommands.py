"""Test commands of Python, JavaScript, TypeScript and Ruby, found in build files and file names.

Knows build files and which programs are there, not how to run anything. Guards that the preferred
runner of a language comes before its fallbacks.
"""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import msgspec

from kodo.agent.projects.listing import Listing
from kodo.agent.projects.testcommand import TestCommand

_PYTHON_ENV = {"PYTHONDONTWRITEBYTECODE": "1"}
_NODE_ENV = {"CI": "1", "NO_COLOR": "1", "FORCE_COLOR": "0"}


class _Package(msgspec.Struct):
    """The part of package.json that tells how tests run."""

    scripts: dict[str, str] = {}
    dependencies: dict[str, str] = {}
    dev_dependencies: dict[str, str] = msgspec.field(name="devDependencies", default_factory=dict)


def python_commands(listing: Listing) -> Iterator[TestCommand]:
    """Yield pytest, unittest and the small built-in runner, the likeliest first."""
    tests = [
        path
        for path in listing.tests.get("python", [])
        if PurePosixPath(path).name not in ("conftest.py", "__init__.py")
    ]
    if not tests:
        return
    python = "python3" if listing.which("python3") or not listing.which("python") else "python"
    for local in (".venv/bin/python", "venv/bin/python"):
        if (listing.root / local).exists():
            python = local
    wants_pytest = _uses_pytest(listing, tests)
    has_pytest = "pytest" in listing.python_modules
    base = (python, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    pytest = TestCommand(
        (*base, *_outside_discovery(tests)),
        "python",
        "pytest",
        origin="config" if wants_pytest else "guess",
        file_command=(*base, "{file}"),
        name_command=(*base, "{file}::{name}"),
        env=_PYTHON_ENV,
        available=has_pytest,
    )
    if has_pytest:
        yield pytest
    if not wants_pytest:
        yield _unittest(python, tests)
    source = Path(__file__).with_name("tinyrunner.py").read_text("utf-8")
    tiny = (python, "-c", source)
    if not has_pytest:
        yield TestCommand(
            (*tiny, *tests[:200]),
            "python",
            "tiny",
            file_command=(*tiny, "{file}"),
            name_command=(*tiny, "{file}::{name}"),
            env=_PYTHON_ENV,
        )
        yield pytest


def _uses_pytest(listing: Listing, tests: list[str]) -> bool:
    if listing.has("pytest.ini", "conftest.py", ".pytest.ini"):
        return True
    if any("[tool.pytest" in listing.read(file) for file in ("pyproject.toml",)):
        return True
    if "[tool:pytest]" in listing.read("setup.cfg") or "[pytest]" in listing.read("tox.ini"):
        return True
    return any(
        re.search(r"^(import pytest|from pytest|def test|class Test\w*:)", text, re.MULTILINE)
        for text in (listing.read(path) for path in tests[:20])
    )


def _outside_discovery(tests: list[str]) -> tuple[str, ...]:
    """Return the test files to name, where pytest would not find them by itself."""
    names = [PurePosixPath(path).name for path in tests]
    found = any(name.startswith("test_") or name.endswith("_test.py") for name in names)
    return () if found else tuple(tests[:200])


def _unittest(python: str, tests: list[str]) -> TestCommand:
    base = (python, "-m", "unittest")
    folders = sorted({str(PurePosixPath(path).parent) for path in tests})
    plain = all(PurePosixPath(path).name.startswith("test") for path in tests)
    if plain and len(folders) == 1:
        command = base if folders == ["."] else (*base, "discover", "-s", folders[0], "-t", ".")
    else:
        command = (*base, *tests[:200])
    return TestCommand(
        command,
        "python",
        "unittest",
        file_command=(*base, "{file}"),
        name_command=(*base, "{module}.{name}"),
        env=_PYTHON_ENV,
    )


def node_commands(listing: Listing) -> Iterator[TestCommand]:
    """Yield what package.json says, then the runner that is installed, then plain node."""
    language = "typescript" if listing.tests.get("typescript") else "javascript"
    tests = [
        path for name in ("javascript", "typescript", "tsx") for path in listing.tests.get(name, [])
    ]
    package = _Package()
    text = listing.read("package.json")
    if text:
        try:
            package = msgspec.json.decode(text, type=_Package)
        except msgspec.DecodeError:
            package = _Package()
    script = package.scripts.get("test", "")
    if "no test specified" in script:
        script = ""
    known = {**package.dependencies, **package.dev_dependencies}
    runner = next((name for name in ("vitest", "jest", "mocha") if name in script), "")
    if not runner and not script:
        runner = next((name for name in ("vitest", "jest", "mocha") if name in known), "")
    if not runner and ("node --test" in script or (not script and tests)):
        runner = "node"
    one_file, one_name = _node_parts(listing, runner, script, language)
    if script:
        manager = next(
            (
                program
                for program, lock in (("pnpm", "pnpm-lock.yaml"), ("yarn", "yarn.lock"))
                if listing.has(lock) and listing.which(program)
            ),
            "npm",
        )
        argv = (manager, "test", "--silent") if manager == "npm" else (manager, "test")
        command: tuple[str, ...] | str = argv
        if not listing.which(manager) and listing.which("node"):
            command = f'PATH="$PWD/node_modules/.bin:$PATH"; {script}'
        yield TestCommand(
            command,
            language,
            runner or "node",
            origin="config",
            file_command=one_file,
            name_command=one_name,
            env=_NODE_ENV,
            available=bool(listing.which(manager) or listing.which("node")),
        )
    elif runner and runner != "node":
        yield TestCommand(
            one_file[:-1],
            language,
            runner,
            file_command=one_file,
            name_command=one_name,
            env=_NODE_ENV,
            available=bool(listing.which("node")),
        )
    elif tests:
        yield TestCommand(
            ("node", "--test", *tests[:200]),
            language,
            "node",
            file_command=one_file,
            name_command=one_name,
            env=_NODE_ENV,
            available=bool(listing.which("node")),
        )


def _node_parts(
    listing: Listing, runner: str, script: str, language: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return how the runner takes one file, and one test of a file."""
    local = f"node_modules/.bin/{runner}"
    program = (local,) if (listing.root / local).exists() else ("npx", "--no-install", runner)
    if runner == "jest":
        return (*program, "{file}"), (*program, "{file}", "-t", "{name}")
    if runner == "vitest":
        return (*program, "run", "{file}"), (*program, "run", "{file}", "-t", "{name}")
    if runner == "mocha":
        return (*program, "{file}"), (*program, "{file}", "-f", "{name}")
    if runner == "node" or script.startswith("node "):
        node = ("node", "--test")
        if language == "typescript" and "tsx" in script:
            node = ("node", "--import", "tsx", "--test")
        return (*node, "{file}"), (*node, "--test-name-pattern={name}", "{file}")
    return (), ()


def ruby_commands(listing: Listing) -> Iterator[TestCommand]:
    """Yield RSpec, rake, then the test files run by ruby itself."""
    tests = listing.tests.get("ruby", [])
    specs = [path for path in tests if path.endswith("_spec.rb")]
    plain = [path for path in tests if path not in specs and "helper" not in path]
    if specs:
        yield TestCommand(
            ("rspec",),
            "ruby",
            "rspec",
            origin="config" if listing.has(".rspec") else "guess",
            file_command=("rspec", "{file}"),
            name_command=("rspec", "{file}", "-e", "{name}"),
            available=bool(listing.which("rspec")),
        )
    base = ("ruby", "-I.", "-Ilib", "-Itest")
    one_file = (*base, "{file}")
    one_name = (*base, "{file}", "-n", "{name}")
    rakefile = listing.read("Rakefile")
    if "TestTask" in rakefile or re.search(r"task\s+:?test\b", rakefile):
        yield TestCommand(
            ("rake", "test"),
            "ruby",
            "minitest",
            origin="config",
            file_command=one_file,
            name_command=one_name,
            available=bool(listing.which("rake")),
        )
    if plain:
        loader = "ARGV.each { |file| require File.expand_path(file) }; ARGV.clear"
        yield TestCommand(
            (*base, "-e", loader, *plain[:200]) if len(plain) > 1 else (*base, plain[0]),
            "ruby",
            "minitest",
            file_command=one_file,
            name_command=one_name,
            available=bool(listing.which("ruby")),
        )
