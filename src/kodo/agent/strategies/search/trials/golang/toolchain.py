"""Go as a toolchain of combined files: a test program for each package, and its own coverage.

Knows the go command. Guards that a command which does more than `go test` is not taken for one.
"""

import re
import shlex
from collections.abc import Sequence

from kodo.agent.projects.testcommand import TestCommand
from kodo.agent.strategies.search.trials.golang.dialect import GoDialect
from kodo.agent.strategies.search.trials.ground import Coverage
from kodo.agent.strategies.search.trials.proposal import Trial
from kodo.agent.strategies.search.trials.schemata.script import SCRIPT_NAME
from kodo.agent.strategies.search.trials.schemata.toolchain import (
    Build,
    CompileError,
    Program,
    Workshop,
)
from kodo.base.text import repair_utf8

FOLDER = ".kodo-search/go"
COVERAGE_TEST_S = 5
ADDRESS_SPACE_KIB = 8 << 20
_RUN_FLAGS = re.compile(r"^-(?:v|json|count=\S+|cover|vet=\S+|failfast|timeout=\S+|short)$")
_ERROR = re.compile(
    r"^(?:\./)?(?:vet: )?(?P<path>[^\s:]+\.go):(?P<line>\d+):(?:\d+:)? (?P<text>.*)$"
)
_PACKAGE = re.compile(r"^\x1ekodo-package (\d+) (\S+) (\S+) (.*)$", re.MULTILINE)
_RAN = re.compile(r"^\x1ekodo-ran (\S+) (\d+) (\d+)$")
_BLOCK = re.compile(r"^(?P<file>\S+):(?P<first>\d+)\.\d+,(?P<last>\d+)\.\d+ \d+ (?P<count>\d+)$")


def plan_go(command: TestCommand) -> "GoToolchain | None":
    """Return how to build and run the tests in two steps, or None where that is not known."""
    words = command.command
    if isinstance(words, str):
        if re.search(r"[&|;<>$`(\n]", words):
            return None
        try:
            words = tuple(shlex.split(words))
        except ValueError:
            return None
    if tuple(words[:2]) != ("go", "test"):
        return None
    packages = [word for word in words[2:] if not word.startswith("-")]
    flags = [word for word in words[2:] if word.startswith("-")]
    if not all(_RUN_FLAGS.match(word) or word.startswith("-tags=") for word in flags):
        return None
    short = ["-test.short"] if "-short" in flags else []
    tags = [word for word in flags if word.startswith("-tags=")]
    return GoToolchain(packages or ["."], tags, short)


class GoToolchain:
    """See `Toolchain`."""

    memory_kib = ADDRESS_SPACE_KIB

    def __init__(self, packages: Sequence[str], flags: Sequence[str], words: Sequence[str]) -> None:
        self._packages = packages
        self._flags = flags
        self._words = words
        self.dialect = GoDialect()

    async def build(self, workshop: Workshop, seconds: float) -> Build | None:
        """See `Toolchain`."""
        return await self._build(workshop, seconds, [])

    async def _build(self, workshop: Workshop, seconds: float, more: list[str]) -> Build | None:
        tags = shlex.join(self._flags)
        shown = "{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}} {{.Dir}}{{end}}"
        lines = [
            f"to={FOLDER}; rm -rf $to; mkdir -p $to; number=0",
            f"go list {tags} -f '{shown}' {shlex.join(self._packages)} | grep . > $to/packages",
            "while read -r package folder; do number=$((number + 1)); code=0",
            # Without -e the compiler stops at ten errors: each would cost a build.
            f'go test -c -gcflags=-e {tags} {shlex.join(more)} -o "$to/$number.test" "$package"'
            " < /dev/null 2>&1 || code=$?",
            'printf "\\036kodo-package %s %s %s %s\\n" "$code" "$number" "$package" "$folder"',
            "done < $to/packages",
        ]
        result = await workshop.script(SCRIPT_NAME, "\n".join(lines) + "\n", seconds)
        if result.timed_out:
            return None
        return read_build(repair_utf8(result.output), str(workshop.scratch.root))

    def narrow(self, build: Build, baseline: Trial, names: Sequence[str]) -> list[str]:
        """See `Toolchain`; the name of a test's function stands before the first slash."""
        plain = [name.split("::")[-1].split("/")[0] for name in names]
        if not all(re.fullmatch(r"\w+", name) for name in plain):
            return []
        return [call(one, ["-test.run", f"^({'|'.join(plain)})$"]) for one in build.programs]

    def whole(self, build: Build, baseline: Trial) -> list[str]:
        """See `Toolchain`."""
        return [call(one, self._words) for one in build.programs]

    async def coverage(self, workshop: Workshop, seconds: float) -> tuple[Coverage, ...]:
        """See `Toolchain`."""
        build = await self._build(workshop, seconds, ["-cover", "-coverpkg=./..."])
        if build is None or not build.made:
            return ()
        lines = [f"run_s={COVERAGE_TEST_S}; profile=$PWD/{FOLDER}/profile"]
        for number, program in enumerate(build.programs):
            listed = call(program, ["-test.list", "."])
            lines += [
                f"for test in $(eval {shlex.quote(listed)} 2>/dev/null | grep '^Test')",
                f"do [ $SECONDS -lt {round(seconds)} ] || break; code=0; rm -f $profile",
                f"( {call(program, [])} -test.run '^'$test'$' -test.coverprofile=$profile )"
                " > /dev/null 2>&1 || code=$?",
                f'printf "\\036kodo-ran %s %s %s\\n" "$test" "$code" {number}; cat $profile; done',
            ]
        result = await workshop.script(SCRIPT_NAME, "\n".join(lines) + "\n", 2 * seconds)
        return read_coverage(repair_utf8(result.output), build, str(workshop.scratch.root))


