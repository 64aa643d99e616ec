"""GET /v1/responses/ID: a stored response again."""

import pytest
from tests.server.conftest import hear_until, running, say, steps

pytestmark = pytest.mark.anyio


async def test_a_stored_response_is_given_again_whichever_way_it_went_out() -> None:
    texts = ("one", "two", "three")
    async with running(steps(*({"text": text} for text in texts))) as server:
        body = {"model": "m", "input": "hi"}
        first = (await server.post("/v1/responses", body)).json()
        second = (await server.events("/v1/responses", body))[-1]["response"]
        async with server.socket() as socket:
            await say(socket, type="response.create", **body)
            third = (await hear_until(socket, "response.completed"))[-1]["response"]
        for sent, text in zip((first, second, third), texts, strict=True):
            assert sent["output"][0]["content"][0]["text"] == text
            again = await server.http.get(f"/v1/responses/{sent['id']}")
            assert (again.status_code, again.json()) == (200, sent)


async def test_what_was_not_stored_is_not_found() -> None:
    async with running(steps({"text": "one"})) as server:
        body = {"model": "m", "input": "hi", "store": False}
        sent = (await server.post("/v1/responses", body)).json()
        answer = await server.http.get(f"/v1/responses/{sent['id']}")
        assert answer.status_code == 404
        assert sent["id"] in answer.json()["error"]["message"]
