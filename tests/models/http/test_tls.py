"""TLS over real loopback sockets, with a certificate that the openssl program makes."""

import shutil
import ssl
import subprocess
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import anyio
import anyio.abc
import pytest
from anyio.streams.tls import TLSListener

from kodo.models.http.connections import Connections
from kodo.models.http.network import Broken, NetworkError, Unreachable
from kodo.models.http.sockets import SocketNetwork

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl program"),
]

Play = Callable[[anyio.abc.ByteStream], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a PEM file with a key and a certificate for `localhost` only."""
    folder = tmp_path_factory.mktemp("tls")
    made = subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=kodo test", "-addext", "subjectAltName=DNS:localhost"),
            *("-keyout", str(folder / "key.pem"), "-out", str(folder / "crt.pem")),
        ],
        capture_output=True,
        check=False,
    )
    if made.returncode != 0:
        pytest.skip(f"openssl makes no certificate: {made.stderr[-200:]!r}")
    both = folder / "both.pem"
    both.write_bytes((folder / "key.pem").read_bytes() + (folder / "crt.pem").read_bytes())
    return both


@asynccontextmanager
async def serving(play: Play, certificate: Path | None) -> AsyncGenerator[int]:
    """Serve `play` on a free loopback port, over TLS where there is a certificate."""

    async def answer(stream: anyio.abc.ByteStream) -> None:
        async with stream:
            with suppress(anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
                await play(stream)

    with anyio.fail_after(60):
        async with (
            await anyio.create_tcp_listener(local_host="127.0.0.1") as plain,
            anyio.create_task_group() as tasks,
        ):
            listener: anyio.abc.Listener[anyio.abc.ByteStream] = plain
            if certificate is not None:
                context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
                context.load_cert_chain(certificate)
                listener = TLSListener(plain, context, standard_compatible=False)
            tasks.start_soon(listener.serve, answer)
            yield plain.extra(anyio.abc.SocketAttribute.local_port)
            tasks.cancel_scope.cancel()


def connections(trusted: Path | None, proxy: str | None = None) -> Connections:
    """Return connections that trust one certificate, or only what the system does."""

    def context() -> ssl.SSLContext:
        return ssl.create_default_context(cafile=trusted)

    return Connections(SocketNetwork(), tls=context, proxy=proxy, connect_s=30, idle_s=30)


async def head_of(stream: anyio.abc.ByteStream) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head:
        head += await stream.receive()
    return head


async def get(to: Connections, port: int, host: str = "localhost") -> bytes:
    answer = await to.ask("GET", f"https://{host}:{port}/x", {"authorization": "Bearer k"}, b"")
    try:
        return b"".join([piece async for piece in answer.pieces()])
    finally:
        await answer.aclose()


async def test_a_trusted_server_answers_and_its_connection_is_kept(certificate: Path) -> None:
    heads: list[list[bytes]] = []

    async def play(stream: anyio.abc.ByteStream) -> None:
        heads.append([])
        while True:
            heads[-1].append(await head_of(stream))
            await stream.send(OK)

    async with serving(play, certificate) as port:
        to = connections(certificate)
        assert [await get(to, port), await get(to, port)] == [b"hi", b"hi"]
        await to.aclose()
    assert [len(each) for each in heads] == [2]


async def test_another_name_than_the_certificates_is_refused(certificate: Path) -> None:
    asked: list[bytes] = []

    async def play(stream: anyio.abc.ByteStream) -> None:
        asked.append(await head_of(stream))

    async with serving(play, certificate) as port:
        with pytest.raises(Unreachable) as caught:
            await get(connections(certificate), port, host="127.0.0.1")
        assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)
        with pytest.raises(Unreachable) as caught:
            await get(connections(None), port)
        assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)
    assert not asked, "no key went out"


async def test_a_connection_that_the_server_has_ended_is_not_quiet(certificate: Path) -> None:
    async def play(stream: anyio.abc.ByteStream) -> None:
        await stream.send(OK)
        await stream.aclose()

    async with serving(play, certificate) as port:
        stream = await SocketNetwork().connect("127.0.0.1", port, None)
        await stream.start_tls(ssl.create_default_context(cafile=certificate), "localhost")
        said = b""
        while not said.endswith(b"hi"):
            said += await stream.receive(30)
        with suppress(Broken):
            assert await stream.receive(30) == b""
        assert not stream.is_quiet()
        await stream.aclose()


async def test_what_is_left_in_the_middle_is_closed_and_not_used_again(certificate: Path) -> None:
    gone = anyio.Event()
    count: list[int] = []

    async def play(stream: anyio.abc.ByteStream) -> None:
        count.append(1)
        await head_of(stream)
        if len(count) > 1:
            await stream.send(OK)
            return
        await stream.send(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nhalf")
        try:
            await stream.receive()
        finally:
            gone.set()

    async with serving(play, certificate) as port:
        to = connections(certificate)
        answer = await to.ask("GET", f"https://localhost:{port}/x", {}, b"")
        assert await anext(answer.pieces()) == b"half"
        await answer.aclose()
        await gone.wait()
        assert await get(to, port) == b"hi"
        await to.aclose()


async def test_through_a_proxy_only_the_proxy_reads_its_password(certificate: Path) -> None:
    inner: list[bytes] = []
    outer: list[bytes] = []

    async def play(stream: anyio.abc.ByteStream) -> None:
        inner.append(await head_of(stream))
        await stream.send(OK)

    async def carry(stream: anyio.abc.ByteStream) -> None:
        outer.append(await head_of(stream))
        port = int(outer[-1].split()[1].rpartition(b":")[2])
        async with await anyio.connect_tcp("127.0.0.1", port) as onward:
            await stream.send(b"HTTP/1.1 200 go on\r\n\r\n")

            async def back() -> None:
                with suppress(anyio.EndOfStream, anyio.BrokenResourceError):
                    while True:
                        await stream.send(await onward.receive())

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(back)
                with suppress(anyio.EndOfStream, anyio.BrokenResourceError):
                    while True:
                        await onward.send(await stream.receive())
                tasks.cancel_scope.cancel()

    async with serving(play, certificate) as port:
        for scheme, cover in (("http", None), ("https", certificate)):
            async with serving(carry, cover) as door:
                to = connections(certificate, f"{scheme}://me:secret@localhost:{door}")
                assert await get(to, port) == b"hi"
                await to.aclose()
    assert all(b"Proxy-Authorization: Basic" in head for head in outer)
    assert len(inner) == len(outer) == 2
    assert all(b"bearer k" in head.lower() for head in inner)
    assert not any(b"proxy-authorization" in head.lower() for head in inner)
    assert not any(b"bearer" in head.lower() for head in outer)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"HTTP/1.1 407 Log in\r\ncontent-length: 4\r\n\r\nwho?", "407 Log in"),
        (b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n", "before TLS"),
    ],
)
async def test_a_proxy_that_says_too_much_is_refused(
    certificate: Path, said: bytes, why: str
) -> None:
    async def play(stream: anyio.abc.ByteStream) -> None:
        await head_of(stream)
        await stream.send(said)
        await stream.receive()  # it holds the connection open

    async with serving(play, None) as port:
        with pytest.raises(Unreachable, match=why):
            await get(connections(certificate, f"http://localhost:{port}"), 9)


async def test_who_speaks_before_tls_is_not_heard_in_it(certificate: Path) -> None:
    spoken = anyio.Event()

    async def play(stream: anyio.abc.ByteStream) -> None:
        await stream.send(OK)
        spoken.set()
        await stream.receive()

    async with serving(play, None) as port:
        stream = await SocketNetwork().connect("127.0.0.1", port, None)
        await spoken.wait()
        while stream.is_quiet():
            await anyio.lowlevel.checkpoint()
        context = ssl.create_default_context(cafile=certificate)
        with pytest.raises(ConnectionAbortedError, match="before TLS"):
            await stream.start_tls(context, "localhost")
        await stream.aclose()


async def test_a_server_without_tls_is_an_error_at_once(certificate: Path) -> None:
    async def play(stream: anyio.abc.ByteStream) -> None:
        await stream.receive()
        await stream.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with serving(play, None) as port:
        with pytest.raises(NetworkError):
            await get(connections(certificate), port)
