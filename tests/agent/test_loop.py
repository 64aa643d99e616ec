"""The loop: steering, gates, limits, interruption; every call gets exactly one result."""

from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from kodo.base.errors import ContextOverflow, ModelError, StoreError
from kodo.core.check import Change
from kodo.core.events import (
    ApprovalAsked,
    CheckRun,
    Event,
    FilesChanged,
    MessageAdded,
    RunEnded,
    RunStarted,
)
from kodo.core.limits import Limits
from kodo.core.messages import Assistant, ToolResult, User, user
from kodo.core.model import Prompt
from kodo.core.tool import ToolContext, ToolOutput, text_output
from tests.agent.stage import MadeTool, NoSnapshots, Stage, calls, says

pytestmark = pytest.mark.anyio


def results(stage: Stage) -> list[ToolResult]:
    return [
        body.message
        for body in stage.stored()
        if isinstance(body, MessageAdded) and isinstance(body.message, ToolResult)
    ]


async def edit(arguments: bytes, context: ToolContext) -> ToolOutput:
    return ToolOutput(text_output("edited").parts, changes=(Change("a.txt", b"old\n", b"new\n"),))


async def test_a_reply_without_calls_ends_the_run(workspace: Path) -> None:
    stage = Stage(workspace, [says("hello")])
    ended = await stage.play("greet me")
    assert (ended.outcome, ended.summary) == ("unverified", "hello")
    kinds = [type(body) for body in stage.stored()]
    assert kinds[0] is RunStarted
    assert kinds[-1] is RunEnded
    assert stage.model.prompts[0].messages == (user("greet me"),)
    assert ended.spent.usage.output_tokens == 5


async def test_what_is_told_was_stored_first(workspace: Path) -> None:
    stage = Stage(workspace, [says("hello")])
    await stage.play()
    told = [item for item in stage.told if isinstance(item, Event)]
    assert [event.seq for event in told] == list(range(1, len(told) + 1))
    assert told == [entry.event for entry in stage.log.entries]


async def test_reading_neighbours_run_together_and_answer_in_order(workspace: Path) -> None:
    second_started = anyio.Event()

    async def first(arguments: bytes, context: ToolContext) -> ToolOutput:
        await second_started.wait()  # would hang if the two did not overlap
        return text_output("first")

    async def second(arguments: bytes, context: ToolContext) -> ToolOutput:
        second_started.set()
        return text_output("second")

    stage = Stage(
        workspace,
        [calls(("first", "{}"), ("second", "{}")), says("done")],
        [MadeTool("first", first), MadeTool("second", second)],
    )
    with anyio.fail_after(10):
        await stage.play()
    assert [(item.call_id, item.text) for item in results(stage)] == [
        ("c1", "first"),
        ("c2", "second"),
    ]


async def test_what_a_tool_raises_becomes_a_result(workspace: Path) -> None:
    async def broken(arguments: bytes, context: ToolContext) -> ToolOutput:
        raise ZeroDivisionError("oops")

    stage = Stage(
        workspace,
        [calls(("broken", "{}"), ("missing", "{}"), ("broken", "{not json")), says("done")],
        [MadeTool("broken", broken)],
    )
    await stage.play()
    texts = [item.text for item in results(stage)]
    assert "ZeroDivisionError: oops" in texts[0]
    assert "there is no tool 'missing'; the tools are: broken" in texts[1]
    assert "not JSON" in texts[2]
    assert {item.outcome for item in results(stage)} == {"error"}


async def test_a_tool_past_its_time_is_given_up(workspace: Path) -> None:
    async def slow(arguments: bytes, context: ToolContext) -> ToolOutput:
        await anyio.sleep_forever()
        raise AssertionError

    tool = MadeTool("slow", slow, timeout_s=0.05)
    stage = Stage(workspace, [calls(("slow", "{}")), says("done")], [tool])
    await stage.play()
    assert "time limit of 0.05 s" in results(stage)[0].text


async def test_steering_arrives_before_the_next_model_call(workspace: Path) -> None:
    async def steered(arguments: bytes, context: ToolContext) -> ToolOutput:
        stage.inbox.put(user("rather use tabs"))
        return text_output("ok")

    stage = Stage(workspace, [calls(("t", "{}")), says("done")], [MadeTool("t", steered)])
    await stage.play()
    assert stage.model.prompts[1].messages[-1] == user("rather use tabs")


