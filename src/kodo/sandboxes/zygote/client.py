"""Starts commands through a zygote: a process that has loaded what a jail needs and forks for each.

Knows no jail: a rung names the program and gives the plan. Guards that a command is a child of this
process (so it ends with it and nobody else can take its exit code), and that a zygote that has died
is started anew.
"""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

import anyio
from anyio import lowlevel

from kodo.sandboxes.passing import open_filled
from kodo.sandboxes.zygote.request import Request

ANSWER_TIMEOUT_S = 20.0
UNKNOWN_STATUS = 255
"""The exit code of a child whose own was lost, as in asyncio."""
_SOURCE = Path(__file__).parents[3]


class PipeReader:
    """Receives what a child writes."""

    __slots__ = ("_file",)

    def __init__(self, file: int) -> None:
        os.set_blocking(file, False)
        self._file = file

    async def receive(self, max_bytes: int = 65536) -> bytes:
        """Return some bytes. Raises EndOfStream, ClosedResourceError."""
        await lowlevel.checkpoint()  # before the reading: what was read must not be lost
        while self._file >= 0:
            try:
                piece = os.read(self._file, max_bytes)
            except BlockingIOError:
                await anyio.wait_readable(self._file)
                continue
            if not piece:
                raise anyio.EndOfStream
            return piece
        raise anyio.ClosedResourceError

    async def aclose(self) -> None:
        """Close it."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


class PipeWriter:
    """Sends to a child's stdin."""

    __slots__ = ("_file",)

    def __init__(self, file: int) -> None:
        os.set_blocking(file, False)
        self._file = file

    async def send(self, item: bytes) -> None:
        """Write all of it. Raises BrokenResourceError, ClosedResourceError."""
        view = memoryview(item)
        await lowlevel.checkpoint_if_cancelled()
        while view:
            if self._file < 0:
                raise anyio.ClosedResourceError
            try:
                view = view[os.write(self._file, view) :]
            except BlockingIOError:
                await anyio.wait_writable(self._file)
            except BrokenPipeError as error:
                raise anyio.BrokenResourceError from error

    async def aclose(self) -> None:
        """Close it: the child reads its end."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


class Forked:
    """A child that a zygote forked; see `kodo.base.process.Child`."""

    __slots__ = ("_handle", "_status", "pid", "stdin", "stdout")

    def __init__(self, pid: int, stdin: PipeWriter | None, stdout: PipeReader) -> None:
        self.pid = pid
        self.stdin = stdin
        self.stdout = stdout
        self._handle = os.pidfd_open(pid)
        self._status: int | None = None

    @property
    def returncode(self) -> int | None:
        """The exit code (a signal below zero), or None while it runs."""
        if self._status is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:  # SIGCHLD is ignored here, so the kernel took the code
                self._status = UNKNOWN_STATUS
                return self._status
            if pid == self.pid:
                self._status = os.waitstatus_to_exitcode(status)
        return self._status

    async def wait(self) -> int:
        """Wait until it has ended."""
        while (code := self.returncode) is None:
            await anyio.wait_readable(self._handle)
        return code

    async def aclose(self) -> None:
        """Close its pipes; it has ended."""
        if self.stdin is not None:
            await self.stdin.aclose()
        await self.stdout.aclose()
        os.close(self._handle)


class Zygote:
    """Forks for a jail. `imports` is Python that names `enter`; complaints begin with `prefix`."""

    def __init__(
        self, imports: str, prefix: str, *, answer_timeout_s: float = ANSWER_TIMEOUT_S
    ) -> None:
        self._answer_timeout_s = answer_timeout_s
        self._program = (
            f"import sys; sys.path[:0] = [{str(_SOURCE)!r}]\n"
            "from kodo.sandboxes.zygote.server import serve\n"
            f"{imports}\nserve(int(sys.argv[1]), {prefix!r}, enter)"
        )
        self._turn = anyio.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._end: socket.socket | None = None

    async def fork(
        self,
        plan: bytes,
        words: Sequence[str],
        environment: Mapping[str, str],
        *,
        cwd: str,
        doors: Sequence[str] = (),
        files: Sequence[int] = (),
        feeds: bool = False,
    ) -> Forked:
        """Start a command; it has `files` open under their own numbers, and a stdin if `feeds`.

        Raises OSError where no zygote or no child can be started.
        """
        with ExitStack() as stack:
            request = Request(
                parent=os.getpid(),
                plan=plan,
                words=list(words),
                environment=dict(environment),
                cwd=cwd,
                doors=list(doors),
                handles=list(files),
            )
            told = open_filled("request", request.dump(), stack)
            reader, output = os.pipe()
            stack.callback(os.close, output)
            undo = stack.enter_context(ExitStack())
            undo.callback(os.close, reader)
            writer = None
            if feeds:
                source, writer = os.pipe()
                undo.callback(os.close, writer)
            else:
                source = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
            stack.callback(os.close, source)
            pid = await self._ask([told, source, output, *files])
            forked = Forked(
                pid, PipeWriter(writer) if writer is not None else None, PipeReader(reader)
            )
            undo.pop_all()
            return forked

    async def _ask(self, handles: list[int]) -> int:
        async with self._turn:
            # A child that was forked must not be lost: the answer is waited for to its end.
            answer = b""
            try:
                with anyio.CancelScope(shield=True), anyio.fail_after(self._answer_timeout_s):
                    answer = await self._try(handles) or await self._try(handles)
            except TimeoutError as error:
                self.close()  # a late answer must not be taken for that to the next request
                raise OSError(
                    "the process that starts commands did not answer within"
                    f" {self._answer_timeout_s} s"
                ) from error
        if not answer:
            raise OSError("the process that starts commands has died twice")
        pid = int.from_bytes(answer, "little", signed=True)
        if pid < 0:
            raise OSError(-pid, os.strerror(-pid))
        return pid

    async def _try(self, handles: list[int]) -> bytes:
        """Return the answer, or nothing where the zygote has died."""
        end = self._end or self._begin()
        try:
            socket.send_fds(end, [b"f"], handles)
            await anyio.wait_readable(end)
            answer = end.recv(8)
        except (BrokenPipeError, ConnectionResetError):
            answer = b""
        if not answer:
            self.close()
        return answer

    def _begin(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)  # noqa: FBT003
        number = theirs.fileno()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", self._program, str(number)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={},
                cwd="/",
                pass_fds=(number,),
                start_new_session=True,
            )
        self._end = ours
        return ours

    def close(self) -> None:
        """End the zygote; commands that it started go on."""
        process, self._process = self._process, None
        end, self._end = self._end, None
        if end is not None:
            end.close()
        if process is not None:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGKILL)
            process.wait()
