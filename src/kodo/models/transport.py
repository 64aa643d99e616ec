"""The one way to a provider over HTTP: POST a JSON body, read server-sent events.

Does not know any provider's shapes. Guards that a call is retried only before its first byte, that
closing or cancelling closes the socket, and that no message shows a key.

How to add a provider:
1. A provider that speaks a known wire is data: `[providers.NAME]` in config.toml, nothing here.
2. A new wire is three files: NAME_request.py (Prompt to body), NAME_reply.py (events to deltas and
   one Assistant), NAME.py (a class with `info`, `stream`, `aclose` around `Transport.post`).
3. Run `handoff.prepare` first, so that threads of other providers arrive clean.
4. Add recorded bytes to tests/models/wire/ and one entry to WIRES in tests/models/contract.py.
5. Name the class in runtime/registry.py; add its models to catalog.py.
"""

import random as dice
import socket
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import NamedTuple
from urllib.parse import unquote, urlsplit, urlunsplit

import anyio
import httpcore2

from kodo.base.clock import Now, utc_now
from kodo.base.errors import ModelError, Overloaded
from kodo.core.events import Retrying
from kodo.models.failures import error_of, read_problem, shown_url
from kodo.models.retry import OnRetry, Random, RetryPlan, Sleep, retry_after_s
from kodo.models.sse import EventParser, EventTooLarge, ServerEvent

MAX_ERROR_BYTES = 64 << 10
CLOSE_TIMEOUT_S = 0.5
SWITCHING_PROTOCOLS = 101
NETWORK_ERRORS = (
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    httpcore2.ProxyError,
    httpcore2.TimeoutException,
)


class Upgraded(NamedTuple):
    """A connection that has left HTTP: raw bytes both ways, and what the server's headers said."""

    stream: httpcore2.AsyncNetworkStream
    headers: Mapping[str, str]
    aclose: Callable[[], Awaitable[None]]


