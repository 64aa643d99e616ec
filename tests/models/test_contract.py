"""The contract of the port, held against every adapter over recorded bytes and a real socket."""

import json
from contextlib import suppress
from itertools import pairwise
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.models.contract import (
    KEY,
    WIRES,
    Clock,
    Wire,
    answered,
    check_request,
    collect,
    listener,
    played,
    prompt,
)
from tests.models.network import PlayedNetwork, WatchingServer, error_response, response

from kodo.base.errors import AuthError, ContextOverflow, ModelError, Overloaded, Refused
from kodo.core.events import Retrying
from kodo.core.messages import (
    Assistant,
    Delta,
    Image,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
    Usage,
    User,
    user,
)
from kodo.models.http.network import Unreachable
from kodo.models.sse import EventParser
from kodo.models.transport import Transport

pytestmark = pytest.mark.anyio
EVERY_WIRE = pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.name)
BUSY = b'{"error":{"message":"slow down","type":"rate_limit_error"}}'


async def ask(wire: Wire, name: str) -> tuple[list[Delta], Assistant, PlayedNetwork]:
    network = PlayedNetwork(response(wire.body(name)))
    deltas, reply = await collect(wire.model(played(network)), prompt())
    return deltas, reply, network


@EVERY_WIRE
async def test_text_comes_in_deltas_and_then_whole(wire: Wire) -> None:
    deltas, reply, _ = await ask(wire, "text.sse")
    assert [d.text for d in deltas] == ["Hel", "lo, ", "wörld 😀"]
    assert reply.parts == (Text("Hello, wörld 😀"),)
    assert reply.stop == "end"
    assert reply.model == wire.info().id


@EVERY_WIRE
async def test_usage_is_counted_and_priced(wire: Wire) -> None:
    _, reply, _ = await ask(wire, "text.sse")
    assert reply.usage.cost_usd == pytest.approx(wire.cost_usd)
    assert reply.usage == Usage(1200, 1000, 50, wire.reasoning_tokens, reply.usage.cost_usd)


@EVERY_WIRE
async def test_parallel_calls_keep_order_and_ids(wire: Wire) -> None:
    deltas, reply, _ = await ask(wire, "calls.sse")
    thought, said, first, second = reply.parts
    assert thought == Reasoning("Two files.", wire.signature, wire.info().provider)
    assert said == Text("I will read both.")
    assert isinstance(first, ToolCall)
    assert isinstance(second, ToolCall)
    assert (first.name, first.arguments) == ("read", '{"path":"a.py"}')
    assert (second.name, second.arguments) == ("read", '{"path":"b.py"}')
    assert first.id != second.id
    assert reply.stop == "tool_calls"
    for call in reply.calls:
        pieces = [d.text for d in deltas if d.kind == "call" and d.call_id == call.id]
        assert "".join(pieces) == call.arguments
    assert "".join(d.text for d in deltas if d.kind == "reasoning") == "Two files."


@EVERY_WIRE
async def test_an_empty_reply_is_a_reply_without_parts(wire: Wire) -> None:
    deltas, reply, _ = await ask(wire, "empty.sse")
    assert (deltas, reply.parts, reply.stop) == ([], (), "end")


@EVERY_WIRE
async def test_a_refusal_is_told_by_its_stop(wire: Wire) -> None:
    _, reply, _ = await ask(wire, "refusal.sse")
    assert (reply.text, reply.stop) == ("I cannot help with that.", "refusal")


@EVERY_WIRE
async def test_a_reply_cut_by_length_says_so(wire: Wire) -> None:
    _, reply, _ = await ask(wire, "length.sse")
    assert (reply.text, reply.stop) == ("It goes on and", "length")


@EVERY_WIRE
async def test_surrogates_that_come_are_joined_or_replaced(wire: Wire) -> None:
    deltas, reply, _ = await ask(wire, "surrogates.sse")
    assert reply.text == "a😀b\ufffdc"
    for delta in deltas:
        delta.text.encode()