def call(program: Program, words: Sequence[str]) -> str:
    """Return the shell text that runs one test program, with the name of each test that passes."""
    return f'cd {shlex.quote(program.folder)} && timeout -s KILL "$run_s" ' + shlex.join(
        [program.path, "-test.v", "-test.paniconexit0", *words]
    )


def read_build(output: str, root: str) -> Build:
    """Return what the build script printed; paths of errors become relative to `root`."""
    build = Build(made=True)
    at = 0
    for package in _PACKAGE.finditer(output):
        code, number, name, folder = package.groups()
        if code == "0":
            build.programs.append(Program(f"{root}/{FOLDER}/{number}.test", folder, name))
        else:
            build.made = False
            build.errors += _errors(output[at : package.start()])
        at = package.end()
    build.made = build.made and bool(build.programs)
    return build


def _errors(output: str) -> list[CompileError]:
    found: list[CompileError] = []
    for line in output.splitlines():
        if match := _ERROR.match(line):
            place = (match["path"], int(match["line"]))
            found.append(CompileError(f"{place[0]}:{place[1]}: {match['text']}", (place,)))
    return found


def read_coverage(output: str, build: Build, root: str) -> tuple[Coverage, ...]:
    """Return what each test ran, by the profiles that follow its name."""
    found: list[Coverage] = []
    folders = {program.source: program.folder for program in build.programs}
    lines: dict[str, set[int]] = {}
    test: tuple[str, bool] | None = None

    def close() -> None:
        if test is not None:
            kept = {path: frozenset(rows) for path, rows in lines.items()}
            found.append(Coverage(test[0], test[1], kept))

    for line in output.split("\n"):  # the mark is a line end for splitlines
        if match := _RAN.match(line):
            close()
            test, lines = (match[1], match[2] == "0"), {}
        elif (block := _BLOCK.match(line)) and block["count"] != "0":
            path = _path_of(block["file"], folders, root)
            rows = range(int(block["first"]), int(block["last"]) + 1)
            lines[path] = lines.get(path, set[int]()).union(rows)
    close()
    return tuple(found)


def _path_of(file: str, folders: dict[str, str], root: str) -> str:
    """Return the path below `root` of a file that is named by its package."""
    package, _, name = file.rpartition("/")
    folder = folders.get(package)
    if folder is None:
        # A package without tests: the longest known one above it tells where it lies.
        near = [known for known in folders if package.startswith(f"{known}/")]
        if not near:
            return file
        known = max(near, key=len)
        folder = folders[known] + package[len(known) :]
    return f"{folder}/{name}".removeprefix(root).lstrip("/")
