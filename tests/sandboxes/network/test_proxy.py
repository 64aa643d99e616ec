"""The gate, with real sockets: an HTTP server on loopback stands for the hosts of the world."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import anyio.abc
import msgspec
import pytest

from kodo.core.sandbox import Sandbox
from kodo.sandboxes.jail import Jail
from kodo.sandboxes.ladder import HAVE_A_GATE, Rung, make_sandbox
from kodo.sandboxes.network.credentials import make_placeholders
from kodo.sandboxes.network.proxy import Contact, Proxy, open_proxy
from kodo.sandboxes.network.rules import make_rules

pytestmark = pytest.mark.anyio

NAMES = {
    "allowed.test": ["93.184.215.14"],
    "six.test": ["2606:2800:220:1::1"],
    "rebound.test": ["127.0.0.1"],
    "metadata.test": ["169.254.169.254"],
    "mixed.test": ["10.0.0.1", "93.184.215.14"],
    "asked.test": ["93.184.215.14"],
}


@pytest.fixture
def rung(request: pytest.FixtureRequest, working_rungs: dict[str, str | None]) -> Rung:
    """Return the rungs that have a gate."""
    name: Rung = request.param
    if (why := working_rungs[name]) is not None:
        pytest.skip(f"{name}: {why}")
    return name


class World(msgspec.Struct):
    """What a test sees of the gate's side: who was resolved, dialled, told; the heads that came."""

    sandbox: Sandbox
    proxy: Proxy
    resolved: list[str]
    dialled: list[tuple[str, int]]
    contacts: list[Contact]
    heads: list[bytes]
    port: int


