"""HTTP over real loopback sockets, and every way in which a server can misbehave."""

import socket
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import anyio
import anyio.abc
import pytest

from kodo.models.http.answer import MAX_HEAD_BYTES
from kodo.models.http.connections import Connections
from kodo.models.http.network import Broken, CannotAsk, NetworkError, Silent, Unreachable
from kodo.models.http.sockets import MOST_WAITING_BYTES, SocketNetwork

pytestmark = pytest.mark.anyio

Play = Callable[[anyio.abc.ByteStream], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"


@asynccontextmanager
async def serving(play: Play, host: str = "127.0.0.1") -> AsyncGenerator[int]:
    """Serve `play` on a free loopback port."""

    async def answer(stream: anyio.abc.ByteStream) -> None:
        async with stream:
            with suppress(anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
                await play(stream)

    with anyio.fail_after(60):
        async with (
            await anyio.create_tcp_listener(local_host=host) as listener,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(listener.serve, answer)
            yield listener.extra(anyio.abc.SocketAttribute.local_port)
            tasks.cancel_scope.cancel()


def says(*pieces: bytes) -> Play:
    """Return a server that reads a head, sends the pieces and closes."""

    async def play(stream: anyio.abc.ByteStream) -> None:
        await request_of(stream)
        for piece in pieces:
            await stream.send(piece)

    return play


async def request_of(stream: anyio.abc.ByteStream) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head:
        head += await stream.receive()
    return head


def connections(proxy: str | None = None, idle_s: float = 30) -> Connections:
    def no_tls() -> ssl.SSLContext:
        return ssl.create_default_context()

    return Connections(SocketNetwork(), tls=no_tls, proxy=proxy, connect_s=30, idle_s=idle_s)


async def get(port: int, to: Connections | None = None, host: str = "127.0.0.1") -> bytes:
    to = to or connections()
    answer = await to.ask("GET", f"http://{host}:{port}/x", {}, b"")
    try:
        return b"".join([piece async for piece in answer.pieces()])
    finally:
        await answer.aclose()
        await to.aclose()


async def test_bodies_come_whole_however_they_are_framed() -> None:
    chunked = (
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"
    )
    to_the_end = b"HTTP/1.1 200 OK\r\n\r\nhello"
    for sent in (chunked, to_the_end):
        async with serving(says(*(sent[at : at + 1] for at in range(len(sent))))) as port:
            assert await get(port) == b"hello"


async def test_answers_that_only_say_wait_are_passed_over() -> None:
    waiting = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"
    async with serving(says(waiting + OK)) as port:
        answer = await connections().ask("POST", f"http://127.0.0.1:{port}/", {}, b"")
        assert (answer.status, answer.headers) == (200, {"content-length": "2"})
        await answer.aclose()


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"HTTP/1.1 200 OK\r\ncontent-le",
        b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhel",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x-long: " + b"y" * MAX_HEAD_BYTES + b"\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
    ids=["nothing", "cut head", "cut body", "cut chunk", "bad chunk", "ssh", "huge", "two lengths"],
)
async def test_what_is_cut_or_no_http_is_broken(sent: bytes) -> None:
    async with serving(says(sent)) as port:
        with pytest.raises(Broken):
            await get(port)


async def test_a_reset_is_broken() -> None:
    async def play(stream: anyio.abc.ByteStream) -> None:
        await request_of(stream)
        raw: socket.socket = stream.extra(anyio.abc.SocketAttribute.raw_socket)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    async with serving(play) as port:
        with pytest.raises(Broken):
            await get(port)


async def test_a_silent_server_is_given_up_and_the_socket_closed() -> None:
    left = anyio.Event()

    async def play(stream: anyio.abc.ByteStream) -> None:
        await request_of(stream)
        try:
            await stream.receive()
        finally:
            left.set()

    async with serving(play) as port:
        with pytest.raises(Silent):
            await get(port, connections(idle_s=0.01))
        await left.wait()


async def test_nobody_there_is_unreachable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(Unreachable, match=r"refused|failed"):
            await get(taken.getsockname()[1])


async def test_ipv6_and_its_host_header() -> None:
    heard = list[bytes]()

    async def play(stream: anyio.abc.ByteStream) -> None:
        heard.append(await request_of(stream))
        await stream.send(OK)

    if not socket.has_ipv6:
        pytest.skip("this Python has no IPv6")
    try:
        async with serving(play, "::1") as port:
            assert await get(port, host="[::1]") == b"hi"
            assert f"\r\nhost: [::1]:{port}\r\n".encode() in heard[0]
    except OSError as error:
        pytest.skip(f"no IPv6 on this host: {error}")


async def test_a_refusal_before_the_body_is_read_is_heard() -> None:
    async def play(stream: anyio.abc.ByteStream) -> None:
        await request_of(stream)
        await stream.send(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n")
        await stream.receive()
        await anyio.sleep_forever()

    async with serving(play) as port:
        url = f"http://127.0.0.1:{port}/"
        answer = await connections().ask("POST", url, {}, b"x" * (32 << 20))
        assert answer.status == 413
        await answer.aclose()


async def test_a_connection_is_kept_while_it_is_quiet_and_replaced_when_it_is_not() -> None:
    met = list[int]()

    async def play(stream: anyio.abc.ByteStream) -> None:
        met.append(0)
        for extra in (b"", b"", b"bytes nobody asked for"):
            await request_of(stream)
            met[-1] += 1
            await stream.send(OK + extra)
        await stream.receive()

    async with serving(play) as port:
        to = connections()
        for _ in range(4):
            answer = await to.ask("GET", f"http://127.0.0.1:{port}/", {}, b"")
            assert [piece async for piece in answer.pieces()] == [b"hi"]
            await answer.aclose()
        assert met == [3, 1]
        await to.aclose()


async def test_an_answer_that_is_left_early_closes_its_connection() -> None:
    left = anyio.Event()

    async def play(stream: anyio.abc.ByteStream) -> None:
        await request_of(stream)
        await stream.send(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf")
        try:
            await stream.receive()
        finally:
            left.set()

    async with serving(play) as port:
        answer = await connections().ask("GET", f"http://127.0.0.1:{port}/", {}, b"")
        await anext(answer.pieces())
        await answer.aclose()
        await answer.aclose()
        await left.wait()


async def test_a_peer_that_sends_faster_than_it_is_read_is_held_back() -> None:
    sent = 0
    size = 64 << 20

    async def play(stream: anyio.abc.ByteStream) -> None:
        nonlocal sent
        await request_of(stream)
        await stream.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size)
        for _ in range(size >> 16):
            await stream.send(bytes(1 << 16))
            sent += 1 << 16

    async with serving(play) as port:
        answer = await connections().ask("GET", f"http://127.0.0.1:{port}/", {}, b"")
        await anyio.wait_all_tasks_blocked()
        assert sent < size
        read = 0
        async for piece in answer.pieces():
            assert len(piece) <= 2 * MOST_WAITING_BYTES
            read += len(piece)
        assert read == size
        await answer.aclose()


async def test_a_proxy_makes_a_tunnel_or_says_why_not() -> None:
    heard = list[bytes]()

    async def play(stream: anyio.abc.ByteStream) -> None:
        heard.append(await request_of(stream))
        await stream.send(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")

    async with serving(play) as port:
        to = connections(f"http://me:p%40ss@127.0.0.1:{port}")
        with pytest.raises(Unreachable, match="403 Forbidden"):
            await to.ask("GET", "https://maker.test/v1", {}, b"")
    assert heard[0].startswith(b"CONNECT maker.test:443 HTTP/1.1\r\nhost: maker.test:443\r\n")
    assert b"Proxy-Authorization: Basic bWU6cEBzcw==" in heard[0]


async def test_a_server_without_tls_is_no_https_server() -> None:
    async with serving(says(OK)) as port:
        with pytest.raises(NetworkError):
            await connections().ask("GET", f"https://127.0.0.1:{port}/", {}, b"")


@pytest.mark.parametrize(
    "url", ["ftp://a/", "a.test/v1", "http://", "http://a b/", "http://a:99999/", "http://a/b c"]
)
async def test_a_url_that_is_none_is_not_asked(url: str) -> None:
    with pytest.raises(CannotAsk):
        await connections().ask("GET", url, {}, b"")


@pytest.mark.parametrize("header", [("a b", "c"), ("", "c"), ("x", "secret\nhost: d"), ("x", "…")])
async def test_a_header_that_is_none_is_named_without_its_value(header: tuple[str, str]) -> None:
    with pytest.raises(CannotAsk) as caught:
        await connections().ask("GET", "http://127.0.0.1:1/", dict([header]), b"")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "framing",
    [
        b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
        b"content-length: 2\r\ncontent-length: 9\r\n\r\nhi",
    ],
)
async def test_an_answer_with_two_lengths_is_no_answer(framing: bytes) -> None:
    async with serving(says(b"HTTP/1.1 200 OK\r\n" + framing)) as port:
        with pytest.raises(Broken):
            await get(port)


async def test_headers_behind_a_body_are_not_kept() -> None:
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n"
    async with serving(says(head + b"x-status: 500\r\n" * 1000 + b"\r\n")) as port:
        to = connections()
        answer = await to.ask("GET", f"http://127.0.0.1:{port}/", {}, b"")
        assert b"".join([piece async for piece in answer.pieces()]) == b"hi"
        assert "x-status" not in answer.headers
        await answer.aclose()
        await to.aclose()


@pytest.mark.parametrize("host", ["a" * 70 + ".example", "a..b"])
async def test_a_name_that_cannot_be_one_is_unreachable(host: str) -> None:
    with pytest.raises(Unreachable):
        await get(9, host=host)


def test_a_proxy_that_is_no_url_cannot_be_asked() -> None:
    with pytest.raises(CannotAsk):
        connections("http://[::1")
