"""The watch for doom loops: the same call with the same result, again and again."""

import pytest

from kodo.agent.doom import NUDGE_AT, STOP_AT, LoopWatch
from kodo.core.events import FileChange
from kodo.core.messages import Text, ToolCall, ToolResult


def pair(
    number: int, arguments: str = "{}", text: str = "same", name: str = "t"
) -> tuple[ToolCall, ToolResult]:
    call_id = f"c{number}"
    return ToolCall(call_id, name, arguments), ToolResult(call_id, name, (Text(text),))


def test_the_same_pair_is_nudged_and_then_stopped() -> None:
    watch = LoopWatch()
    seen = [watch.see(*pair(number)) for number in range(1, STOP_AT + 1)]
    assert seen[: NUDGE_AT - 1] == [None] * (NUDGE_AT - 1)
    assert set(seen[NUDGE_AT - 1 : -1]) == {"nudge"}
    assert seen[-1] == "stop"


@pytest.mark.parametrize("what", ["arguments", "text", "name"])
def test_what_differs_is_no_loop(what: str) -> None:
    watch = LoopWatch()
    assert [watch.see(*pair(number, **{what: str(number)})) for number in range(20)] == [None] * 20


def test_two_calls_in_turn_are_a_loop_too() -> None:
    watch = LoopWatch()
    seen: list[str | None] = []
    for number in range(STOP_AT):
        seen.append(watch.see(*pair(number, "1")))
        seen.append(watch.see(*pair(number, "2")))
    assert seen[-2:] == ["stop", "stop"]


def test_another_outcome_of_the_same_text_is_something_new() -> None:
    watch = LoopWatch()
    call, result = pair(1)
    failed = ToolResult(result.call_id, result.name, result.parts, "error")
    for _ in range(NUDGE_AT - 1):
        assert watch.see(call, result) is None
        assert watch.see(call, failed) is None


def test_a_new_change_begins_anew_and_one_made_before_does_not() -> None:
    watch = LoopWatch()
    one, two = (FileChange("a.py", None, name) for name in ("1", "2"))
    for change in (one, two):
        for _ in range(NUDGE_AT - 1):
            assert watch.see(*pair(1)) is None
        watch.note([change])
    seen: list[str | None] = []
    for change in (one, two) * (STOP_AT // 2):
        watch.note([change])
        watch.note([])
        seen.append(watch.see(*pair(1)))
    assert seen[-1] == "stop"
    assert watch.count(*pair(1)) == STOP_AT


def test_how_long_a_command_took_is_nothing_new() -> None:
    watch = LoopWatch()
    seen = [
        watch.see(*pair(n, text=f"1 failed in 0.{n}1s\n[exit code 1, {n}.4 s]", name="shell"))
        for n in range(1, STOP_AT + 1)
    ]
    assert seen[-1] == "stop"
    ended = [
        watch.see(*pair(n, text=f"[exit code {n}, 0.4 s]", name="shell")) for n in range(STOP_AT)
    ]
    assert ended == [None] * STOP_AT
