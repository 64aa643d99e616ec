"""What kind of project a workspace is: languages, source files, test files, and how tests run.

Reads file names and build files; runs nothing but one probe of the programs in the sandbox. Guards
its cost: the walk is capped and skips vendored folders.
"""

import os
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import msgspec

from kodo.agent.projects.compiledcommands import (
    cpp_commands,
    go_commands,
    java_commands,
    make_commands,
    rust_commands,
)
from kodo.agent.projects.listing import Listing
from kodo.agent.projects.scriptcommands import node_commands, python_commands, ruby_commands
from kodo.agent.projects.statedcommands import as_command, runner_of, stated_commands
from kodo.agent.projects.testcommand import TestCommand
from kodo.core.messages import Value
from kodo.core.sandbox import Sandbox
from kodo.syntax.languages import language_of

__all__ = ["MAX_FILES", "Project", "TestCommand", "Tools", "detect_project", "probe_tools"]

MAX_FILES = 20_000
_SKIPPED = frozenset(
    [
        "node_modules",
        "vendor",
        "target",
        "build",
        "dist",
        "venv",
        "env",
        "__pycache__",
        "third_party",
        "bower_components",
        "site-packages",
        "coverage",
        "out",
        "bin",
        "obj",
        "Pods",
        "deps",
        "_build",
        "cmake-build-debug",
    ]
)
_PROGRAMS = (
    "python3",
    "python",
    "node",
    "npm",
    "npx",
    "yarn",
    "pnpm",
    "cargo",
    "rustc",
    "go",
    "mvn",
    "gradle",
    "java",
    "javac",
    "g++",
    "gcc",
    "clang++",
    "cmake",
    "ctest",
    "make",
    "ruby",
    "rake",
    "rspec",
    "bundle",
    "git",
    "rg",
)
_MODULES = ("pytest", "unittest", "tox", "hypothesis")
_TEST_NAME = {
    "python": re.compile(r"^(test_.*|.*_test|tests?|conftest)\.pyi?$"),
    "javascript": re.compile(r"([._-](test|spec)|^test.*)\.[cm]?jsx?$"),
    "typescript": re.compile(r"([._-](test|spec)|^test.*)\.[cm]?ts$"),
    "tsx": re.compile(r"[._-](test|spec)\.tsx$"),
    "rust": re.compile(r"(^|_)tests?\.rs$"),
    "go": re.compile(r"_test\.go$"),
    "java": re.compile(r"(Tests?|IT|TestCase)\.java$|^Test[A-Z].*\.java$"),
    "c": re.compile(r"^tests?[_.]|[_-]tests?\.c$"),
    "cpp": re.compile(r"^tests?[_.]|([_.-]tests?|Tests?)\.\w+$"),
    "ruby": re.compile(r"_(test|spec)\.rb$|^test_.*\.rb$"),
    "bash": re.compile(r"^test.*\.sh$|_test\.sh$"),
}
_TEST_FOLDERS = {"test", "tests", "__tests__", "spec", "specs", "testing"}


class Tools(Value, frozen=True):
    """What is installed where the tests will run: program name → path, and Python modules."""

    programs: dict[str, str] = msgspec.field(default_factory=dict[str, str])
    python_modules: frozenset[str] = frozenset()

    def which(self, program: str) -> str | None:
        """Return where `program` lies, or None."""
        return self.programs.get(program)


class Project(Value, frozen=True):
    """A workspace as the file names tell it. Paths are relative to it, with forward slashes.

    `languages` are ordered by number of files, most first. `source_files` and `test_files` do not
    overlap. `truncated`: the walk met MAX_FILES and the lists are not whole.
    """

    languages: tuple[str, ...] = ()
    source_files: tuple[str, ...] = ()
    test_files: tuple[str, ...] = ()
    test_commands: tuple[TestCommand, ...] = ()
    truncated: bool = False


async def probe_tools(sandbox: Sandbox) -> Tools:
    """Ask the sandbox, in one command of at most 20 s, which toolchains it has.

    Raises SandboxError where the jail cannot run. What does not answer counts as absent.
    """
    imports = "; ".join(
        f"print('module', '{name}') if find_spec('{name}') else None" for name in _MODULES
    )
    script = (
        f'for p in {" ".join(_PROGRAMS)}; do w=$(command -v $p) && echo "program $p $w"; done; '
        f'$(command -v python3 || command -v python) -c "from importlib.util import find_spec; '
        f'{imports}" 2>/dev/null || true'
    )
    result = await sandbox.exec(script, timeout_s=20)
    programs: dict[str, str] = {}
    modules: set[str] = set()
    for line in result.output.decode("utf-8", "replace").splitlines():
        words = line.split(maxsplit=2)
        if len(words) == 3 and words[0] == "program":
            programs[words[1]] = words[2]
        elif len(words) == 2 and words[0] == "module":
            modules.add(words[1])
    return Tools(programs, frozenset(modules))


