"""The gate of a jail without a network: a proxy outside of it for the hosts that rules allow.

Covered: HTTP and tunnels (CONNECT) to allowed names, resolved here and connected at the address
that was judged; private networks, this host and cloud metadata are refused; every contact is told.
Not covered: what a tunnel carries (TLS stays closed: an allowed host gets what it is sent, and
placeholders are not swapped in it), other protocols than TCP.
"""

import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Literal

import anyio
import anyio.abc
import msgspec
from anyio.streams.buffered import BufferedByteReceiveStream

from kodo.core.events import HostContacted
from kodo.sandboxes.network.addresses import is_metadata, is_public, parse_address
from kodo.sandboxes.network.request import (
    MAX_HEAD_BYTES,
    BadRequest,
    Request,
    parse_request,
)
from kodo.sandboxes.network.rules import HostRules, Placeholder
from kodo.sandboxes.network.upstream import FindUpstream, dial_through, no_upstream

HEAD_TIMEOUT_S = 30.0
DIAL_TIMEOUT_S = 20.0
ASK_TIMEOUT_S = 600.0
MOST_CONNECTIONS = 256

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
Dial = Callable[[str, int], Awaitable[anyio.abc.ByteStream]]
AskHost = Callable[[str, int], Awaitable[bool]]
_BROKEN = (anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream, OSError)


class Contact(msgspec.Struct, frozen=True):
    """A host that a command asked for. `address` is empty where it was not reached."""

    host: str
    port: int
    verdict: Literal["allowed", "refused", "failed"]
    address: str = ""
    why: str = ""


OnContact = Callable[[Contact], Awaitable[None]]


def as_event(contact: Contact) -> HostContacted:
    """Return what the log says of a contact."""
    said = f": {contact.why}" if contact.why else f", {contact.address}"
    return HostContacted(contact.host, f"command, port {contact.port}, {contact.verdict}{said}")


class Refused(Exception):
    """The gate does not lead there; the text goes back to the program."""


async def resolve(host: str, port: int) -> Sequence[str]:
    """Return the addresses of a host, as this host resolves it. Raises OSError."""
    found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


async def dial(address: str, port: int) -> anyio.abc.ByteStream:
    """Connect to an address. Raises OSError."""
    return await anyio.connect_tcp(address, port)


async def tell_nobody(contact: Contact) -> None:
    """Tell nobody."""


async def refuse(host: str, port: int) -> bool:
    """Answer no: there is no person to ask."""
    return False