async def test_a_message_during_the_last_reply_keeps_the_run_going(workspace: Path) -> None:
    async def speak(prompt: Prompt) -> Assistant:
        stage.inbox.put(user("and one more thing"))
        return says("done")

    stage = Stage(workspace, [speak, says("done as well")])
    ended = await stage.play()
    assert ended.summary == "done as well"
    assert stage.model.prompts[1].messages[-1] == user("and one more thing")


async def test_a_limit_is_refused_before_it_is_spent(workspace: Path) -> None:
    stage = Stage(
        workspace,
        [calls(("t", "{}")), says("never")],
        [MadeTool("t")],
        limits=Limits(model_calls=1),
    )
    ended = await stage.play()
    assert ended.outcome == "limit"
    assert "--budget-model-calls" in ended.reason
    assert len(stage.model.prompts) == 1


async def test_a_tool_limit_closes_the_open_call(workspace: Path) -> None:
    stage = Stage(workspace, [calls(("t", "{}"))], [MadeTool("t")], limits=Limits(tool_calls=0))
    ended = await stage.play()
    assert ended.outcome == "limit"
    assert [item.outcome for item in results(stage)] == ["interrupted"]


async def test_interruption_gives_every_call_a_result_and_is_raised(workspace: Path) -> None:
    started = anyio.Event()

    async def hang(arguments: bytes, context: ToolContext) -> ToolOutput:
        started.set()
        await anyio.sleep_forever()
        raise AssertionError

    stage = Stage(
        workspace,
        [calls(("hang", "{}"), ("t", "{}"))],
        [MadeTool("hang", hang, "exec"), MadeTool("t")],
    )
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(stage.play)
        await started.wait()
        tasks.cancel_scope.cancel()
    assert [(item.call_id, item.outcome) for item in results(stage)] == [
        ("c1", "interrupted"),
        ("c2", "interrupted"),
    ]
    last = stage.stored()[-1]
    assert isinstance(last, RunEnded)
    assert last.outcome == "interrupted"


async def test_a_cut_reply_is_continued_once(workspace: Path) -> None:
    stage = Stage(workspace, [says("one two", "length"), says(" three", "length")])
    ended = await stage.play()
    assert ended.outcome == "failed"
    assert "twice" in ended.reason
    assert len(stage.model.prompts) == 2


async def test_a_refusal_fails_the_run(workspace: Path) -> None:
    ended = await Stage(workspace, [says("I will not", "refusal")]).play()
    assert (ended.outcome, ended.summary) == ("failed", "I will not")


async def test_a_broken_provider_is_an_outcome(workspace: Path) -> None:
    ended = await Stage(workspace, [ModelError("the provider is down")]).play()
    assert (ended.outcome, ended.reason) == ("broken", "the provider is down")


async def test_a_broken_store_is_an_exception(workspace: Path) -> None:
    stage = Stage(workspace, [says("hello")])
    stage.log.broken = True
    with pytest.raises(StoreError):
        await stage.play()


async def test_an_overflow_is_repaired_once_by_eviction(workspace: Path) -> None:
    count = 0

    async def long(arguments: bytes, context: ToolContext) -> ToolOutput:
        nonlocal count
        count += 1
        return text_output(f"line {count} of the output\n" * 1000)

    replies = [calls(("long", "{}"), first=index) for index in range(1, 9)]
    stage = Stage(
        workspace, [*replies, ContextOverflow("too long"), says("done")], [MadeTool("long", long)]
    )
    ended = await stage.play()
    assert ended.summary == "done"
    before, after = stage.model.prompts[-2:]
    assert len(before.messages) == len(after.messages)
    assert len(str(after)) < len(str(before)) // 2
    assert "it left the window" in str(after.messages[2])
    assert "line 8 of the output" in str(after.messages[-1])


async def test_a_doom_loop_is_nudged_and_then_ended(workspace: Path) -> None:
    stage = Stage(workspace, [calls(("t", "{}"), first=n) for n in range(1, 10)], [MadeTool("t")])
    ended = await stage.play()
    assert ended.outcome == "failed"
    assert "doom loop" in ended.reason
    assert len(results(stage)) == 6
    assert "Do something different" in results(stage)[2].text


