"""Child processes: own process group, streamed output with a cap, and a time limit that kills.

Guards that no child outlives its call. Does not know about sandboxes or tools.
"""

import os
import signal
import subprocess
from collections.abc import AsyncIterable, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import anyio
import msgspec

OnOutput = Callable[[bytes], Awaitable[None]]
OnStart = Callable[[int], Coroutine[None, None, None]]


class Completed(msgspec.Struct, frozen=True):
    """How a child ended: `output` is stdout and stderr in the order they came.

    `exit_code` is negative for a signal, as in `subprocess`. `omitted_bytes` counts what was
    dropped from the middle because of `max_output_bytes`.
    """

    exit_code: int
    output: bytes
    omitted_bytes: int
    timed_out: bool
    duration_s: float


class Sends(Protocol):
    """Takes bytes for a child's stdin."""

    async def send(self, item: bytes) -> None:
        """Write all of it. Raises BrokenResourceError where nobody reads."""
        ...

    async def aclose(self) -> None:
        """Close it: the child reads its end."""
        ...


class Receives(Protocol):
    """Gives what a child writes."""

    async def receive(self) -> bytes:
        """Return some bytes. Raises EndOfStream."""
        ...


class Child(Protocol):
    """A process that has been started, the leader of a group of its own."""

    @property
    def pid(self) -> int:
        """Its number, which is that of its group."""
        ...

    @property
    def returncode(self) -> int | None:
        """Its exit code (a signal below zero), or None while it runs."""
        ...

    @property
    def stdin(self) -> Sends | None:
        """Where its input goes."""
        ...

    @property
    def stdout(self) -> Receives | None:
        """Where its output comes from."""
        ...

    async def wait(self) -> int:
        """Wait until it has ended."""
        ...

    async def aclose(self) -> None:
        """Close what is open of it."""
        ...


class _Keeper:
    """Keeps the first and the last half of at most `limit` bytes."""

    __slots__ = ("_half", "_head", "_tail", "total")

    def __init__(self, limit: int) -> None:
        self._half = max(1, limit // 2)
        self._head = bytearray()
        self._tail = bytearray()
        self.total = 0

    def add(self, piece: bytes) -> None:
        self.total += len(piece)
        room = self._half - len(self._head)
        if room > 0:
            self._head += piece[:room]
            piece = piece[room:]
        self._tail += piece
        if len(self._tail) > 2 * self._half:
            del self._tail[: -self._half]

    def result(self) -> tuple[bytes, int]:
        del self._tail[: -self._half]
        omitted = self.total - len(self._head) - len(self._tail)
        if omitted == 0:
            return bytes(self._head + self._tail), 0
        mark = f"\n[… {omitted} bytes left out …]\n".encode()
        return bytes(self._head) + mark + bytes(self._tail), omitted


def kill_group(pid: int) -> None:
    """Kill the process group that `pid` leads; a group that has gone is no error."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


async def run_process(
    argv: Sequence[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: bytes | AsyncIterable[bytes] | None = None,
    timeout_s: float | None = None,
    max_output_bytes: int = 1 << 20,
    on_output: OnOutput | None = None,
    on_start: OnStart | None = None,
    pass_fds: Sequence[int] = (),
) -> Completed:
    """Run `argv` in a process group of its own until it ends, or kill the group at `timeout_s`.

    Cancellation kills the group too. stdin is closed when None; a stream of bytes is fed until it
    ends or the process does. The child inherits the open files `pass_fds`; `on_start` as for
    `attend`. Raises OSError where the program cannot be started.
    """
    started = anyio.current_time()
    process = await anyio.open_process(
        list(argv),
        stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=cwd,
        env=env,
        start_new_session=True,
        pass_fds=pass_fds,
    )
    return await attend(
        process,
        stdin=stdin,
        timeout_s=timeout_s,
        max_output_bytes=max_output_bytes,
        on_output=on_output,
        on_start=on_start,
        started=started,
    )


async def attend(
    process: Child,
    *,
    stdin: bytes | AsyncIterable[bytes] | None = None,
    timeout_s: float | None = None,
    max_output_bytes: int = 1 << 20,
    on_output: OnOutput | None = None,
    on_start: OnStart | None = None,
    started: float | None = None,
) -> Completed:
    """Stay with a child until it has ended, and kill its group at `timeout_s` or on cancellation.

    `on_start` watches it with its number while it runs, and is cancelled when it has ended.
    """
    keeper = _Keeper(max_output_bytes)
    started = anyio.current_time() if started is None else started
    timed_out = False
    try:
        with anyio.move_on_after(timeout_s) as scope:
            async with anyio.create_task_group() as tasks:
                if stdin is not None:
                    tasks.start_soon(_feed, process, stdin)
                if on_start is not None:
                    tasks.start_soon(on_start, process.pid)
                await _drain(process, keeper, on_output)
                await process.wait()
                tasks.cancel_scope.cancel()  # nobody is left to read what is still fed
        timed_out = scope.cancelled_caught
    finally:
        # Background children keep the pipe open after the leader has gone; end them all.
        kill_group(process.pid)
        with anyio.CancelScope(shield=True):
            await process.wait()
            await process.aclose()
    output, omitted = keeper.result()
    return Completed(
        exit_code=process.returncode if process.returncode is not None else -signal.SIGKILL,
        output=output,
        omitted_bytes=omitted,
        timed_out=timed_out,
        duration_s=anyio.current_time() - started,
    )


async def _feed(process: Child, stdin: bytes | AsyncIterable[bytes]) -> None:
    assert process.stdin is not None
    with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
        if isinstance(stdin, bytes):
            await process.stdin.send(stdin)
        else:
            async for piece in stdin:
                await process.stdin.send(piece)
    await process.stdin.aclose()


async def _drain(process: Child, keeper: _Keeper, on_output: OnOutput | None) -> None:
    """Read until the pipe closes, or until the leader has gone and the pipe stays silent."""
    assert process.stdout is not None
    while True:
        if process.returncode is None:
            with anyio.move_on_after(0.25):
                piece = await _receive(process.stdout)
                if not piece:
                    return
                keeper.add(piece)
                if on_output is not None:
                    await on_output(piece)
            continue
        with anyio.move_on_after(0.1) as quiet:
            piece = await _receive(process.stdout)
            if not piece:
                return
            keeper.add(piece)
            if on_output is not None:
                await on_output(piece)
        if quiet.cancelled_caught:
            return


async def _receive(stream: Receives) -> bytes:
    try:
        return await stream.receive()
    except (anyio.EndOfStream, anyio.ClosedResourceError, anyio.BrokenResourceError):
        return b""
