"""What builds combined files and says how their tests run.

Knows commands and files of the scratch copy, no language. Guards that files of the copy are written
through the sandbox: a test may have put a symlink in their place.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from kodo.agent.strategies.search.trials.ground import Coverage
from kodo.agent.strategies.search.trials.proposal import Trial
from kodo.agent.strategies.search.trials.schemata.dialect import Dialect
from kodo.base.errors import SandboxError, ToolError
from kodo.core.sandbox import ExecResult, Scratch

MOST_OUTPUT_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Workshop:
    """The scratch copy in which things are built, and the environment of the test command."""

    scratch: Scratch
    env: Mapping[str, str]

    async def execute(self, command: Sequence[str], timeout_s: float) -> ExecResult:
        """Run a command in the copy, for at least a second."""
        return await self.scratch.sandbox.exec(
            list(command),
            env=self.env,
            timeout_s=max(1.0, timeout_s),
            max_output_bytes=MOST_OUTPUT_BYTES,
        )

    async def script(self, name: str, text: str, timeout_s: float) -> ExecResult:
        """Run a shell script in the copy. Raises ToolError where it cannot be written."""
        await self.scratch.sandbox.write(Path(name), text.encode())
        return await self.execute(("bash", name), timeout_s)

    async def read(self, paths: Iterable[str], endings: tuple[str, ...]) -> dict[str, bytes]:
        """Return the texts of those files that are there and have one of the endings."""
        found: dict[str, bytes] = {}
        for path in dict.fromkeys(paths):
            if path.endswith(endings) and (self.scratch.root / path).is_file():
                with suppress(ToolError):
                    found[path] = await self.scratch.sandbox.read(Path(path))
        return found

    async def write(self, texts: Mapping[str, bytes]) -> None:
        """Write files. Raises SandboxError where the copy is spoiled."""
        for path, text in texts.items():
            try:
                await self.scratch.sandbox.write(Path(path), text)
            except ToolError as error:
                raise SandboxError(f"the tests spoiled the scratch copy: {error}") from error


@dataclass(frozen=True, slots=True)
class CompileError:
    """One error of the compiler: its text, and the places that it points at, the main one first."""

    text: str
    places: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Program:
    """A built test program: where it lies, where it runs, and its source or its package."""

    path: str
    folder: str
    source: str


@dataclass(slots=True)
class Build:
    """What a build came to. `made` is false where it did not end well."""

    made: bool
    programs: list[Program] = field(default_factory=list[Program])
    errors: list[CompileError] = field(default_factory=list[CompileError])


class Toolchain(Protocol):
    """Builds the tests of a project, and tells the shell calls that run what was built."""

    @property
    def dialect(self) -> Dialect:
        """How its language holds many bodies."""
        ...

    @property
    def memory_kib(self) -> int:
        """How much address space a test program may have; 0 is no bound."""
        ...

    async def build(self, workshop: Workshop, seconds: float) -> Build | None:
        """Build the tests; None where the time was over. Raises ToolError."""
        ...

    def narrow(self, build: Build, baseline: Trial, names: Sequence[str]) -> list[str]:
        """Return the calls that run only the named tests; empty where that is not known."""
        ...

    def whole(self, build: Build, baseline: Trial) -> list[str]:
        """Return the calls that run all tests; empty where nothing can be run."""
        ...

    async def coverage(self, workshop: Workshop, seconds: float) -> tuple[Coverage, ...]:
        """Return what each test runs, empty where that cannot be measured. Raises ToolError."""
        ...