def detect_project(
    root: Path,
    *,
    which: Callable[[str], str | None],
    python_modules: frozenset[str] = frozenset(),
    task: str = "",
) -> Project:
    """Return what `root` holds and the ranked ways to test it.

    `which` tells where a program lies in the sandbox; `python_modules` which modules its Python
    can import. A command that `task` or an AGENTS.md states comes first, then commands of the main
    language, then others; what is not available comes last. Unreadable folders are skipped. A build
    file over 256 KiB is not read.
    """
    files, truncated = _walk(root)
    counts: Counter[str] = Counter()
    tests: dict[str, list[str]] = {}
    sources: list[str] = []
    for path in files:
        language = language_of(path)
        if language is None:
            continue
        counts[language] += 1
        if is_test_file(path):
            tests.setdefault(language, []).append(path)
        else:
            sources.append(path)
    listing = Listing(root, files, tests, which, python_modules)
    languages = tuple(name for name, _ in counts.most_common())
    return Project(
        languages=languages,
        source_files=tuple(sources),
        test_files=tuple(path for name in languages for path in tests.get(name, [])),
        test_commands=_ranked(listing, languages, task),
        truncated=truncated,
    )


def is_test_file(path: str) -> bool:
    """Whether a source file holds tests, by its name and folders."""
    file = PurePosixPath(path)
    language = language_of(path)
    if language is None:
        return False
    if _TEST_NAME[language].search(file.name):
        return True
    folders = set(file.parts[:-1])
    if "src" in folders and "test" in folders:  # the layout of Maven and Gradle
        return True
    return bool(folders & _TEST_FOLDERS) and language != "go"


def _walk(root: Path) -> tuple[tuple[str, ...], bool]:
    """Return the files below `root`, breadth first and sorted, and whether the cap was met.

    Left out are symlinks to what lies outside.
    """
    found: list[str] = []
    queue = [""]
    for folder in queue:
        try:
            with os.scandir(root / folder) as entries:
                children = sorted(entries, key=lambda entry: entry.name)
        except OSError:
            continue
        for entry in children:
            path = f"{folder}/{entry.name}" if folder else entry.name
            try:
                is_folder = entry.is_dir(follow_symlinks=False)
            except OSError:
                continue
            if is_folder:
                if entry.name not in _SKIPPED and not entry.name.startswith("."):
                    queue.append(path)
            elif entry.is_symlink() and not _stays(root, path):
                continue  # its text would be read for the model
            elif len(found) >= MAX_FILES:
                return tuple(found), True
            else:
                found.append(path)
    return tuple(found), False


def _stays(root: Path, path: str) -> bool:
    return Path(os.path.realpath(root / path)).is_relative_to(os.path.realpath(root))


def _ranked(listing: Listing, languages: tuple[str, ...], task: str) -> tuple[TestCommand, ...]:
    found: list[TestCommand] = []
    for commands in (
        python_commands,
        node_commands,
        rust_commands,
        go_commands,
        java_commands,
        cpp_commands,
        ruby_commands,
    ):
        found += commands(listing)
    rank = {name: place for place, name in enumerate(languages)}
    found.sort(key=lambda command: rank.get(command.language, len(rank)))
    compiled = bool(languages) and languages[0] in {"c", "cpp", "bash"}
    made = list(make_commands(listing))
    found = [*made, *found] if compiled else [*found, *made]
    stated = [*stated_commands(task)]
    for name in ("AGENTS.md", "CLAUDE.md", "CONTRIBUTING.md"):
        stated += stated_commands(listing.read(name))
    first = [_stated(text, found) for text in dict.fromkeys(stated)]
    known = {command.text for command in first}
    rest = [command for command in found if command.text not in known]
    rest.sort(key=lambda command: not command.available)
    return (*first, *rest)


def _stated(text: str, found: list[TestCommand]) -> TestCommand:
    """Return a stated command; how to run single tests comes from the detected one of its kind."""
    runner, language = runner_of(text)
    for command in found:
        same = command.runner == runner if runner else command.language == language != ""
        if same:
            return msgspec.structs.replace(
                command, command=as_command(text), origin="stated", available=True
            )
    return TestCommand(as_command(text), language, runner, origin="stated")