class Proxy:
    """Serves the doors of commands. Make it with `open_proxy`, which ends what it serves."""

    def __init__(
        self,
        rules: HostRules,
        tasks: anyio.abc.TaskGroup,
        *,
        credentials: Sequence[Placeholder] = (),
        on_contact: OnContact = tell_nobody,
        ask: AskHost = refuse,
        resolve: Resolve = resolve,
        dial: Dial = dial,
        upstream: FindUpstream = no_upstream,
    ) -> None:
        self._rules = rules
        self._tasks = tasks
        self._credentials = credentials
        self._on_contact = on_contact
        self._ask = ask
        self._asking: dict[tuple[str, int], anyio.Lock] = {}
        self._answers: dict[tuple[str, int], bool] = {}
        self._resolve = resolve
        self._dial = dial
        self._upstream = upstream
        self._room = anyio.CapacityLimiter(MOST_CONNECTIONS)

    @property
    def placeholders(self) -> Mapping[str, str]:
        """See `Gate.placeholders`."""
        return {credential.variable: credential.token for credential in self._credentials}

    @asynccontextmanager
    async def admit(self) -> AsyncGenerator[int]:
        """See `Gate.admit`."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        ours.setblocking(False)  # noqa: FBT003
        scope = anyio.CancelScope()
        done = anyio.Event()

        async def attend() -> None:
            with ours, scope:
                await self._attend(ours)
            done.set()

        try:
            self._tasks.start_soon(attend)
            yield theirs.fileno()
        finally:
            theirs.close()
            scope.cancel()
            with anyio.CancelScope(shield=True):
                await done.wait()

    async def _attend(self, channel: socket.socket) -> None:
        """Take the listeners that come over the channel and serve them."""
        await anyio.wait_readable(channel)
        _, files, _, _ = socket.recv_fds(channel, 1, 4)
        listeners = [socket.socket(fileno=file) for file in files]
        async with anyio.create_task_group() as tasks:
            for listener in listeners:
                listener.setblocking(False)  # noqa: FBT003
                tasks.start_soon(self._accept, listener, tasks)

    async def _accept(self, listener: socket.socket, tasks: anyio.abc.TaskGroup) -> None:
        with listener:
            while True:
                await anyio.wait_readable(listener)
                try:
                    end, _ = listener.accept()
                except OSError:
                    return  # no listener at all, or shut down
                stream = await anyio.abc.SocketStream.from_socket(end)
                tasks.start_soon(self.serve, stream)

    async def serve(self, stream: anyio.abc.ByteStream) -> None:
        """Serve one connection of a program to its end."""
        async with self._room, stream:
            with suppress(*_BROKEN):
                try:
                    await self._exchange(stream)
                except BadRequest as error:
                    await stream.send(_answer(400, "Bad Request", str(error)))
                except Refused as error:
                    await stream.send(_answer(403, "Forbidden", str(error)))
                except TimeoutError:
                    await stream.send(_answer(504, "Gateway Timeout", "it took too long"))

    async def _exchange(self, stream: anyio.abc.ByteStream) -> None:
        buffered = BufferedByteReceiveStream(stream)
        with anyio.fail_after(HEAD_TIMEOUT_S):
            try:
                head = await buffered.receive_until(b"\r\n\r\n", MAX_HEAD_BYTES)
            except anyio.DelimiterNotFound as error:
                raise BadRequest(f"the head is longer than {MAX_HEAD_BYTES} bytes") from error
            except anyio.IncompleteRead:
                return
        request = parse_request(head)
        try:
            far, address = await self._reach(request)
        except Refused as error:
            why = str(error)
            await self._on_contact(Contact(request.host, request.port, "refused", why=why))
            raise
        except OSError as error:
            why = f"{request.host}: {error}"
            await self._on_contact(Contact(request.host, request.port, "failed", why=why))
            await stream.send(_answer(502, "Bad Gateway", why))
            return
        async with far:
            await self._on_contact(Contact(request.host, request.port, "allowed", address))
            if request.path is None:
                await stream.send(b"HTTP/1.1 200 Connection Established\r\n\r\n")
                await _join(buffered, stream, far, most_bytes=None)
            else:
                await far.send(request.head(self._swaps(request)))
                await _join(buffered, stream, far, most_bytes=request.body_bytes)

    async def _reach(self, request: Request) -> tuple[anyio.abc.ByteStream, str]:
        """Connect to the host, at an address that was judged. Raises Refused, OSError."""
        host, port = request.host, request.port
        await self._permit(host, port)
        proxy = self._upstream(host, port)
        address = parse_address(host)
        if address is not None:
            if is_metadata(address):
                raise Refused(f"{host} is a cloud's metadata and never reached from the jail")
            if not is_public(address) and not self._rules.names(host, port):
                raise Refused(f"{host} is not public; name it with its port: {host}:{port}")
            found = [str(address)]
        else:
            named = await self._named(host, port, proxied=proxy is not None)
            judged = [(text, parse_address(text)) for text in named]
            found = [text for text, number in judged if number is not None and is_public(number)]
            if proxy is not None and not named:
                found = [host]  # only the proxy of this host knows the name
            if not found:
                raise Refused(f"{host} leads to no public address ({', '.join(named) or 'none'})")
        if proxy is not None:
            with anyio.fail_after(DIAL_TIMEOUT_S):
                return await dial_through(proxy, host, port), "through the proxy of this host"
        failure: OSError = OSError("no address answers")
        for text in found:
            try:
                with anyio.fail_after(DIAL_TIMEOUT_S):
                    return await self._dial(text, port), text
            except OSError as error:  # TimeoutError is one
                failure = error
        raise failure

    async def _named(self, host: str, port: int, *, proxied: bool) -> Sequence[str]:
        try:
            with anyio.fail_after(DIAL_TIMEOUT_S):
                return await self._resolve(host, port)
        except OSError:
            if proxied:
                return []
            raise

    async def _permit(self, host: str, port: int) -> None:
        verdict = self._rules.judge(host, port)
        if verdict == "ask":
            # Each host waits for its own answer only; who does not answer has said no.
            async with self._asking.setdefault((host, port), anyio.Lock()):
                if (host, port) not in self._answers:
                    answer = False
                    with anyio.move_on_after(ASK_TIMEOUT_S):
                        answer = await self._ask(host, port)
                    self._answers[host, port] = answer  # not where the asking was cancelled
            if self._answers[host, port]:
                return
            raise Refused(f"{host}:{port} was asked about and refused")
        if verdict == "deny":
            named = host if port in (80, 443) else f"{host}:{port}"
            raise Refused(
                f"host {named!r} is not allowed in this run; it needs --allow-host {named}"
            )

    def _swaps(self, request: Request) -> Mapping[bytes, bytes]:
        return {
            credential.token.encode(): credential.secret.encode()
            for credential in self._credentials
            if any(pattern.matches(request.host, request.port) for pattern in credential.hosts)
        }


@asynccontextmanager
async def open_proxy(
    rules: HostRules,
    *,
    credentials: Sequence[Placeholder] = (),
    on_contact: OnContact = tell_nobody,
    ask: AskHost = refuse,
    resolve: Resolve = resolve,
    dial: Dial = dial,
    upstream: FindUpstream = no_upstream,
) -> AsyncGenerator[Proxy]:
    """Yield a gate for jails; at the end its connections are cut.

    `ask` is asked once for each host that the rules want asked; `on_contact` hears of every host
    that a command asked for.
    """
    try:
        async with anyio.create_task_group() as tasks:
            yield Proxy(
                rules,
                tasks,
                credentials=credentials,
                on_contact=on_contact,
                ask=ask,
                resolve=resolve,
                dial=dial,
                upstream=upstream,
            )
            tasks.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        # What went wrong in the run must come out as it is, not as a group around it.
        if len(group.exceptions) == 1:
            raise group.exceptions[0] from None
        raise


async def _join(
    near: anyio.abc.ByteReceiveStream,
    back: anyio.abc.ByteSendStream,
    far: anyio.abc.ByteStream,
    *,
    most_bytes: int | None,
) -> None:
    """Carry bytes both ways until the host ends; `most_bytes` is all that the program may send."""
    async with anyio.create_task_group() as tasks:

        async def forward() -> None:
            left = most_bytes
            with suppress(*_BROKEN):
                while left is None or left > 0:
                    piece = await near.receive(min(65536, left) if left is not None else 65536)
                    await far.send(piece)
                    left = left - len(piece) if left is not None else None
            if most_bytes is None:
                with suppress(*_BROKEN):
                    await far.send_eof()

        tasks.start_soon(forward)
        with suppress(*_BROKEN):
            while True:
                await back.send(await far.receive())
        tasks.cancel_scope.cancel()


def _answer(status: int, reason: str, text: str) -> bytes:
    body = f"kodo: {text}\n".encode()
    head = (
        f"HTTP/1.1 {status} {reason}\r\nContent-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