@EVERY_WIRE
async def test_surrogates_that_go_out_are_replaced(wire: Wire) -> None:
    network = PlayedNetwork(response(wire.body("text.sse")))
    call = ToolCall("c1", "re\ud800ad", '{"path":"\udfff"}')
    thread = (
        user("x\ud800"),
        Assistant((call,), "a/b"),
        ToolResult("c1", "read", (Text("\udc00"),)),
    )
    await collect(wire.model(played(network)), prompt(*thread))
    sent = json.dumps(network.request_body(), ensure_ascii=False)
    assert sent.count("\ufffd") == 4


@EVERY_WIRE
@pytest.mark.parametrize(
    ("status", "error", "file"),
    [(400, ContextOverflow, "overflow.json"), (400, Refused, "policy.json")],
)
async def test_overflow_and_policy_have_their_own_errors(
    wire: Wire, status: int, error: type[ModelError], file: str
) -> None:
    network = PlayedNetwork(error_response(wire.body(file), status))
    with pytest.raises(error) as caught:
        await collect(wire.model(played(network)), prompt())
    assert caught.value.status == status
    assert not caught.value.retryable


@EVERY_WIRE
@pytest.mark.parametrize("status", [401, 403])
async def test_a_bad_key_is_named_without_showing_it(wire: Wire, status: int) -> None:
    said = json.dumps({"error": {"message": f"Incorrect API key provided: {KEY}"}}).encode()
    network = PlayedNetwork(error_response(said, status))
    model = wire.model(played(network), base_url="http://me:secret@maker.test/v1?token=hidden")
    with pytest.raises(AuthError) as caught:
        await collect(model, prompt())
    message = str(caught.value)
    assert f"'maker_{wire.name}' at http://maker.test/v1{wire.path} answered {status}" in message
    assert "very-secret" not in message
    assert "secret@" not in message
    assert "hidden" not in message


@EVERY_WIRE
async def test_429_waits_as_long_as_it_is_asked_to(wire: Wire) -> None:
    clock, heard = Clock(), list[Retrying]()
    network = PlayedNetwork(
        error_response(BUSY, 429, retry_after="7"), response(wire.body("text.sse"))
    )
    model = wire.model(played(network, clock), on_retry=listener(heard))
    _, reply = await collect(model, prompt())
    assert reply.text == "Hello, wörld 😀"
    assert clock.waits == [7]
    assert [(retry.attempt, retry.wait_s) for retry in heard] == [(2, 7)]
    assert "429" in heard[0].error


@EVERY_WIRE
async def test_500_is_tried_again_with_growing_waits_and_then_given_up(wire: Wire) -> None:
    clock = Clock()
    network = PlayedNetwork(*[error_response(b"oh no", 500)] * 6)
    with pytest.raises(Overloaded) as caught:
        await collect(wire.model(played(network, clock)), prompt())
    assert clock.waits == [0.25, 0.5, 1, 2, 4]
    assert caught.value.status == 500
    assert "oh no" in str(caught.value)
    assert network.unused == 0


@EVERY_WIRE
async def test_a_lost_connection_before_the_first_byte_is_tried_again(wire: Wire) -> None:
    head = response(wire.body("text.sse")).partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    network = PlayedNetwork(
        Unreachable("refused"),
        b"",  # accepted and dropped
        head,  # a status, and nothing after it
        response(wire.body("text.sse")),
    )
    _, reply = await collect(wire.model(played(network)), prompt())
    assert reply.text == "Hello, wörld 😀"


@EVERY_WIRE
async def test_an_answer_cut_before_a_delta_may_be_tried_again_by_the_caller(wire: Wire) -> None:
    body = wire.body("text.sse")
    cut = body[: body.index(b"\n\n") + 2]
    for answer in (response(cut), response(cut, whole=False)):
        network = PlayedNetwork(answer)
        with pytest.raises(ModelError) as caught:
            await collect(wire.model(played(network)), prompt())
        assert caught.value.retryable
        assert network.unused == 0


@EVERY_WIRE
async def test_an_answer_cut_after_a_delta_is_final(wire: Wire) -> None:
    body = wire.body("text.sse")
    cut = body[: body.index(b"\n\n", body.index(b"lo, ")) + 2]
    for answer in (response(cut), response(cut, whole=False)):
        clock, deltas = Clock(), list[Delta | Assistant]()
        network = PlayedNetwork(answer)
        with pytest.raises(ModelError) as caught:
            deltas.extend([p async for p in wire.model(played(network, clock)).stream(prompt())])
        assert not caught.value.retryable
        assert clock.waits == []


