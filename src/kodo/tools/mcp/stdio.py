"""Carries MCP over the stdin and stdout of a command in its own jail.

Knows no message. Guards that lines which are no JSON (banners, logs) do not end the connection, and
that neither a line nor what waits to be read grows without bounds.

A sandbox joins stdout and stderr, so the command's stderr goes to a private file, shown on failure.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import suppress

import anyio
from anyio.abc import TaskGroup

from kodo.base.errors import SandboxError, ToolError
from kodo.base.text import repair_utf8
from kodo.core.sandbox import Sandbox
from kodo.tools.mcp.carrier import Lost

MAX_LINE_BYTES = 16 << 20
_MOST_LINES = 4
"""Lines that wait to be read: a server that talks on is held up, and 64 MiB is all it can take."""
LIFETIME_S = 24 * 3600.0
TAIL_BYTES = 2000
_SCRIPT = 'log=$1; shift; exec "$@" 2>"$log"'
_TAIL = 'tail -c "$2" "$1" 2>/dev/null; rm -f "$1"'


class Stdio:
    """See `kodo.tools.mcp.carrier.Carrier`."""

    def __init__(
        self,
        sandbox: Sandbox,
        argv: Sequence[str],
        env: Mapping[str, str],
        tasks: TaskGroup,
        log: str,
    ) -> None:
        """Start the command; `log` is a file name in the jail's /tmp that nobody else has."""
        self._sandbox = sandbox
        self._argv = argv
        self._env = env
        self._log = f"/tmp/{log}"
        self._buffer = bytearray()
        self._noise = bytearray()
        self._told = ""
        self._end = "it ended"
        self._scope = anyio.CancelScope()
        self._to_server, self._stdin = anyio.create_memory_object_stream[bytes](64)
        self._lines, self._from_server = anyio.create_memory_object_stream[bytes](_MOST_LINES)
        tasks.start_soon(self._keep_running)

    async def send(self, data: bytes) -> None:
        """Write a line."""
        try:
            await self._to_server.send(data + b"\n")
        except (anyio.BrokenResourceError, anyio.ClosedResourceError) as error:
            raise Lost(self._end) from error

    async def receive(self) -> bytes:
        """Return the next line that looks like JSON."""
        try:
            return await self._from_server.receive()
        except (anyio.EndOfStream, anyio.ClosedResourceError) as error:
            raise Lost(self._end) from error

    def agree(self, version: str) -> None:
        """Nothing depends on it."""

    def stderr(self) -> str:
        """See Carrier."""
        return self._told or repair_utf8(bytes(self._noise)).strip()

    async def aclose(self) -> None:
        """Close stdin, which ends a well-behaved server, and kill what is left."""
        self._scope.cancel()
        for stream in (self._to_server, self._stdin, self._lines, self._from_server):
            stream.close()

    async def _keep_running(self) -> None:
        try:
            with self._scope:
                result = await self._sandbox.exec(
                    ["bash", "-c", _SCRIPT, "kodo-mcp", self._log, *self._argv],
                    env=self._env,
                    stdin=self._pieces(),
                    timeout_s=LIFETIME_S,
                    max_output_bytes=1,
                    on_output=self._hear,
                )
                self._end = f"it ended with exit code {result.exit_code}"
                tail = await self._sandbox.exec(
                    ["bash", "-c", _TAIL, "kodo-mcp", self._log, str(TAIL_BYTES)], timeout_s=10
                )
                self._told = repair_utf8(tail.output).strip()
        except (SandboxError, ToolError) as error:
            self._end = f"it could not be started: {error}"
        finally:
            self._stdin.close()
            self._lines.close()

    async def _pieces(self) -> AsyncGenerator[bytes]:
        with suppress(anyio.EndOfStream, anyio.ClosedResourceError):
            while True:
                yield await self._stdin.receive()

    async def _hear(self, piece: bytes) -> None:
        self._buffer += piece
        if len(self._buffer) > MAX_LINE_BYTES and b"\n" not in piece:
            self._end = f"it sent a line of more than {MAX_LINE_BYTES} bytes"
            self._scope.cancel()
            return
        if b"\n" not in piece:
            return
        *lines, rest = self._buffer.split(b"\n")
        self._buffer = bytearray(rest)
        for line in lines:
            if line.lstrip().startswith((b"{", b"[")):
                with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
                    await self._lines.send(bytes(line))
            elif line.strip():
                self._noise += line + b"\n"
                del self._noise[:-TAIL_BYTES]
