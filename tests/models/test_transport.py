"""Connections: what is opened when, and what is said when it fails."""

import socket
import ssl

import anyio
import pytest
from tests.models.contract import Clock, listener, played
from tests.models.network import PlayedNetwork, PlayedStream, error_response, response

from kodo.base.errors import ModelError, Overloaded
from kodo.core.events import Retrying
from kodo.models.http.network import Silent as NoByte
from kodo.models.http.network import Unreachable
from kodo.models.retry import RetryPlan
from kodo.models.sse import ServerEvent
from kodo.models.transport import Transport

pytestmark = pytest.mark.anyio
EVENT = response(b"data: 1\n\n")


async def post(
    transport: Transport, url: str = "http://maker.test/v1/x", heard: list[Retrying] | None = None
) -> list[ServerEvent]:
    on_retry = None if heard is None else listener(heard)
    events = transport.post(url, b"{}", {}, provider="maker", on_retry=on_retry)
    return [event async for event in events]


def unreachable(cause: OSError) -> Unreachable:
    error = Unreachable(str(cause))
    error.__cause__ = cause
    return error


async def test_the_host_header_has_the_port_only_where_it_is_unusual() -> None:
    for url, host in [
        ("http://maker.test/v1", "maker.test"),
        ("http://maker.test:80/v1", "maker.test"),
        ("http://maker.test:8080/v1", "maker.test:8080"),
        ("http://[::1]:8080/v1", "[::1]:8080"),
    ]:
        network = PlayedNetwork(EVENT)
        await post(played(network), url)
        assert f"\r\nhost: {host}\r\n" in network.request_head()


async def test_an_unknown_host_is_not_tried_again() -> None:
    gone = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    network = PlayedNetwork(unreachable(gone))
    with pytest.raises(ModelError, match=r"'maker' at http://maker\.test/v1/x: no such host"):
        await post(played(network))


async def test_an_untrusted_certificate_is_not_tried_again() -> None:
    bad = ssl.SSLCertVerificationError("self-signed certificate")
    network = PlayedNetwork(unreachable(bad))
    with pytest.raises(ModelError, match=r"self-signed certificate.*CA bundle") as caught:
        await post(played(network))
    assert not caught.value.retryable


async def test_a_server_that_refuses_is_named_after_the_last_try() -> None:
    heard = list[Retrying]()
    network = PlayedNetwork(*[Unreachable("Connection refused")] * 3)
    clock = Clock()
    plan = RetryPlan(max_retries=2)
    transport = Transport(network=network, sleep=clock.sleep, random=lambda: 0.0, plan=plan)
    with pytest.raises(Overloaded, match=r"cannot be reached \(Connection refused\)"):
        await post(transport, heard=heard)
    assert [retry.attempt for retry in heard] == [2, 3]


@pytest.mark.parametrize("url", ["maker.test/v1", "ftp://maker.test/v1", "http:///v1", ""])
async def test_a_url_that_is_none_is_named(url: str) -> None:
    with pytest.raises(ModelError, match=r"base_url|no such host|cannot be reached"):
        await post(Transport(plan=RetryPlan(max_retries=0)), url)


async def test_a_header_that_cannot_be_sent_is_named() -> None:
    for value in ("Bearer \u2026", "Bearer a\r\nb"):
        events = played(PlayedNetwork(EVENT)).post(
            "http://maker.test/v1", b"", {"authorization": value}, provider="maker"
        )
        with pytest.raises(ModelError, match="key and headers"):
            await anext(events)


async def test_a_longer_wait_than_we_bear_is_handed_on() -> None:
    network = PlayedNetwork(error_response(b"{}", 429, retry_after="3600"))
    clock = Clock()
    with pytest.raises(Overloaded) as caught:
        await post(played(network, clock))
    assert caught.value.retry_after_s == 3600
    assert clock.waits == []


async def test_an_idle_server_is_given_up() -> None:
    class Silent(PlayedStream):
        async def receive(self, timeout_s: float | None) -> bytes:
            raise NoByte

    class SilentNetwork(PlayedNetwork):
        async def connect(self, host: str, port: int, timeout_s: float | None) -> PlayedStream:
            return Silent([])

    transport = Transport(network=SilentNetwork(), idle_timeout_s=3, plan=RetryPlan(max_retries=0))
    with pytest.raises(Overloaded, match="sent nothing for 3 s"):
        await post(transport)


async def test_a_proxy_is_asked_with_its_password() -> None:
    network = PlayedNetwork(EVENT)
    transport = Transport(network=network, proxy="http://me:p%40ss@proxy.test:3128")
    assert await post(transport) == [ServerEvent("", b"1")]
    head = network.request_head()
    assert head.startswith("POST http://maker.test/v1/x HTTP/1.1")
    assert "Proxy-Authorization: Basic bWU6cEBzcw==" in head


async def test_a_missing_ca_bundle_is_named() -> None:
    with pytest.raises(ModelError, match=r"'/nowhere\.pem'"):
        await post(Transport(ca_file="/nowhere.pem"), "https://maker.test/v1")


async def test_a_huge_error_body_is_not_read_to_its_end() -> None:
    body = b"x" * 1_000_000
    answer = error_response(body, 400)
    network = PlayedNetwork([answer[i : i + 4096] for i in range(0, len(answer), 4096)])
    with pytest.raises(ModelError):
        await post(played(network))
    assert len(network.streams[0].pieces) > 200
    assert network.streams[0].closed


async def test_cancelling_while_waiting_ends_the_wait() -> None:
    network = PlayedNetwork(error_response(b"{}", 500))
    waiting = anyio.Event()

    async def sleep(_: float) -> None:
        waiting.set()
        await anyio.sleep_forever()

    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(post, Transport(network=network, sleep=sleep))
            await waiting.wait()
            tasks.cancel_scope.cancel()
    assert network.unused == 0