@EVERY_WIRE
async def test_a_failure_in_the_stream_is_an_error(wire: Wire) -> None:
    with pytest.raises(Overloaded) as early:
        await ask(wire, "busy.sse")
    assert early.value.retryable
    if wire.name != "messages":
        assert early.value.retry_after_s == 1.5
    with pytest.raises(Overloaded) as late:
        await ask(wire, "late_failure.sse")
    assert not late.value.retryable


@EVERY_WIRE
async def test_what_is_no_event_stream_is_named(wire: Wire) -> None:
    page = response(b"<html><title>Welcome</title></html>", content_type="text/html")
    with pytest.raises(ModelError, match=r"'text/html'.*'Welcome'.*base_url"):
        await collect(wire.model(played(PlayedNetwork(page))), prompt())
    broken = response(b"data: {not json\n\n")
    with pytest.raises(ModelError, match=r"begins '\{not json'"):
        await collect(wire.model(played(PlayedNetwork(broken))), prompt())


@EVERY_WIRE
@pytest.mark.parametrize("how", ["close", "cancel"])
async def test_leaving_closes_the_socket_and_the_server_sees_it(wire: Wire, how: str) -> None:
    body = wire.body("text.sse")
    begin = body[: body.index(b"\n\n", body.index(b"Hel")) + 2]
    server = WatchingServer(response(begin, whole=False))
    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            await tasks.start(server.run)
            model = wire.model(Transport(), base_url=f"http://127.0.0.1:{server.port}/v1")
            pieces = model.stream(prompt())
            with anyio.CancelScope() as scope:
                assert (await anext(pieces)) == Delta("text", "Hel")
                if how == "cancel":
                    scope.cancel()
                    await anext(pieces)
            await pieces.aclose()
            await server.left.wait()
            await model.aclose()
            tasks.cancel_scope.cancel()


@EVERY_WIRE
async def test_a_connection_is_used_again(wire: Wire) -> None:
    answer = response(wire.body("text.sse"))
    network = PlayedNetwork([answer, answer])
    model = wire.model(played(network))
    await collect(model, prompt())
    await collect(model, prompt())
    assert len(network.streams) == 1
    await model.aclose()
    assert network.streams[0].closed


@EVERY_WIRE
async def test_the_key_and_own_headers_are_sent(wire: Wire) -> None:
    network = PlayedNetwork(response(wire.body("text.sse")))
    await collect(wire.model(played(network), headers={"X-Title": "kodo"}), prompt())
    head = network.request_head().lower()
    assert head.startswith(f"post /v1{wire.path} http/1.1")
    assert KEY in head
    assert "x-title: kodo" in head


@EVERY_WIRE
async def test_images_go_out_or_become_a_note(wire: Wire) -> None:
    async def read_blob(name: str) -> bytes:
        assert name == "b10b"
        return b"\x89PNG"

    picture = Image("image/png", "b10b")
    call = Assistant((ToolCall("c1", "read", "{}"),), "a/b")
    thread = (User((Text("See"), picture)), call, ToolResult("c1", "read", (picture,)))
    for reader, seen in ((read_blob, 2), (None, 0)):
        network = PlayedNetwork(response(wire.body("text.sse")))
        await collect(wire.model(played(network), read_blob=reader), prompt(*thread))
        sent = json.dumps(network.request_body())
        assert sent.count("iVBORw==") == seen
        assert sent.count("was left out") == 2 - seen
        check_request(wire, network.request_body())