@asynccontextmanager
async def open_world(rung: Rung, jail: Jail, allow: Sequence[str]) -> AsyncGenerator[World]:
    resolved: list[str] = []
    dialled: list[tuple[str, int]] = []
    contacts: list[Contact] = []
    heads: list[bytes] = []

    async def answer(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            head = await stream.receive()
            heads.append(head)
            if b"/away" in head:
                await stream.send(b"HTTP/1.1 302 Go\r\nLocation: http://evil.test/\r\n\r\n")
            else:
                await stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n")

    async def resolve(host: str, port: int) -> Sequence[str]:
        resolved.append(host)
        if host not in NAMES:
            raise OSError("no such name")
        return NAMES[host]

    async def dial(address: str, port: int) -> anyio.abc.ByteStream:
        dialled.append((address, port))
        return await anyio.connect_tcp("127.0.0.1", listening)

    async def on_contact(contact: Contact) -> None:
        contacts.append(contact)

    async def ask(host: str, port: int) -> bool:
        return host == "asked.test"

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    async with listener, anyio.create_task_group() as tasks:
        listening: int = listener.extra(anyio.abc.SocketAttribute.local_port)
        tasks.start_soon(listener.serve, answer)
        rules = make_rules(allow, ask=["asked.test", "unwanted.test"], deny=["denied.allowed.test"])
        credentials = make_placeholders({"TOKEN": ["allowed.test"]}, {"TOKEN": "s3cr3t"})
        async with open_proxy(
            rules,
            resolve=resolve,
            dial=dial,
            on_contact=on_contact,
            ask=ask,
            credentials=credentials,
        ) as proxy:
            sandbox = make_sandbox(rung, jail, proxy)
            try:
                yield World(sandbox, proxy, resolved, dialled, contacts, heads, listening)
            finally:
                await sandbox.aclose()
        tasks.cancel_scope.cancel()


ALLOW = (
    "allowed.test",
    "*.allowed.test",
    "six.test",
    "rebound.test",
    "metadata.test",
    "mixed.test",
)
CURL = "curl -s -m 10 -o - -w '%{http_code}' "

pytestmark_rungs = pytest.mark.parametrize("rung", sorted(HAVE_A_GATE), indirect=True)


@pytestmark_rungs
async def test_an_allowed_host_answers_and_everything_is_told(
    rung: Rung, make_jail: Callable[..., Jail]
) -> None:
    async with open_world(rung, make_jail(), ALLOW) as world:
        assert "hosts_limited" in world.sandbox.guarantees
        assert "network_denied" not in world.sandbox.guarantees
        done = await world.sandbox.exec(CURL + "http://allowed.test/a?b=1")
        assert done.output == b"hello\n200"
        assert world.dialled == [("93.184.215.14", 80)]
        assert world.contacts == [Contact("allowed.test", 80, "allowed", "93.184.215.14")]
        assert world.heads[0].startswith(b"GET /a?b=1 HTTP/1.1\r\nHost: allowed.test\r\n")
        assert b"proxy" not in world.heads[0].lower()
        done = await world.sandbox.exec(CURL + "http://six.test/")
        assert done.output == b"hello\n200"
        assert world.dialled[-1] == ("2606:2800:220:1::1", 80)


@pytestmark_rungs
async def test_what_is_not_allowed_is_not_even_resolved(
    rung: Rung, make_jail: Callable[..., Jail]
) -> None:
    async with open_world(rung, make_jail(), ALLOW) as world:
        for url in ("http://evil.test/", "http://denied.allowed.test/", "http://allowed.test:81/"):
            done = await world.sandbox.exec(CURL + url)
            assert done.output.endswith(b"--allow-host " + url[7:-1].encode() + b"\n403")
        assert world.resolved == world.dialled == []
        assert [contact.verdict for contact in world.contacts] == ["refused"] * 3


@pytestmark_rungs
async def test_names_that_lead_inside_are_refused(
    rung: Rung, make_jail: Callable[..., Jail]
) -> None:
    async with open_world(rung, make_jail(), [*ALLOW, "*"]) as world:
        hosts = (
            "rebound.test",
            "metadata.test",
            "127.0.0.1",
            "169.254.169.254",
            "[::1]",
            "10.0.0.1",
        )
        for host in (*hosts, "2130706433", "[::ffff:169.254.169.254]", "0x7f.1"):
            # curl would spare these the proxy, or spell them anew.
            done = await world.sandbox.exec(CURL + f"--noproxy '' --path-as-is 'http://{host}/'")
            assert done.output.endswith(b"403"), (host, done.output)
            done = await world.sandbox.exec(
                f"exec 3<>/dev/tcp/127.0.0.1/3128; printf 'CONNECT {host}:443 HTTP/1.1\\r\\n\\r\\n'"
                " >&3; head -1 <&3"
            )
            assert b" 403 " in done.output, (host, done.output)
        assert world.dialled == []
        done = await world.sandbox.exec(CURL + "http://mixed.test/")
        assert done.output == b"hello\n200"
        assert world.dialled == [("93.184.215.14", 80)]


@pytestmark_rungs
async def test_a_private_address_counts_where_it_is_named_with_its_port(
    rung: Rung, make_jail: Callable[..., Jail]
) -> None:
    async with open_world(rung, make_jail(), ["10.0.0.5:5432", "169.254.169.254:80"]) as world:
        done = await world.sandbox.exec(CURL + "http://10.0.0.5:5432/")
        assert done.output == b"hello\n200"
        done = await world.sandbox.exec(CURL + "http://169.254.169.254/")
        assert done.output.endswith(b"403")


@pytestmark_rungs
async def test_a_tunnel_and_a_redirect(rung: Rung, make_jail: Callable[..., Jail]) -> None:
    async with open_world(rung, make_jail(), ALLOW) as world:
        done = await world.sandbox.exec(CURL + "-p http://allowed.test/in-a-tunnel")
        assert done.output == b"hello\n200"
        assert world.heads[-1].startswith(b"GET /in-a-tunnel HTTP/1.1\r\n")
        done = await world.sandbox.exec(CURL + "-L http://allowed.test/away")
        assert done.output.endswith(b"403")
        assert "evil.test" not in world.resolved


@pytestmark_rungs
async def test_hosts_are_asked_about_once(rung: Rung, make_jail: Callable[..., Jail]) -> None:
    async with open_world(rung, make_jail(), ()) as world:
        assert (await world.sandbox.exec(CURL + "http://asked.test/")).output == b"hello\n200"
        refused = await world.sandbox.exec(CURL + "http://unwanted.test/")
        assert refused.output.endswith(b"403")


@pytestmark_rungs
async def test_there_is_no_way_but_the_gate(rung: Rung, make_jail: Callable[..., Jail]) -> None:
    async with open_world(rung, make_jail(), ["*"]) as world:
        direct = f"exec 3<>/dev/tcp/127.0.0.1/{world.port} && echo ESCAPED"
        name = (
            "python3 -c \"import socket; socket.getaddrinfo('allowed.test', 80)\" && echo ESCAPED"
        )
        packet = "exec 3<>/dev/udp/192.0.2.1/53 && echo x >&3 && echo ESCAPED"
        inherited = "ls -l /proc/self/fd | grep -v pipe | grep -q socket: && echo ESCAPED"
        for attempt in (direct, name, packet, inherited):
            assert b"ESCAPED" not in (await world.sandbox.exec(attempt)).output
        # A second listener of the command's own is not served.
        served = "import socket; s = socket.create_server(('127.0.0.1', 3128), reuse_port=True)"
        assert b"in use" in (await world.sandbox.exec(["python3", "-c", served])).output
        assert world.resolved == []


@pytestmark_rungs
async def test_credentials_are_swapped_for_their_host_only(
    rung: Rung, make_jail: Callable[..., Jail]
) -> None:
    async with open_world(rung, make_jail(), ["*"]) as world:
        command = CURL + '-H "Authorization: Bearer $TOKEN" http://HOST/; echo $TOKEN'
        done = await world.sandbox.exec(command.replace("HOST", "allowed.test"))
        assert b"s3cr3t" not in done.output
        assert b"Authorization: Bearer s3cr3t\r\n" in world.heads[0]
        await world.sandbox.exec(command.replace("HOST", "mixed.test"))
        assert b"Authorization: Bearer kodo-placeholder-" in world.heads[1]


@pytestmark_rungs
async def test_commands_at_once_and_in_a_row_have_doors_of_their_own(
    rung: Rung, make_jail: Callable[..., Jail], workspace: Path
) -> None:
    async with open_world(rung, make_jail(), ALLOW) as world:

        async def one(name: str) -> None:
            await world.sandbox.exec(f"curl -s -m 20 http://allowed.test/{name} > {name}")

        async with anyio.create_task_group() as tasks:
            for at in range(4):
                tasks.start_soon(one, f"f{at}")
        assert [(workspace / f"f{at}").read_bytes() for at in range(4)] == [b"hello\n"] * 4
        lost = await world.sandbox.exec(["no-such-program-anywhere"])
        assert lost.exit_code == 127


async def test_heads_that_no_gate_should_pass() -> None:
    contacts: list[Contact] = []

    async def on_contact(contact: Contact) -> None:
        contacts.append(contact)

    async def say(proxy: Proxy, text: bytes) -> bytes:
        listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
        port: int = listener.extra(anyio.abc.SocketAttribute.local_port)
        answer = b""
        async with listener, anyio.create_task_group() as tasks:
            tasks.start_soon(listener.serve, proxy.serve)
            async with await anyio.connect_tcp("127.0.0.1", port) as client:
                await client.send(text)
                with anyio.fail_after(10):
                    async for piece in client:
                        answer += piece
            tasks.cancel_scope.cancel()
        return answer

    async with open_proxy(make_rules(["allowed.test"]), on_contact=on_contact) as proxy:
        for head in (
            b"GET / HTTP/1.1\r\nHost: allowed.test\r\n\r\n",
            b"nonsense\r\n\r\n",
            b"GET ftp://allowed.test/ HTTP/1.1\r\n\r\n",
            b"CONNECT allowed.test:0 HTTP/1.1\r\n\r\n",
            b"CONNECT allowed.test:443@evil.test HTTP/1.1\r\n\r\n",
            b"GET http://allowed.test/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"POST http://allowed.test/ HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            b"GET http://allowed.test/ HTTP/1.1\r\nA : b\r\n\r\n",
            b"GET http://allowed.test/ HTTP/1.1\r\nA: b\nHost: evil\r\n\r\n",
            b"GET http://allowed.test/ HTTP/1.1\r\nA: b\rHost: evil\r\n\r\n",
            b"GET http://allowed.test/ HTTP/1.1\r\nA b: c\r\n\r\n",
            b"GET\t/\nHost:evil\n\nGET http://allowed.test/ HTTP/1.1\r\n\r\n",
            b"GET http://\xff/ HTTP/1.1\r\n\r\n",
            b"x" * 70_000,
        ):
            answer = await say(proxy, head)
            assert answer.startswith(b"HTTP/1.1 400 "), (head, answer)
        answer = await say(proxy, b"GET http://allowed.test@evil.test/ HTTP/1.1\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 403 ")
    assert [(contact.host, contact.verdict) for contact in contacts] == [("evil.test", "refused")]


async def test_a_question_that_was_cancelled_is_no_answer() -> None:
    asked: list[str] = []
    scope = anyio.CancelScope()

    async def ask(host: str, port: int) -> bool:
        asked.append(host)
        if len(asked) == 1:
            scope.cancel()
            await anyio.sleep_forever()
        return True

    async with anyio.create_task_group() as tasks:
        proxy = Proxy(make_rules([], ask=["asked.test"]), tasks, ask=ask)
        with scope:
            await proxy._permit("asked.test", 80)  # pyright: ignore[reportPrivateUsage]
        await proxy._permit("asked.test", 80)  # pyright: ignore[reportPrivateUsage]
    assert asked == ["asked.test", "asked.test"]