class Transport:
    """Connections to one provider. Nothing is opened, and no certificates are read, before use.

    `idle_timeout_s` bounds the wait for the next byte (a slow local model reads its prompt before
    the first one), `ca_file` is a PEM bundle that replaces the system's, `proxy` a http:// URL.
    """

    __slots__ = (
        "_ca_file",
        "_network",
        "_now",
        "_plan",
        "_pool",
        "_proxy",
        "_random",
        "_sleep",
        "_timeouts",
    )

    def __init__(
        self,
        *,
        ca_file: str | None = None,
        proxy: str | None = None,
        connect_timeout_s: float = 15.0,
        idle_timeout_s: float = 300.0,
        plan: RetryPlan | None = None,
        sleep: Sleep = anyio.sleep,
        random: Random = dice.random,
        now: Now = utc_now,
        network: httpcore2.AsyncNetworkBackend | None = None,
    ) -> None:
        self._ca_file = ca_file
        self._proxy = proxy
        self._timeouts: dict[str, float | None] = {
            "connect": connect_timeout_s,
            "read": idle_timeout_s,
            "write": idle_timeout_s,
            "pool": None,
        }
        self._plan = plan or RetryPlan()
        self._sleep = sleep
        self._random = random
        self._now = now
        self._network = network
        self._pool: httpcore2.AsyncConnectionPool | None = None

    async def post(
        self,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        *,
        provider: str,
        on_retry: OnRetry | None = None,
    ) -> AsyncGenerator[ServerEvent, None]:
        """POST `body` and yield the events of the answer.

        Tries again, with growing waits, while nothing of the answer's body has come and the error
        may pass; `on_retry` hears of each wait. Raises ModelError and its children; an error after
        the first byte is never retried here, but says `retryable` where it may pass. Closing the
        generator closes the connection unless the answer was read to its end.
        """
        retry = 0
        while True:
            spoken = False
            try:
                async with aclosing(self._attempt(url, body, headers, provider)) as events:
                    async for event in events:
                        spoken = True
                        if event is not None:
                            yield event
                    return
            except ModelError as error:
                if spoken:
                    raise
                retry += 1
                wait_s = self.wait_s(retry, error)
                if wait_s is None:
                    raise
                if on_retry is not None:
                    await on_retry(Retrying(str(error), retry + 1, wait_s))
            await self._sleep(wait_s)

    async def upgrade(self, url: str, headers: Mapping[str, str], *, provider: str) -> Upgraded:
        """Ask for another protocol by GET, and return the connection. Not tried again here.

        Raises ModelError with the server's status where it stays with HTTP.
        """
        try:
            with anyio.fail_after(self._timeouts["connect"]):
                response = await self._send(b"GET", url, b"", headers, provider)
        except TimeoutError as error:
            raise self._lost(httpcore2.ConnectTimeout(), provider, url) from error
        except NETWORK_ERRORS as error:
            raise self._lost(error, provider, url) from error
        if response.status == SWITCHING_PROTOCOLS:
            stream: object = response.extensions["network_stream"]  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
            assert isinstance(stream, httpcore2.AsyncNetworkStream)  # httpcore's promise for a 101
            return Upgraded(stream, _headers(response), response.aclose)
        try:
            refusal = await self._refusal(response, provider, url)
        except NETWORK_ERRORS as error:
            raise self._lost(error, provider, url) from error
        finally:
            with anyio.move_on_after(CLOSE_TIMEOUT_S, shield=True):
                await response.aclose()
        raise refusal

    @property
    def idle_timeout_s(self) -> float:
        """The longest wait for the next byte."""
        return self._timeouts["read"] or 0.0

    def wait_s(self, retry: int, error: ModelError) -> float | None:
        """Return the wait before retry number `retry` (from 1), or None to give up."""
        if not error.retryable:
            return None
        return self._plan.wait_s(retry, error.retry_after_s, self._random)

    async def sleep(self, seconds: float) -> None:
        """Wait between two tries."""
        await self._sleep(seconds)

    async def aclose(self) -> None:
        """Close idle connections. The transport may be used again afterwards."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.aclose()

    async def _attempt(
        self, url: str, body: bytes, headers: Mapping[str, str], provider: str
    ) -> AsyncGenerator[ServerEvent | None, None]:
        """Yield None for bytes that complete no event, so that the caller knows they came."""
        try:
            described = {
                "content-type": "application/json",
                "accept": "text/event-stream",
                "accept-encoding": "identity",
                "content-length": str(len(body)),
            }
            response = await self._send(b"POST", url, body, {**described, **headers}, provider)
            try:
                if response.status != 200 or not _is_event_stream(response):
                    raise await self._refusal(response, provider, url)
                parser = EventParser()
                async with aclosing(response.aiter_stream()) as pieces:
                    async for piece in pieces:
                        yield None
                        for event in parser.feed(piece):
                            yield event
                for event in parser.close():
                    yield event
            finally:
                # Cancellation must not stop the closing; a peer that does not answer must not
                # hold it up.
                with anyio.move_on_after(CLOSE_TIMEOUT_S, shield=True):
                    await response.aclose()
        except EventTooLarge as error:
            raise ModelError(f"provider {provider!r} at {shown_url(url)}: {error}") from error
        except NETWORK_ERRORS as error:
            raise self._lost(error, provider, url) from error

    async def _send(
        self, method: bytes, url: str, body: bytes, headers: Mapping[str, str], provider: str
    ) -> httpcore2.Response:
        if self._pool is None:
            self._pool = self._new_pool(url)
        try:
            target = httpcore2.URL(url)
            request = httpcore2.Request(
                method,
                target,
                headers=[
                    (b"host", _host_header(target)),
                    *((k.lower().encode("ascii"), v.encode("latin-1")) for k, v in headers.items()),
                ],
                content=body,
                extensions={"timeout": self._timeouts},
            )
            return await self._pool.handle_async_request(request)
        except (UnicodeError, httpcore2.UnsupportedProtocol, httpcore2.LocalProtocolError) as error:
            raise ModelError(
                f"provider {provider!r} at {shown_url(url)} cannot be asked: {error}; check its"
                " base_url, key and headers"
            ) from error

    def _new_pool(self, url: str) -> httpcore2.AsyncConnectionPool:
        context: ssl.SSLContext | None = None
        if url.startswith("https:"):
            context = self._tls_context()
        return httpcore2.AsyncConnectionPool(
            ssl_context=context,
            proxy=_proxy(self._proxy) if self._proxy else None,
            keepalive_expiry=60,
            network_backend=self._network,
        )

    def _tls_context(self) -> ssl.SSLContext:
        if self._ca_file is None:
            return httpcore2.default_ssl_context()
        try:
            return ssl.create_default_context(cafile=self._ca_file)
        except OSError as error:  # ssl.SSLError, a file without certificates, is one too
            raise ModelError(
                f"the CA bundle {self._ca_file!r} cannot be used ({error}); name a PEM file"
            ) from error

    async def _refusal(self, response: httpcore2.Response, provider: str, url: str) -> ModelError:
        headers = _headers(response)
        body = await _read_some(response)
        problem = read_problem(body, response.status)
        if response.status == 200:
            return ModelError(
                f"provider {provider!r} at {shown_url(url)} answered with"
                f" {headers.get('content-type', '')!r} instead of an event stream:"
                f" {problem.message!r}; check base_url",
                status=200,
            )
        return error_of(
            problem, provider=provider, url=url, retry_after_s=retry_after_s(headers, self._now)
        )

    def _lost(self, error: Exception, provider: str, url: str) -> ModelError:
        where = f"provider {provider!r} at {shown_url(url)}"
        if isinstance(_root(error), ssl.SSLCertVerificationError):
            return ModelError(
                f"{where} shows a certificate that is not trusted ({_cause(error)}); if a proxy"
                " stands between, name its CA bundle (SSL_CERT_FILE)"
            )
        if _is_unknown_host(_root(error)):
            return ModelError(f"{where}: no such host; check base_url and the network")
        if isinstance(error, httpcore2.ConnectTimeout):
            what = f"did not accept a connection within {self._timeouts['connect']} s"
        elif isinstance(error, httpcore2.TimeoutException):
            what = f"sent nothing for {self._timeouts['read']} s"
        elif isinstance(error, httpcore2.ConnectError | httpcore2.ProxyError):
            what = f"cannot be reached ({_cause(error)})"
        else:
            what = f"broke off its answer ({_cause(error)})"
        return Overloaded(f"{where} {what}; check the network and base_url, or try again")


def _is_event_stream(response: httpcore2.Response) -> bool:
    # Some servers send events under another type or none, so only what surely is not one counts.
    kind = _headers(response).get("content-type", "").partition(";")[0].strip().lower()
    return kind not in ("application/json", "text/html")


def _headers(response: httpcore2.Response) -> dict[str, str]:
    return {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in response.headers}


def _host_header(url: httpcore2.URL) -> bytes:
    host = b"[%b]" % url.host if b":" in url.host else url.host
    if url.port is None or (url.scheme, url.port) in ((b"http", 80), (b"https", 443)):
        return host
    return b"%b:%d" % (host, url.port)


def _proxy(url: str) -> httpcore2.Proxy:
    parts = urlsplit(url)
    if parts.username is None:
        return httpcore2.Proxy(url)
    auth = (unquote(parts.username), unquote(parts.password or ""))
    bare = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
    return httpcore2.Proxy(bare, auth=auth)


async def _read_some(response: httpcore2.Response) -> bytes:
    body = bytearray()
    async with aclosing(response.aiter_stream()) as pieces:
        async for piece in pieces:
            body += piece
            if len(body) > MAX_ERROR_BYTES:
                break
    return bytes(body)


def _root(error: Exception) -> object:
    # httpcore2 wraps what the socket said, and then drops the chain ("from None").
    return error.args[0] if error.args else None


def _is_unknown_host(cause: object) -> bool:
    return isinstance(cause, socket.gaierror) and cause.errno != socket.EAI_AGAIN


def _cause(error: Exception) -> str:
    return str(error) or type(error).__name__
