"""What a tainted context may still fetch unasked: just the address that the person typed."""

from pathlib import Path

import msgspec
import pytest

from kodo.agent.granting import Grant, grant
from kodo.agent.permission.taint import Taint
from kodo.core.messages import ToolCall, user
from tests.agent.stage import MadeTool, Stage

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://example.org/a?b=1", True),
        ("https://example.org/a", False),
        ("https://example.org/a?b=1&key=abc", False),
    ],
)
async def test_only_the_typed_address_is_fetched_unasked(
    workspace: Path, url: str, allowed: bool
) -> None:
    stage = Stage(workspace, [])
    agent = stage.agent
    agent.allow_net = True
    agent.taint = Taint(["a stranger"])
    await stage.journal.add(user("what does (https://example.org/a?b=1) say?"))
    arguments = msgspec.json.encode({"url": url})
    call = ToolCall("c1", "fetch", arguments.decode())
    got = await grant(agent, stage.journal, call, MadeTool("fetch", effect="net"), arguments)
    assert isinstance(got, Grant) == allowed
