"""A sandbox for tests: files in a dict, and commands whose results are written down beforehand.

Runs nothing and touches no disk. An unexpected command is an error, as in the scripted model.
"""

from collections import deque
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from kodo.base.errors import SandboxError, ToolError
from kodo.core.sandbox import ExecResult, Guarantee


@dataclass(slots=True)
class Ran:
    """A command that was asked for: what, where, and with which input."""

    command: Sequence[str] | str
    cwd: Path | None
    stdin: bytes


@dataclass(slots=True)
class Memory:
    """Plays `results` in order, or asks `answer`; keeps what was asked in `ran`."""

    files: dict[str, bytes] = field(default_factory=dict[str, bytes])
    results: deque[ExecResult] = field(default_factory=deque[ExecResult])
    answer: Callable[[str], ExecResult] | None = None
    workspace: Path = Path("/workspace")
    ran: list[Ran] = field(default_factory=list[Ran])
    closed: bool = False

    @property
    def name(self) -> str:
        """Always `memory`."""
        return "memory"

    @property
    def guarantees(self) -> frozenset[Guarantee]:
        """Everything holds where nothing runs."""
        return frozenset(
            {"write_outside_denied", "read_secrets_denied", "network_denied", "processes_ended"}
        )

    def expect(self, results: Iterable[ExecResult]) -> None:
        """Add results for the next commands."""
        self.results.extend(results)

    async def exec(
        self,
        command: Sequence[str] | str,
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: bytes | AsyncIterable[bytes] | None = None,
        timeout_s: float = 120,
        max_output_bytes: int = 1 << 20,
        on_output: Callable[[bytes], Awaitable[None]] | None = None,
    ) -> ExecResult:
        """Return the next written result. Raises SandboxError where there is none."""
        text = command if isinstance(command, str) else " ".join(command)
        given = stdin if isinstance(stdin, bytes) else b""
        if stdin is not None and not isinstance(stdin, bytes):
            given = b"".join([piece async for piece in stdin])
        self.ran.append(Ran(command, cwd, given))
        if self.results:
            result = self.results.popleft()
        elif self.answer is not None:
            result = self.answer(text)
        else:
            raise SandboxError(f"the memory sandbox has no result for {text!r}; script one")
        if on_output is not None and result.output:
            await on_output(result.output)
        return result

    async def read(self, path: Path) -> bytes:
        """Return a file of the dict. Raises ToolError where there is none."""
        name = self._name(path)
        try:
            return self.files[name]
        except KeyError:
            raise ToolError(f"cannot read {str(path)!r}: it does not exist") from None

    async def write(self, path: Path, data: bytes | None) -> None:
        """Put a file into the dict, or take it out. Raises ToolError outside the workspace."""
        name = self._name(path)
        if data is not None:
            self.files[name] = data
        elif self.files.pop(name, None) is None:
            raise ToolError(f"cannot delete {str(path)!r}: it does not exist")

    async def aclose(self) -> None:
        """Remember that it was closed."""
        self.closed = True

    def _name(self, path: Path) -> str:
        parts: list[str] = []
        for part in PurePosixPath(self.workspace / path).parts:
            if part == "..":
                parts.pop()
            else:
                parts.append(part)
        full = PurePosixPath(*parts)
        if not full.is_relative_to(self.workspace):
            raise ToolError(f"path {str(path)!r} is outside the workspace {str(self.workspace)!r}")
        return str(full.relative_to(self.workspace))