async def test_an_edit_is_kept_with_its_diff_and_checked_by_the_gate(workspace: Path) -> None:
    stage = Stage(
        workspace,
        [calls(("edit", "{}")), says("done")],
        [MadeTool("edit", edit, "write")],
        checks=["exit 0"],
    )
    ended = await stage.play()
    assert ended.outcome == "verified"
    assert [(item.command, item.exit_code) for item in ended.evidence] == [("exit 0", 0)]
    changed = next(body for body in stage.stored() if isinstance(body, FilesChanged))
    assert "-old\n+new\n" in changed.changes[0].diff


async def test_a_failing_check_is_told_twice_and_then_the_run_has_failed(workspace: Path) -> None:
    stage = Stage(
        workspace,
        [calls(("edit", "{}")), says("done"), says("surely"), says("truly")],
        [MadeTool("edit", edit, "write")],
        checks=["echo broken; exit 3"],
    )
    ended = await stage.play()
    assert ended.outcome == "failed"
    assert ended.evidence[0].exit_code == 3
    complaints = [
        message.parts[0]
        for message in stage.thread.messages()
        if isinstance(message, User) and "a check still fails" in str(message)
    ]
    assert len(complaints) == 2
    assert sum(isinstance(body, CheckRun) for body in stage.stored()) == 3


async def test_without_a_check_the_run_says_that_it_is_unverified(workspace: Path) -> None:
    stage = Stage(
        workspace, [calls(("edit", "{}")), says("done")], [MadeTool("edit", edit, "write")]
    )
    ended = await stage.play()
    assert ended.outcome == "unverified"
    assert "no check command" in ended.reason


async def test_commands_outside_a_jail_are_denied_headless(workspace: Path) -> None:
    stage = Stage(
        workspace,
        [calls(("shell", "{}")), says("I may not")],
        [MadeTool("shell", effect="exec")],
        rung_chosen=False,
    )
    ended = await stage.play()
    assert ended.outcome == "denied"
    assert "--rung local" in ended.reason
    assert results(stage)[0].outcome == "denied"
    assert any(isinstance(body, ApprovalAsked) for body in stage.stored())


async def test_a_new_run_closes_calls_that_a_crash_left_open(workspace: Path) -> None:
    stage = Stage(workspace, [says("hello again")])
    await stage.journal.add(user("first"))
    await stage.journal.add(calls(("t", "{}")))
    await stage.play()
    assert [item.outcome for item in results(stage)] == ["interrupted"]
    assert stage.thread.open_calls() == []


async def test_the_nudge_tells_how_often(workspace: Path) -> None:
    stage = Stage(workspace, [calls(("t", "{}"), first=n) for n in range(1, 10)], [MadeTool("t")])
    await stage.play()
    assert "the same result 3 times." in results(stage)[2].text
    assert "the same result 5 times." in results(stage)[4].text


async def test_the_same_check_after_each_edit_is_no_doom_loop(workspace: Path) -> None:
    async def edit_anew(arguments: bytes, context: ToolContext) -> ToolOutput:
        change = Change("a.txt", b"old\n", arguments)
        return ToolOutput(text_output("edited").parts, changes=(change,))

    steps = [calls(("edit", str(number)), ("t", "{}"), first=2 * number) for number in range(1, 10)]
    tools = [MadeTool("edit", edit_anew, "write"), MadeTool("t")]
    ended = await Stage(workspace, [*steps, says("done")], tools).play()
    assert ended.summary == "done"


async def test_replies_cut_now_and_then_are_each_continued(workspace: Path) -> None:
    stage = Stage(
        workspace,
        [says("one", "length"), calls(("t", "{}")), says("two", "length"), says("done")],
        [MadeTool("t")],
    )
    ended = await stage.play()
    assert (ended.outcome, ended.summary) == ("unverified", "done")


async def test_an_interrupt_during_the_closing_snapshot_leaves_an_end(workspace: Path) -> None:
    class Interrupted(NoSnapshots):
        def __init__(self) -> None:
            self.taken = 0

        async def take(self) -> str:
            self.taken += 1
            if self.taken == 2:
                scope.cancel()
                await anyio.lowlevel.checkpoint()
            return "0" * 64

    stage = Stage(workspace, [says("hello")])
    stage.agent.snapshots = Interrupted()
    with anyio.CancelScope() as scope:
        await stage.play()
    last = stage.stored()[-1]
    assert isinstance(last, RunEnded)
    assert (last.outcome, last.summary) == ("unverified", "hello")
