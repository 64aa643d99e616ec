"""Carries MCP over streamable HTTP: every message a POST, answered by JSON or server-sent events.

Knows no message. Guards the size of an answer, and that a session that the server has forgotten is
a lost connection. A stream of the server's own (GET) is not opened: nothing here needs it.
"""

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress

import anyio
import httpx2
from anyio.abc import TaskGroup

from kodo.tools.mcp.carrier import Lost

MAX_ANSWER_BYTES = 16 << 20


class Http:
    """See `kodo.tools.mcp.carrier.Carrier`."""

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        tasks: TaskGroup,
        *,
        timeout_s: float,
        proxy: str | None = None,
        verify: ssl.SSLContext | bool = True,
    ) -> None:
        self._url = url
        self._headers = dict(headers)
        self._tasks = tasks
        self._lines, self._from_server = anyio.create_memory_object_stream[bytes](256)
        self._end = ""
        self._scope = anyio.CancelScope()
        self._client = httpx2.AsyncClient(
            timeout=timeout_s, trust_env=False, proxy=proxy, verify=verify, follow_redirects=False
        )

    async def send(self, data: bytes) -> None:
        """Send a message; its answer arrives by `receive`."""
        if self._end:
            raise Lost(self._end)
        self._tasks.start_soon(self._post, data)

    async def receive(self) -> bytes:
        """Return the next message."""
        try:
            return await self._from_server.receive()
        except (anyio.EndOfStream, anyio.ClosedResourceError) as error:
            raise Lost(self._end or "the connection was closed") from error

    def agree(self, version: str) -> None:
        """Tell the version with every further message."""
        self._headers["mcp-protocol-version"] = version

    def stderr(self) -> str:
        """A server over HTTP has none."""
        return ""

    async def aclose(self) -> None:
        """End the session and the connection."""
        if "mcp-session-id" in self._headers and not self._end:
            with anyio.move_on_after(2, shield=True), suppress(httpx2.HTTPError, OSError):
                await self._client.delete(self._url, headers=self._headers)
        self._scope.cancel()
        self._lose("the connection was closed")
        self._from_server.close()
        with anyio.CancelScope(shield=True):
            await self._client.aclose()

    def _lose(self, why: str) -> None:
        self._end = self._end or why
        self._lines.close()

    async def _post(self, data: bytes) -> None:
        headers = {
            "content-type": "application/json",
            "accept": "application/json, text/event-stream",
            **self._headers,
        }
        try:
            async with self._client.stream(
                "POST", self._url, content=data, headers=headers
            ) as answer:
                if session := answer.headers.get("mcp-session-id"):
                    self._headers["mcp-session-id"] = session
                if answer.status_code >= 300:
                    self._lose(f"{self._url!r} answered {answer.status_code}")
                    return
                kind = answer.headers.get("content-type", "")
                if "text/event-stream" in kind:
                    async for event in _events(answer.aiter_bytes()):
                        await self._lines.send(event)
                elif answer.status_code != 202:
                    body = await _whole(answer.aiter_bytes())
                    if body.strip():
                        await self._lines.send(body)
        except (httpx2.HTTPError, OSError) as error:
            self._lose(f"{self._url!r} failed: {error or type(error).__name__}")
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            return


async def _whole(pieces: AsyncIterator[bytes]) -> bytes:
    body = bytearray()
    async for piece in pieces:
        body += piece
        if len(body) > MAX_ANSWER_BYTES:
            raise OSError(f"an answer of more than {MAX_ANSWER_BYTES} bytes")
    return bytes(body)


async def _events(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the data of server-sent events."""
    buffer = bytearray()
    data: list[bytes] = []
    async for piece in pieces:
        buffer += piece
        if len(buffer) > MAX_ANSWER_BYTES:
            raise OSError(f"an event of more than {MAX_ANSWER_BYTES} bytes")
        *lines, rest = buffer.split(b"\n")
        buffer = bytearray(rest)
        for raw in lines:
            line = bytes(raw).rstrip(b"\r")
            if line.startswith(b"data:"):
                data.append(line[5:].removeprefix(b" "))
            elif not line and data:
                yield b"\n".join(data)
                data = []
