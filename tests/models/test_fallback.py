"""Two wires to one model."""

import pytest
from tests.models.contract import WIRES, Wire, collect, played, prompt
from tests.models.network import PlayedNetwork, error_response, response

from kodo.base.errors import ModelError
from kodo.models.fallback import Fallback
from kodo.models.transport import Transport

pytestmark = pytest.mark.anyio
RESPONSES, CHAT, _ = WIRES
NOT_FOUND = error_response(b'{"detail":"Not Found"}', 404)
TEXT = response(CHAT.body("text.sse"))


def both(transport: Transport) -> Fallback:
    def made(wire: Wire) -> object:
        return wire.model(transport, info=RESPONSES.info())

    return Fallback(made(RESPONSES), lambda: made(CHAT))  # pyright: ignore[reportArgumentType]


async def test_one_404_falls_back_for_good() -> None:
    network = PlayedNetwork(NOT_FOUND, TEXT, TEXT)
    model = both(played(network))
    for _ in range(2):
        pieces = [piece async for piece in model.stream(prompt())]
        assert len(pieces) == 4
    asked = [network.request_head(place).split()[1] for place in range(3)]
    assert asked == ["/v1/responses", "/v1/chat/completions", "/v1/chat/completions"]
    await model.aclose()


async def test_a_404_of_both_is_told_and_changes_nothing() -> None:
    network = PlayedNetwork(NOT_FOUND, NOT_FOUND, response(RESPONSES.body("text.sse")))
    model = both(played(network))
    with pytest.raises(ModelError, match="chat/completions answered 404"):
        await anext(model.stream(prompt()))
    pieces = [piece async for piece in model.stream(prompt())]
    assert len(pieces) == 4
    assert network.request_head().startswith("POST /v1/responses")


async def test_other_errors_do_not_fall_back() -> None:
    network = PlayedNetwork(error_response(b"{}", 400))
    with pytest.raises(ModelError, match="responses answered 400"):
        await anext(both(played(network)).stream(prompt()))


async def test_the_first_wire_is_enough_where_it_works() -> None:
    network = PlayedNetwork(response(RESPONSES.body("text.sse")))
    _, reply = await collect(RESPONSES.model(played(network)), prompt())
    assert reply.text == "Hello, wörld 😀"
