"""A conversation folded into one item, over the WebSocket, SSE and the call of its own."""

from typing import Any

import pytest
from tests.server.conftest import Json, hear_until, running, say, steps

from kodo.core.model import Prompt
from kodo.models.scripted import newest_text
from kodo.server.problem import RequestError
from kodo.server.responses.compaction import ASKING, opened, sealed

pytestmark = pytest.mark.anyio
TOOL: Json = {"type": "function", "name": "shell"}
NOTES: Json = {"text": "The user wants a café. Next: tests.", "expect": ASKING[:20]}
END = ("response.completed", "response.failed", "response.incomplete", "error")


def _said(prompt: Prompt) -> list[str]:
    return [newest_text([message]) for message in prompt.messages]


async def test_a_trigger_on_a_chain_gives_exactly_one_item_and_the_chain_goes_on_from_it() -> None:
    model = steps({"text": "Gladly."}, NOTES, {"text": "Tests, then.", "expect": "go on"})
    async with running(model) as server, server.socket() as socket:
        ask: Json = {"type": "response.create", "model": "m", "tools": [TOOL]}
        await say(socket, **ask, input="I want a café")
        first = (await hear_until(socket, *END))[-1]["response"]["id"]
        trigger = [{"type": "compaction_trigger"}]
        await say(socket, **ask, input=trigger, previous_response_id=first)
        heard = await hear_until(socket, *END)
        assert heard[-1]["type"] == "response.completed"
        done = [event["item"] for event in heard if event["type"] == "response.output_item.done"]
        assert [item["type"] for item in done] == ["compaction"]
        assert heard[-1]["response"]["output"] == done
        assert not any("delta" in event["type"] for event in heard)
        await say(socket, **ask, input="go on", previous_response_id=heard[-1]["response"]["id"])
        last = (await hear_until(socket, *END))[-1]["response"]
        assert last["output"][0]["content"][0]["text"] == "Tests, then."
        folding, after = model.prompts[1:]
        assert folding.tools == ()
        assert _said(after)[1:] == ["go on"]
        assert _said(after)[0].endswith(NOTES["text"])


async def test_the_item_can_be_sent_to_another_server() -> None:
    history: list[Any] = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": "I want a café"},
    ]
    async with running(steps(NOTES)) as server:
        answer = await server.post("/v1/responses/compact", {"model": "m", "input": history})
        folded = answer.json()
        assert (answer.status_code, folded["object"]) == (200, "response.compaction")
    model = steps({"text": "ok", "expect": "go on"})
    async with running(model) as server:
        body = {"model": "m", "input": [*folded["output"], {"role": "user", "content": "go on"}]}
        assert (await server.post("/v1/responses", body)).status_code == 200
        assert _said(model.prompts[0])[0].endswith(NOTES["text"])


async def test_what_cannot_be_folded_or_read_is_told() -> None:
    async with running(steps({"text": " "})) as server:
        empty = await server.post("/v1/responses/compact", {"model": "m", "input": []})
        assert (empty.status_code, empty.json()["error"]["param"]) == (400, "input")
        silent = await server.post("/v1/responses/compact", {"model": "m", "input": "hi"})
        assert silent.status_code == 502
        assert "wrote no notes" in silent.json()["error"]["message"]
        item = {"type": "compaction", "encrypted_content": "gAAAA"}
        foreign = await server.post("/v1/responses", {"model": "m", "input": [item]})
        assert foreign.json()["error"]["code"] == "invalid_compaction"


def test_notes_come_back_as_they_were() -> None:
    assert newest_text([opened(sealed("a\nä🙂"), "input[0]")]).endswith("\n\na\nä🙂")
    with pytest.raises(RequestError, match="not made by kodo"):
        opened("kodo1.%%%", "input[0]")
