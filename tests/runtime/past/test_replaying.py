"""Replay: identical where nothing changed, and a name for the first thing that did."""

from pathlib import Path

import msgspec
import pytest
from tests.agent.remembering import ListRecall, hit
from tests.agent.stage import MadeTool, Stage, Step, calls, says

from kodo.base.errors import ContextOverflow, ToolError
from kodo.core.events import Evicted, PromptSent, Remembered, Stored
from kodo.core.model import ModelInfo
from kodo.core.thread import Entry, Thread
from kodo.core.tool import ToolContext, ToolOutput, text_output
from kodo.runtime.past.replaying import ReplayReport, replay
from kodo.runtime.past.windows import report_window

pytestmark = pytest.mark.anyio

INFO = ModelInfo("test/model", "test", 8_192, 4_000, abilities=frozenset({"tools"}))


async def prints(arguments: bytes, context: ToolContext) -> ToolOutput:
    number = int(context.call_id.removeprefix("c"))
    return text_output("".join(f"{number}: row {at} of vendor/\n" for at in range(number * 7 % 60)))


async def recorded(workspace: Path, steps: int = 60, *extra: Step) -> Stage:
    """Return a stage on which a long task was done in a small window, with a memory."""
    played: list[Step] = [calls(("t", "{}"), first=number) for number in range(1, steps + 1)]
    stage = Stage(workspace, [*played, *extra, says("done")], [MadeTool("t", prints)], info=INFO)
    stage.agent.recall = ListRecall([hit("1f2e3d:e9", "vendor/ is frozen\nuntil May\n")])
    ended = await stage.play("mend it; never touch vendor/ please")
    assert ended.summary == "done"
    return stage


async def again(stage: Stage, thread: Thread | None = None) -> ReplayReport:
    assert stage.agent.recall is not None
    return await replay(thread or stage.thread, stage.agent.blobs, stage.agent.recall)


def changed(stage: Stage, kind: type[Stored], **fields: object) -> Thread:
    """Return the thread with the last event of a kind changed."""
    entries = stage.thread.path()
    at = max(n for n, entry in enumerate(entries) if isinstance(entry.event.body, kind))
    body = msgspec.structs.replace(entries[at].event.body, **fields)
    event = msgspec.structs.replace(entries[at].event, body=body)
    entries[at] = Entry(entries[at].id, entries[at].parent_id, event)
    return Thread(stage.thread.header, iter(entries))


async def test_a_long_session_is_identical(workspace: Path) -> None:
    stage = await recorded(workspace)
    bodies = stage.stored()
    assert sum(isinstance(body, Evicted) for body in bodies) > 2
    assert any(isinstance(body, PromptSent) and body.recalled for body in bodies)
    report = await again(stage)
    assert report == ReplayReport("thread", 61, 61, 60, identical=True)


async def test_a_session_with_a_repaired_overflow_is_identical(workspace: Path) -> None:
    overflow = ContextOverflow("too long", limit_tokens=5_000, prompt_tokens=6_500)
    stage = await recorded(workspace, 12, overflow)
    report = await again(stage)
    assert report.differences == ()
    assert (report.identical, report.prompts) == (True, 14)


async def test_several_runs_and_a_step_back_are_identical(workspace: Path) -> None:
    stage = await recorded(workspace, 20)
    third = [e for e in stage.thread.path() if isinstance(e.event.body, PromptSent)][2]
    stage.model.go_on(calls(("t", "{}"), first=50), says("second"))
    await stage.play("and now the tests")
    stage.thread.move(third.parent_id or "")
    stage.model.go_on(says("third"))
    await stage.play("rather do nothing")
    report = await again(stage)
    assert (report.identical, report.prompts) == (True, 3)


async def test_another_prompt_is_named_by_its_number_and_part(workspace: Path) -> None:
    stage = await recorded(workspace, 5)
    thread = changed(stage, PromptSent, hash="0" * 64)
    report = await again(stage, thread)
    assert not report.identical
    (difference,) = report.differences
    assert (difference.prompt, difference.part) == (6, "prompt")
    last = [entry for entry in thread.path() if isinstance(entry.event.body, PromptSent)][-1]
    assert difference.entry == last.event.seq


async def test_other_evictions_are_told_and_gone_on_from(workspace: Path) -> None:
    stage = await recorded(workspace, 40)
    last = [body for body in stage.stored() if isinstance(body, Evicted)][-1]
    report = await again(stage, changed(stage, Evicted, stubbed_to=last.stubbed_to + 3))
    parts = [difference.part for difference in report.differences]
    assert parts[0] == "evictions"
    assert "1 now, 1 then" in report.differences[0].why


async def test_what_was_recalled_and_is_gone_is_told(workspace: Path) -> None:
    stage = await recorded(workspace, 2)
    assert stage.agent.recall is not None
    gone = (Remembered("1f2e3d:e77", 1, 2, "output of a tool"),)
    report = await again(stage, changed(stage, PromptSent, recalled=gone))
    assert report.differences[-1].part == "recalled"
    with pytest.raises(ToolError):
        await stage.agent.recall.read("1f2e3d:e77")


async def test_prompts_of_a_search_are_not_called_identical(workspace: Path) -> None:
    stage = await recorded(workspace, 1)
    report = await again(stage, changed(stage, PromptSent, parts=()))
    assert (report.identical, report.uncompared, report.differences) == (False, 1, ())


async def test_a_window_is_reported_as_the_model_saw_it(workspace: Path) -> None:
    stage = await recorded(workspace)
    report = report_window(stage.thread)
    assert report.window_tokens == 8_192
    assert report.reply_tokens == 2_048
    assert report.used_tokens == sum(part.tokens for part in report.parts)
    assert report.used_tokens <= 8_192 - 2_048 + 200
    assert report.held[0].how.startswith("folded into the first message: the task, what you said")
    assert report.held[0].first == 3
    for before, after in zip(report.held, report.held[1:], strict=False):
        assert before.last < after.first
    assert report.recalled[0].ref == "1f2e3d:e9"
    assert report.held[-1].how == "word for word"


async def test_a_thread_without_a_prompt_has_an_empty_window(workspace: Path) -> None:
    stage = Stage(workspace, [])
    assert report_window(stage.thread).used_tokens == 0
