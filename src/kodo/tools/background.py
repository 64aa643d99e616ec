"""Commands that go on running between calls: started by shell, spoken to by shell_input.

Does not know how a sandbox runs them. Guards that all of them end when it is closed, that their
output is bounded, and that there are not too many.
"""

from collections.abc import AsyncGenerator
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import anyio
import msgspec
from anyio.abc import TaskGroup
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from kodo.base.errors import SandboxError, ToolError
from kodo.base.text import repair_utf8
from kodo.core.sandbox import ExecResult, Sandbox

MAX_RUNNING = 16
MAX_WAITING_BYTES = 256 << 10
LIFETIME_S = 24 * 3600.0


class Process(msgspec.Struct):
    """One command in the background. `result` is None while it runs."""

    id: str
    command: str
    scope: anyio.CancelScope
    stdin: MemoryObjectSendStream[bytes]
    waiting: bytearray = msgspec.field(default_factory=bytearray)
    dropped_bytes: int = 0
    result: ExecResult | None = None
    failure: str = ""
    changed: anyio.Event = msgspec.field(default_factory=anyio.Event)

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self.result is None and not self.failure

    async def hear(self, piece: bytes) -> None:
        """Keep output until it is asked for; of too much, the oldest is dropped."""
        self.waiting += piece
        if (extra := len(self.waiting) - MAX_WAITING_BYTES) > 0:
            del self.waiting[:extra]
            self.dropped_bytes += extra
        self.note()

    def note(self) -> None:
        """Wake whoever waits for news."""
        self.changed.set()
        self.changed = anyio.Event()

    def take(self) -> bytes:
        """Return the output since the last time."""
        data = bytes(self.waiting)
        self.waiting.clear()
        if self.dropped_bytes:
            data = f"[… {self.dropped_bytes} bytes left out …]\n".encode() + data
            self.dropped_bytes = 0
        return data


class Background:
    """The commands in the background of one session; an async context manager.

    Without being entered it refuses to start any.
    """

    def __init__(self) -> None:
        self._processes: dict[str, Process] = {}
        self._tasks: TaskGroup | None = None
        self._count = 0

    async def __aenter__(self) -> "Background":
        self._tasks = await anyio.create_task_group().__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        tasks, self._tasks = self._tasks, None
        if tasks is None:
            return None
        tasks.cancel_scope.cancel()
        return await tasks.__aexit__(kind, error, trace)

    def start(self, sandbox: Sandbox, command: str, cwd: Path | None) -> Process:
        """Start a command. Raises ToolError where there are too many, or none may be started."""
        if self._tasks is None:
            raise ToolError("background commands are not available here; run it in the foreground")
        running = [process.id for process in self._processes.values() if process.running]
        if len(running) >= MAX_RUNNING:
            raise ToolError(
                f"{len(running)} commands run in the background, the limit is {MAX_RUNNING};"
                f" stop one of {', '.join(running)} with shell_input"
            )
        self._count += 1
        sender, receiver = anyio.create_memory_object_stream[bytes](64)
        process = Process(f"bg{self._count}", command, anyio.CancelScope(), sender)
        self._processes[process.id] = process
        self._tasks.start_soon(_keep_running, process, sandbox, cwd, receiver)
        return process

    def find(self, name: str) -> Process:
        """Return a process. Raises ToolError naming those there are."""
        try:
            return self._processes[name]
        except KeyError:
            known = ", ".join(self._processes) or "none"
            raise ToolError(f"no background command {name!r}; there are: {known}") from None


async def _keep_running(
    process: Process, sandbox: Sandbox, cwd: Path | None, stdin: MemoryObjectReceiveStream[bytes]
) -> None:
    try:
        with process.scope:
            process.result = await sandbox.exec(
                process.command,
                cwd=cwd,
                stdin=_pieces(stdin),
                timeout_s=LIFETIME_S,
                max_output_bytes=1,
                on_output=process.hear,
            )
        if process.result is None:
            process.failure = "stopped"
    except (SandboxError, ToolError) as error:
        process.failure = str(error)
    finally:
        stdin.close()
        process.stdin.close()
        process.note()


async def _pieces(stream: MemoryObjectReceiveStream[bytes]) -> AsyncGenerator[bytes]:
    with suppress(anyio.EndOfStream, anyio.ClosedResourceError):
        while True:
            yield await stream.receive()


async def listen(process: Process, wait_s: float) -> str:
    """Return the new output as text, after waiting at most `wait_s` for the first of it."""
    with anyio.move_on_after(wait_s):
        while process.running and not process.waiting:
            await process.changed.wait()
    text = repair_utf8(process.take())
    return text if not text or text.endswith("\n") else f"{text}\n"


def ended(process: Process) -> str:
    """Return in words how a process ended that runs no more."""
    if process.result is None:
        return process.failure
    return f"exit code {process.result.exit_code}"
