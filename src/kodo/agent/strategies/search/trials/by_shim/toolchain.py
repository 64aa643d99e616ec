"""A test command as a toolchain: its compilers are stood in for, so that each build is done once.

Knows which programs are compilers, and how they name errors. Guards that a command without one of
them is run as it is.
"""

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from kodo.agent.projects.testcommand import TestCommand
from kodo.agent.strategies.search.trials.by_shim.c_dialect import CDialect
from kodo.agent.strategies.search.trials.by_shim.java_dialect import JavaDialect
from kodo.agent.strategies.search.trials.ground import Coverage
from kodo.agent.strategies.search.trials.proposal import Trial
from kodo.agent.strategies.search.trials.schemata.dialect import Dialect
from kodo.agent.strategies.search.trials.schemata.script import MEMORY_KIB
from kodo.agent.strategies.search.trials.schemata.toolchain import (
    Build,
    CompileError,
    Program,
    Workshop,
)
from kodo.base.text import repair_utf8

FOLDER = ".kodo-search"
MOST_ERROR_CHARACTERS = 600
LINES_OF_ERROR = 5
SHIM_NAME = f"{FOLDER}/shim.sh"
COMPILERS = ("cc", "gcc", "clang", "c++", "g++", "clang++")
SHIMS = (*COMPILERS, "javac", "java")
_NATIVE = re.compile(
    r"(?:^|[\s;&(/])(?:make|cmake|ctest|cc|gcc|clang|c\+\+|g\+\+|clang\+\+)(?=\s|$)"
)
_JAVA = re.compile(r"(?:^|[\s;&(/])javac(?=\s|$)")
_ERROR = re.compile(
    r"^(?P<path>[^\s:][^:\n]*\.\w+):(?P<line>\d+):(?:\d+:)? (?:fatal )?error: (?P<text>.*)$",
    re.MULTILINE,
)


def plan_shims(command: TestCommand) -> "ShimToolchain | None":
    """Return how to run the command with shims, or None where it names no known compiler."""
    text = command.command if isinstance(command.command, str) else shlex.join(command.command)
    if command.language in ("java", "") and _JAVA.search(text):
        return ShimToolchain(text, JavaDialect(), 0)  # a JVM reserves more than it uses
    if command.language in ("c", "cpp", "") and _NATIVE.search(text):
        return ShimToolchain(text, CDialect(), MEMORY_KIB)
    return None


class ShimToolchain:
    """See `Toolchain`. `text` is the whole test command."""

    def __init__(self, text: str, dialect: Dialect, memory_kib: int) -> None:
        self._text = text
        self.dialect = dialect
        self.memory_kib = memory_kib

    async def build(self, workshop: Workshop, seconds: float) -> Build | None:
        """See `Toolchain`: the command runs once, and what its compilers made is kept."""
        shim = Path(__file__).with_name("shim.sh").read_bytes()
        await workshop.scratch.sandbox.write(Path(SHIM_NAME), shim)
        names = " ".join(SHIMS)
        lines = [
            f"rm -rf {FOLDER}/shims {FOLDER}/built; mkdir -p {FOLDER}/shims {FOLDER}/built",
            f"for name in {names}; do cp {SHIM_NAME} {FOLDER}/shims/$name; done",
            f"chmod +x {FOLDER}/shims/*; run_s={max(1, round(seconds))}",
            self._call(),
        ]
        result = await workshop.execute(("bash", "-c", "\n".join(lines)), seconds)
        if result.timed_out:
            return None
        errors = read_errors(repair_utf8(result.output), str(workshop.scratch.root))
        return Build(not errors, [Program(self._text, ".", "")], errors)

    def _call(self) -> str:
        words = f'timeout -s KILL "$run_s" bash -c {shlex.quote(self._text)}'
        path = f'export PATH="$PWD/{FOLDER}/shims:$PATH"'
        if "mktemp" not in self._text:
            return f"{path}; {words}"
        # What the command leaves in its temporary folder would fill the disk over many trials.
        return f'{path} TMPDIR=$(mktemp -d); {words}; code=$?; rm -rf "$TMPDIR"; exit $code'

    def narrow(self, build: Build, baseline: Trial, names: Sequence[str]) -> list[str]:
        """See `Toolchain`; the command takes no names of tests."""
        return []

    def whole(self, build: Build, baseline: Trial) -> list[str]:
        """See `Toolchain`."""
        return [self._call()]

    async def coverage(self, workshop: Workshop, seconds: float) -> tuple[Coverage, ...]:
        """See `Toolchain`; not measured."""
        return ()


def read_errors(output: str, root: str) -> list[CompileError]:
    """Return the errors of C, C++ and Java compilers, with paths relative to `root`."""
    found: list[CompileError] = []
    for match in _ERROR.finditer(output):
        path = match["path"].removeprefix(f"{root}/").removeprefix("./")
        more = output[match.end() : match.end() + MOST_ERROR_CHARACTERS].split("\n")[
            1:LINES_OF_ERROR
        ]
        text = "\n".join([match["text"], *more])
        found.append(CompileError(text, ((path, int(match["line"])),)))
    return found
