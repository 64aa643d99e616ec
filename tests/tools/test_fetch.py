"""fetch: pages as text, and what it never reaches."""

import anyio
import anyio.abc
import httpx2
import msgspec
import pytest
from tests.tools.bench import Bench, text_of

from kodo.base.errors import ToolError
from kodo.core.events import HostContacted
from kodo.core.tool import ToolContext
from kodo.tools.fetch import MAX_BODY_BYTES, Fetch, is_public
from kodo.tools.html_text import html_text

pytestmark = pytest.mark.anyio

HOSTS = {
    "docs.example": ["93.184.216.34"],
    "inside.example": ["10.0.0.7"],
    "both.example": ["93.184.216.34", "127.0.0.1"],
    "169.254.169.254": ["169.254.169.254"],
    "localhost": ["127.0.0.1", "::1"],
}


async def resolve(host: str, port: int) -> list[str]:
    del port
    if host not in HOSTS:
        raise OSError("no such host")
    return HOSTS[host]


class Web:
    """Answers requests, and keeps what was asked of which address."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str]] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.path
        self.asked.append((request.url.host, request.headers["host"], path))
        if path == "/moved":
            return httpx2.Response(302, headers={"location": "/page"})
        if path == "/inwards":
            return httpx2.Response(302, headers={"location": "http://169.254.169.254/keys"})
        if path == "/round":
            return httpx2.Response(302, headers={"location": "/round"})
        if path == "/big":
            return httpx2.Response(200, content=b"x" * (MAX_BODY_BYTES + 1))
        if path == "/data":
            return httpx2.Response(200, json={"a": 1})
        if path == "/down":
            raise httpx2.ConnectError("refused")
        if path == "/page":
            page = "<title>T</title><script>bad()</script><p>Hello <b>there</b></p>"
            return httpx2.Response(200, html=page)
        return httpx2.Response(404, text="nothing here")


@pytest.fixture
def web() -> Web:
    """Return a small web."""
    return Web()


@pytest.fixture
def tool(web: Web) -> Fetch:
    """Return the tool on that web."""
    return Fetch(transport=httpx2.MockTransport(web), resolve=resolve)


def open_context(bench: Bench) -> ToolContext:
    """Return a context whose run may use the network."""
    return msgspec.structs.replace(bench.context(), allow_net=True)


async def fetch(tool: Fetch, bench: Bench, url: str) -> str:
    """Return what the tool says of a page."""
    return text_of(await tool.run(msgspec.json.encode({"url": url}), open_context(bench)))


async def test_a_page_comes_as_text_and_the_host_is_on_record(
    tool: Fetch, bench: Bench, web: Web
) -> None:
    text = await fetch(tool, bench, "http://docs.example/moved")
    assert text.endswith("/page answered 200 (text/html)\n\n# T\n\nHello there")
    assert web.asked == [
        ("93.184.216.34", "docs.example", "/moved"),
        ("93.184.216.34", "docs.example", "/page"),
    ]
    assert bench.events == [HostContacted("docs.example", "fetch")] * 2


async def test_other_text_stays_as_it_is(tool: Fetch, bench: Bench) -> None:
    assert '{"a":1}' in (await fetch(tool, bench, "http://docs.example/data")).replace(" ", "")
    wanted = msgspec.json.encode({"url": "http://docs.example/none"})
    missing = await tool.run(wanted, open_context(bench))
    assert missing.failed
    assert "answered 404" in text_of(missing)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://localhost/", "not public"),
        ("http://inside.example/", "not public"),
        ("http://both.example/", "not public"),
        ("http://169.254.169.254/latest", "not public"),
        ("http://docs.example/inwards", "not public"),
        ("http://docs.example/round", "redirects more than 5 times"),
        ("http://docs.example/big", "larger than"),
        ("http://docs.example/down", "failed: refused"),
        ("http://unknown.example/", "unknown"),
        ("file:///etc/passwd", "not a plain http"),
        ("http://me:secret@docs.example/", "not a plain http"),
    ],
)
async def test_what_is_refused(tool: Fetch, bench: Bench, web: Web, url: str, message: str) -> None:
    with pytest.raises(ToolError, match=message):
        await fetch(tool, bench, url)
    assert all(address == "93.184.216.34" for address, _, _ in web.asked)


async def test_without_a_network_nothing_is_asked(tool: Fetch, bench: Bench, web: Web) -> None:
    with pytest.raises(ToolError, match="--allow-host"):
        await bench.run(tool, url="http://docs.example/page")
    assert web.asked == []


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("127.0.0.1", False),
        ("100.64.0.1", False),
        ("192.168.1.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("::ffff:127.0.0.1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("2002:7f00:1::", False),
        ("64:ff9b::7f00:1", False),
    ],
)
async def test_which_addresses_are_public(address: str, *, public: bool) -> None:
    assert is_public(address) is public


async def test_html_becomes_readable_text() -> None:
    page = """<html><head><style>p{}</style></head><body><h2>Use</h2><ul><li>one<li>two</ul>
    <pre>a  b
    c</pre><p>see <a href="https://docs.example/x">here</a> and <code>x = 1</code></p>
    <table><tr><th>k<td>v</table><script>no()</script></body>"""
    text = html_text(page)
    assert "## Use" in text
    assert "- one\n- two" in text
    assert "```\na  b\n    c\n```" in text
    assert "see here (https://docs.example/x) and `x = 1`" in text
    assert "no()" not in text
    assert "p{}" not in text


async def test_a_proxy_is_asked_by_name_and_resolves_what_this_host_cannot(bench: Bench) -> None:
    heard: list[bytes] = []
    asked: list[str] = []

    async def serve(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            heard.append(await stream.receive())
            await stream.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi")

    async with (
        await anyio.create_tcp_listener(local_host="127.0.0.1") as listener,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(listener.serve, serve)
        port = listener.extra(anyio.abc.SocketAttribute.local_port)

        def proxy(url: str) -> str:
            asked.append(url)
            return f"http://127.0.0.1:{port}"

        tool = Fetch(resolve=resolve, proxy=proxy)
        assert (await fetch(tool, bench, "http://far.example/page")).endswith("hi")
        with pytest.raises(ToolError, match="not public"):
            await fetch(tool, bench, "http://inside.example/")
        tasks.cancel_scope.cancel()
    assert heard[0].startswith(b"GET http://far.example/page HTTP/1.1\r\n")
    assert asked == ["http://far.example/page", "http://inside.example/"]
    assert len(heard) == 1


async def test_a_ca_file_without_certificates_is_named(bench: Bench) -> None:
    tool = Fetch(resolve=resolve, ca_file=str(bench.workspace / "none.pem"))
    with pytest.raises(ToolError, match=r"none\.pem.*name a PEM file"):
        await fetch(tool, bench, "https://docs.example/page")
