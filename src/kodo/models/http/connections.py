"""The connections to one provider: opened when asked, through a proxy or not, kept while fresh.

Knows no provider. Guards that a connection that the server closed meanwhile is not used, and that
the time to connect bounds name, socket, proxy and TLS together.
"""

import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress

import anyio

from kodo.models.http.answer import Answer
from kodo.models.http.network import Broken, Network, SlowToConnect, Stream, Unreachable
from kodo.models.http.request import (
    Origin,
    Proxy,
    connect_head,
    origin_of,
    proxy_of,
    request_head,
)

KEEP_S = 60.0
MOST_KEPT = 16


class Connections:
    """Asks over connections of its own. `tls` makes the context for https when it is needed."""

    __slots__ = ("_connect_s", "_context", "_idle", "_idle_s", "_network", "_proxy", "_tls")

    def __init__(
        self,
        network: Network,
        *,
        tls: Callable[[], ssl.SSLContext],
        proxy: str | None,
        connect_s: float | None,
        idle_s: float | None,
    ) -> None:
        """Raises CannotAsk where the proxy's URL is none."""
        self._network = network
        self._tls = tls
        self._context: ssl.SSLContext | None = None
        self._proxy = proxy_of(proxy) if proxy else None
        self._connect_s = connect_s
        self._idle_s = idle_s
        self._idle: dict[Origin, list[tuple[float, Stream]]] = {}

    async def ask(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send a request and return its answer, the head already read.

        Raises CannotAsk, and NetworkError, after which nothing is left open.
        """
        origin = origin_of(url)
        head = request_head(method, url, headers, self._proxy)
        stream = await self._take(origin) or await self._open(origin)

        async def give_back(kept: Stream) -> None:
            await self._keep(origin, kept)

        answer = Answer(stream, self._idle_s, give_back)
        try:
            with suppress(Broken):  # it may have refused before it read all: the answer says more
                await stream.send(head + body, self._idle_s)
            await answer.read_head()
        except BaseException:
            with anyio.CancelScope(shield=True):
                await answer.aclose()
            raise
        return answer

    async def aclose(self) -> None:
        """Close what is idle."""
        idle, self._idle = self._idle, {}
        for kept in idle.values():
            for _, stream in kept:
                await stream.aclose()

    async def _take(self, origin: Origin) -> Stream | None:
        """Return an idle connection that is still open, the last used first."""
        kept = self._idle.get(origin, [])
        while kept:
            since_s, stream = kept.pop()
            if stream.is_quiet() and anyio.current_time() - since_s < KEEP_S:
                return stream
            await stream.aclose()
        return None

    async def _keep(self, origin: Origin, stream: Stream) -> None:
        kept = self._idle.setdefault(origin, [])
        kept.append((anyio.current_time(), stream))
        if len(kept) > MOST_KEPT:
            await kept.pop(0)[1].aclose()

    async def _open(self, origin: Origin) -> Stream:
        proxy = self._proxy
        first = proxy.origin if proxy is not None else origin
        stream: Stream | None = None
        if self._context is None and "https" in (first.scheme, origin.scheme):
            self._context = self._tls()
        try:
            with anyio.fail_after(self._connect_s):
                stream = await self._network.connect(first.host, first.port, None)
                if first.scheme == "https" and self._context is not None:
                    await stream.start_tls(self._context, first.host)
                if proxy is not None and origin.scheme == "https" and self._context is not None:
                    await self._tunnel(stream, origin, proxy)
                    await stream.start_tls(self._context, origin.host)
        except BaseException as error:
            if stream is not None:
                with anyio.CancelScope(shield=True):
                    await stream.aclose()
            if isinstance(error, TimeoutError):
                raise SlowToConnect from error
            if isinstance(error, OSError):
                raise Unreachable(str(error) or type(error).__name__) from error
            raise
        return stream

    async def _tunnel(self, stream: Stream, origin: Origin, proxy: Proxy) -> None:
        """Ask the proxy for a way to `origin`. Raises Unreachable where it gives none."""
        await stream.send(connect_head(origin, proxy), None)
        head = b""
        while b"\r\n\r\n" not in head:
            piece = await stream.receive(None)
            head += piece
            if not piece or len(head) > 16_384:
                raise Unreachable("the proxy gives no answer in HTTP")
        first, _, _ = head.partition(b"\r\n")
        status = first.split(b" ", 2)[1:]
        if not status or not status[0].startswith(b"2"):
            said = b" ".join(status).decode("latin-1") or first.decode("latin-1")
            raise Unreachable(f"the proxy refuses: {said}")
        if not head.endswith(b"\r\n\r\n"):
            raise Unreachable("the proxy speaks for the server before TLS began")
