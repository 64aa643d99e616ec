"""Calls become results: batches, borders, and text that is not Unicode."""

from pathlib import Path

import pytest

from kodo.agent.dispatch import batches, run_batch
from kodo.base.errors import LimitReached, SandboxError, StoreError, ToolError
from kodo.core.check import Change
from kodo.core.events import FilesChanged, ToolStarted
from kodo.core.messages import Text, ToolCall
from kodo.core.tool import ToolContext, ToolOutput, text_output
from tests.agent.stage import MadeTool, Stage

pytestmark = pytest.mark.anyio


def call(name: str, number: int = 1, arguments: str = "{}") -> ToolCall:
    return ToolCall(f"c{number}", name, arguments)


def test_only_neighbours_that_read_share_a_batch() -> None:
    tools = {"r": MadeTool("r"), "w": MadeTool("w", effect="write")}
    asked = [call(name, index) for index, name in enumerate("rrwrxrr")]
    assert [[item.name for item in batch] for batch in batches(asked, tools)] == [
        ["r", "r"],
        ["w"],
        ["r"],
        ["x"],
        ["r", "r"],
    ]


async def test_text_that_is_not_unicode_is_repaired_at_the_border(workspace: Path) -> None:
    async def lists(arguments: bytes, context: ToolContext) -> ToolOutput:
        return text_output("caf\udce9.txt")

    async def refuses(arguments: bytes, context: ToolContext) -> ToolOutput:
        raise ToolError("no file caf\udce9.txt")

    stage = Stage(workspace, [], [MadeTool("lists", lists), MadeTool("refuses", refuses)])
    results = await run_batch(stage.agent, stage.journal, [call("lists"), call("refuses", 2)])
    assert [result.text for result in results] == ["caf\ufffd.txt", "no file caf\ufffd.txt"]
    for result in results:
        await stage.journal.add(result)


async def test_what_a_failing_tool_says_has_no_secret_in_it(workspace: Path) -> None:
    for error in (ToolError("not found near ghp_abcdefgh1234"), ValueError("ghp_abcdefgh1234")):

        async def fails(
            arguments: bytes, context: ToolContext, error: Exception = error
        ) -> ToolOutput:
            raise error

        stage = Stage(workspace, [], [MadeTool("fails", fails)])
        (result,) = await run_batch(stage.agent, stage.journal, [call("fails")])
        assert result.outcome == "error"
        assert "ghp_***" in result.text
        assert "abcdefgh" not in result.text


async def test_what_ends_a_run_is_raised_and_the_rest_is_a_result(workspace: Path) -> None:
    for error in (LimitReached("tokens", "x"), SandboxError("x"), StoreError("x")):

        async def breaks(
            arguments: bytes, context: ToolContext, error: Exception = error
        ) -> ToolOutput:
            raise error

        stage = Stage(workspace, [], [MadeTool("breaks", breaks)])
        with pytest.raises(type(error)):
            await run_batch(stage.agent, stage.journal, [call("breaks")])


async def test_a_refused_call_never_starts(workspace: Path) -> None:
    stage = Stage(workspace, [], [MadeTool("net", effect="net")])
    (result,) = await run_batch(stage.agent, stage.journal, [call("net")])
    assert result.outcome == "denied"
    assert "--allow-host" in result.text
    assert not any(isinstance(body, ToolStarted) for body in stage.stored())
    assert stage.agent.denials == [f"net: {result.text.removeprefix('denied: ')}"]
    assert stage.agent.budget.spent().tool_calls == 0


async def test_changes_are_kept_as_blobs_with_their_diff(workspace: Path) -> None:
    async def edits(arguments: bytes, context: ToolContext) -> ToolOutput:
        changes = (Change("new.txt", None, b"hello\n"), Change("old.bin", b"\0", None))
        return ToolOutput((Text("done"),), changes=changes)

    stage = Stage(workspace, [], [MadeTool("edits", edits, "write")])
    await run_batch(stage.agent, stage.journal, [call("edits")])
    changed = next(body for body in stage.stored() if isinstance(body, FilesChanged))
    new, old = changed.changes
    assert (new.before, old.after) == (None, None)
    assert new.after is not None
    assert await stage.agent.blobs.get(new.after) == b"hello\n"
    assert "+hello" in new.diff
    assert "Binary files" in old.diff


async def test_output_that_was_cut_names_where_the_whole_is(workspace: Path) -> None:
    async def long(arguments: bytes, context: ToolContext) -> ToolOutput:
        return ToolOutput((Text("head"),), kept=await context.blobs.put(b"whole"))

    stage = Stage(workspace, [], [MadeTool("long", long)])
    (result,) = await run_batch(stage.agent, stage.journal, [call("long")])
    assert "the whole output is kept as " in result.text