@EVERY_WIRE
@pytest.mark.parametrize("before", WIRES, ids=lambda wire: f"from_{wire.name}")
async def test_a_thread_goes_from_one_provider_to_another(wire: Wire, before: Wire) -> None:
    _, reply, _ = await ask(before, "calls.sse")
    only_thought = Assistant((Reasoning("hm", "sealed", before.info().provider),), reply.model)
    thread = (
        user("go"),
        *answered(reply),
        User((Text("  "), Text(""))),
        only_thought,
        *answered(reply),  # the same ids again
        Assistant((Text("half"),), "scripted/x"),
        user("and now?"),
    )
    network = PlayedNetwork(response(wire.body("text.sse")))
    await collect(wire.model(played(network)), prompt(*thread))
    body = network.request_body()
    assert len(check_request(wire, body)) == 4
    sent = json.dumps(body)
    assert "sealed" in sent if wire.name == before.name != "chat" else "sealed" not in sent
    assert '"hm"' not in sent
    assert "out of" in sent


@EVERY_WIRE
async def test_arguments_that_are_no_json_can_be_sent_back(wire: Wire) -> None:
    network = PlayedNetwork(response(wire.body("text.sse")))
    broken = Assistant((ToolCall("c1", "read", '{"path": "a'),), "a/b")
    thread = (user("go"), broken, ToolResult("c1", "read", (), "error"))
    await collect(wire.model(played(network)), prompt(*thread))
    body = network.request_body()
    check_request(wire, body)
    assert "(no output)" in json.dumps(body)


@EVERY_WIRE
async def test_a_schema_and_a_limit_are_passed_on(wire: Wire) -> None:
    network = PlayedNetwork(response(wire.body("text.sse")))
    asked = prompt(schema='{"type":"object"}', output_tokens=77, cache_key="thread-1")
    await collect(wire.model(played(network)), asked)
    body: dict[str, Any] = network.request_body()
    limits = {body.get(n) for n in ("max_tokens", "max_output_tokens", "max_completion_tokens")}
    assert 77 in limits
    assert '"schema": {"type": "object"}' in json.dumps(body)
    assert body["stream"] is True
    assert body["model"] == "some/model"


def read_pieces(wire: Wire, pieces: list[bytes]) -> tuple[list[Delta], Assistant | None]:
    parser, reader = EventParser(), wire.reader()
    deltas: list[Delta] = []
    for piece in pieces:
        for event in parser.feed(piece):
            deltas.extend(reader.feed(event))
    for event in parser.close():
        deltas.extend(reader.feed(event))
    return deltas, reader.finish()


@EVERY_WIRE
def test_bytes_may_be_split_anywhere(wire: Wire) -> None:
    for line_end in (b"\n", b"\r\n", b"\r"):
        body = wire.body("calls.sse").replace(b"\n", line_end)
        expected = read_pieces(wire, [body])
        assert expected[1] is not None
        for cut in range(0, len(body), 1 if line_end == b"\r\n" else 7):
            assert read_pieces(wire, [body[:cut], body[cut:]]) == expected


@EVERY_WIRE
@given(data=st.data())
def test_bytes_may_come_in_any_pieces(wire: Wire, data: st.DataObject) -> None:
    body = wire.body(data.draw(st.sampled_from(["text.sse", "calls.sse", "surrogates.sse"])))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=30)))
    edges = [0, *cuts, len(body)]
    pieces = [body[a:b] for a, b in pairwise(edges)]
    assert read_pieces(wire, pieces) == read_pieces(wire, [body])


@EVERY_WIRE
async def test_single_bytes_reach_the_reply_through_the_transport(wire: Wire) -> None:
    answer = response(wire.body("calls.sse"))
    network = PlayedNetwork([answer[i : i + 1] for i in range(len(answer))])
    _, reply = await collect(wire.model(played(network)), prompt())
    assert [call.arguments for call in reply.calls] == ['{"path":"a.py"}', '{"path":"b.py"}']


@EVERY_WIRE
@given(noise=st.binary(max_size=300))
def test_noise_is_a_model_error_or_nothing(wire: Wire, noise: bytes) -> None:
    with suppress(ModelError):
        read_pieces(wire, [b"data: " + noise + b"\n\n"])


@EVERY_WIRE
async def test_a_warm_up_asks_nothing_where_the_wire_knows_none(wire: Wire) -> None:
    network = PlayedNetwork()
    deltas, reply = await collect(wire.model(played(network)), prompt(output_tokens=0))
    assert (deltas, reply.parts, reply.stop) == ([], (), "end")
    assert network.streams == []
