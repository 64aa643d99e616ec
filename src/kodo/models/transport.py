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
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import NamedTuple

import anyio

from kodo.base.clock import Now, utc_now
from kodo.base.errors import ModelError, Overloaded
from kodo.core.events import Retrying
from kodo.models.failures import error_of, read_problem, shown_url
from kodo.models.http.answer import SWITCHING_PROTOCOLS, Answer
from kodo.models.http.connections import Connections
from kodo.models.http.network import (
    CannotAsk,
    Network,
    NetworkError,
    Silent,
    SlowToConnect,
    Stream,
    Unreachable,
)
from kodo.models.http.sockets import SocketNetwork
from kodo.models.retry import OnRetry, Random, RetryPlan, Sleep, retry_after_s
from kodo.models.sse import EventParser, EventTooLarge, ServerEvent

MAX_ERROR_BYTES = 64 << 10
CLOSE_TIMEOUT_S = 0.5


class Upgraded(NamedTuple):
    """A connection that has left HTTP, and what the server's headers said.

    `first` is what came behind them; closing the stream is the caller's.
    """

    stream: Stream
    headers: Mapping[str, str]
    first: bytes


class Transport:
    """Connections to one provider. Nothing is opened, and no certificates are read, before use.

    `idle_timeout_s` bounds the wait for the next byte (a slow local model reads its prompt before
    the first one), `ca_file` is a PEM bundle that replaces the system's, which `trusted` loads;
    `proxy` is a http:// URL.
    """

    __slots__ = (
        "_ca_file",
        "_connect_timeout_s",
        "_connections",
        "_idle_timeout_s",
        "_network",
        "_now",
        "_plan",
        "_proxy",
        "_random",
        "_sleep",
        "_trusted",
    )

    def __init__(
        self,
        *,
        ca_file: str | None = None,
        trusted: Callable[[], ssl.SSLContext] = ssl.create_default_context,
        proxy: str | None = None,
        connect_timeout_s: float = 15.0,
        idle_timeout_s: float = 300.0,
        plan: RetryPlan | None = None,
        sleep: Sleep = anyio.sleep,
        random: Random = dice.random,
        now: Now = utc_now,
        network: Network | None = None,
    ) -> None:
        self._ca_file = ca_file
        self._trusted = trusted
        self._proxy = proxy
        self._connect_timeout_s = connect_timeout_s
        self._idle_timeout_s = idle_timeout_s
        self._plan = plan or RetryPlan()
        self._sleep = sleep
        self._random = random
        self._now = now
        self._network = network or SocketNetwork()
        self._connections: Connections | None = None

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
            with anyio.fail_after(self._connect_timeout_s):
                answer = await self._ask("GET", url, b"", headers, provider)
        except TimeoutError as error:
            raise self._lost(SlowToConnect(), provider, url) from error
        except NetworkError as error:
            raise self._lost(error, provider, url) from error
        if answer.status == SWITCHING_PROTOCOLS:
            return Upgraded(answer.hand_over(), answer.headers, answer.rest)
        try:
            refusal = await self._refusal(answer, provider, url)
        except NetworkError as error:
            raise self._lost(error, provider, url) from error
        finally:
            with anyio.move_on_after(CLOSE_TIMEOUT_S, shield=True):
                await answer.aclose()
        raise refusal

    @property
    def idle_timeout_s(self) -> float:
        """The longest wait for the next byte."""
        return self._idle_timeout_s

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
        connections, self._connections = self._connections, None
        if connections is not None:
            with anyio.move_on_after(CLOSE_TIMEOUT_S, shield=True):
                await connections.aclose()

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
            answer = await self._ask("POST", url, body, {**described, **headers}, provider)
            try:
                if answer.status != 200 or not _is_event_stream(answer):
                    raise await self._refusal(answer, provider, url)
                parser = EventParser()
                async with aclosing(answer.pieces()) as pieces:
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
                    await answer.aclose()
        except EventTooLarge as error:
            raise ModelError(f"provider {provider!r} at {shown_url(url)}: {error}") from error
        except NetworkError as error:
            raise self._lost(error, provider, url) from error

    async def _ask(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str], provider: str
    ) -> Answer:
        try:
            if self._connections is None:
                self._connections = Connections(
                    self._network,
                    tls=self._tls_context,
                    proxy=self._proxy,
                    connect_s=self._connect_timeout_s,
                    idle_s=self._idle_timeout_s,
                )
            return await self._connections.ask(method, url, headers, body)
        except CannotAsk as error:
            raise ModelError(
                f"provider {provider!r} at {shown_url(url)} cannot be asked: {error}; check its"
                " base_url, key and headers"
            ) from error

    def _tls_context(self) -> ssl.SSLContext:
        if self._ca_file is None:
            return self._trusted()
        try:
            return ssl.create_default_context(cafile=self._ca_file)
        except OSError as error:  # ssl.SSLError, a file without certificates, is one too
            raise ModelError(
                f"the CA bundle {self._ca_file!r} cannot be used ({error}); name a PEM file"
            ) from error

    async def _refusal(self, answer: Answer, provider: str, url: str) -> ModelError:
        headers = answer.headers
        body = await _read_some(answer)
        problem = read_problem(body, answer.status)
        if answer.status == 200:
            return ModelError(
                f"provider {provider!r} at {shown_url(url)} answered with"
                f" {_kind(answer)!r} instead of an event stream:"
                f" {problem.message!r}; check base_url",
                status=200,
            )
        return error_of(
            problem, provider=provider, url=url, retry_after_s=retry_after_s(headers, self._now)
        )

    def _lost(self, error: NetworkError, provider: str, url: str) -> ModelError:
        where = f"provider {provider!r} at {shown_url(url)}"
        root = error.__cause__
        if isinstance(root, ssl.SSLCertVerificationError):
            return ModelError(
                f"{where} shows a certificate that is not trusted ({_cause(error)}); if a proxy"
                " stands between, name its CA bundle (SSL_CERT_FILE)"
            )
        if isinstance(root, socket.gaierror) and root.errno != socket.EAI_AGAIN:
            return ModelError(f"{where}: no such host; check base_url and the network")
        if isinstance(error, SlowToConnect):
            what = f"did not accept a connection within {self._connect_timeout_s} s"
        elif isinstance(error, Silent):
            what = f"sent nothing for {self._idle_timeout_s} s"
        elif isinstance(error, Unreachable):
            what = f"cannot be reached ({_cause(error)})"
        else:
            what = f"broke off its answer ({_cause(error)})"
        return Overloaded(f"{where} {what}; check the network and base_url, or try again")


def _is_event_stream(answer: Answer) -> bool:
    # Some servers send events under another type or none, so only what surely is not one counts.
    kind = _kind(answer).partition(";")[0].strip().lower()
    return kind not in ("application/json", "text/html") and not _is_packed(answer)


def _is_packed(answer: Answer) -> bool:
    return answer.headers.get("content-encoding", "identity").strip().lower() != "identity"


def _kind(answer: Answer) -> str:
    if _is_packed(answer):  # although it was asked not to
        return f"content-encoding: {answer.headers['content-encoding']}"
    return answer.headers.get("content-type", "")


async def _read_some(answer: Answer) -> bytes:
    body = bytearray()
    async with aclosing(answer.pieces()) as pieces:
        async for piece in pieces:
            body += piece
            if len(body) > MAX_ERROR_BYTES:
                break
    return bytes(body)


def _cause(error: Exception) -> str:
    return str(error) or type(error).__name__
