"""Stepping back: where to, what leaves, and what the files were."""

from pathlib import Path

import pytest
from tests.agent.stage import MadeTool, Stage, calls, says

from kodo.base.errors import ConfigError
from kodo.core.events import FileChange, FilesChanged, Rewound, SnapshotTaken
from kodo.core.messages import user
from kodo.runtime.past.rewinding import (
    FilesThen,
    files_then,
    find_entry,
    points,
    steps_to,
)
from kodo.runtime.past.steps import compare, steps_behind, whole_exchange

pytestmark = pytest.mark.anyio


async def talked(workspace: Path) -> Stage:
    """Return a stage on which two tasks were done, the second one with a steering word."""
    stage = Stage(workspace, [calls(("t", "{}")), says("one")], [MadeTool("t")])
    await stage.play("first")
    stage.inbox.put(user("rather so"))
    stage.model.go_on(calls(("t", "{}"), first=5), says("two"))
    await stage.play("second")
    return stage


async def test_one_can_step_back_before_each_message_but_the_first(workspace: Path) -> None:
    stage = await talked(workspace)
    found = points(stage.thread)
    assert [point.said for point in found] == ["second", "rather so"]
    second, word = (find_entry(stage.thread, f"e{point.entry}") for point in found)
    assert type(second.event.body).__name__ == "RunEnded"  # of the first run
    assert "second" in str(word.event.body)
    assert find_entry(stage.thread, str(second.event.seq)) == second
    steps = steps_to(stage.thread, second)
    assert steps.said == ("second", "rather so")
    assert steps.left == len(stage.thread.path()) - second.event.seq


@pytest.mark.parametrize("word", ["e0", "e999", "x3", "", "e", "1f2e3d:e4"])
async def test_what_is_no_entry(workspace: Path, word: str) -> None:
    stage = await talked(workspace)
    with pytest.raises(ConfigError, match="is no entry of this session"):
        find_entry(stage.thread, word)


async def test_files_are_those_of_the_last_snapshot_and_the_edits_since(workspace: Path) -> None:
    stage = await talked(workspace)
    change = FileChange("a.py", None, "b" * 64)
    await stage.journal.record(SnapshotTaken("c" * 64, "after"))
    before = stage.thread.path()[-1]
    await stage.journal.record(FilesChanged("c1", (change,)))
    edited = stage.thread.path()[-1]
    assert files_then(stage.thread, before) == FilesThen(str(workspace), "c" * 64)
    assert files_then(stage.thread, edited) == FilesThen(str(workspace), "c" * 64, (change,))
    await stage.journal.record(SnapshotTaken("d" * 64, "after"))
    assert files_then(stage.thread, edited).expected == "d" * 64
    with pytest.raises(ConfigError, match="step back with --messages alone"):
        files_then(stage.thread, stage.thread.path()[0])


async def test_an_entry_in_an_exchange_leads_to_before_it(workspace: Path) -> None:
    stage = await talked(workspace)
    path = stage.thread.path()
    at = next(n for n, entry in enumerate(path) if "tool_calls" in str(entry.event.body))
    assert whole_exchange(stage.thread, path[at]) == path[at - 1]
    assert whole_exchange(stage.thread, path[at + 2]) == path[at + 2]  # its result has come
    assert whole_exchange(stage.thread, path[0]) == path[0]


async def test_two_ways_on_are_compared_step_by_step(workspace: Path) -> None:
    stage = await talked(workspace)
    path = stage.thread.path()
    start = next(entry for entry in path if "first" in str(entry.event.body))
    old = steps_behind(stage.thread, start)
    assert [step.calls for step in old.steps] == [("t {}",), ()]
    assert (old.outcome, old.steps[0].results) == ("unverified", ("ok",))
    same = compare("a", "b", start, old, old)
    assert (same.same, same.first) == (2, 0)
    shorter = compare("a", "b", start, old, steps_behind(stage.thread, path[-1]))
    assert (shorter.same, shorter.first) == (0, 1)


async def test_a_step_back_is_on_the_record(workspace: Path) -> None:
    stage = await talked(workspace)
    entry = find_entry(stage.thread, "e5")
    stage.thread.move(entry.id)
    await stage.journal.record(Rewound(5, 3))
    assert [item.event.seq for item in stage.thread.path()][:5] == [1, 2, 3, 4, 5]
    assert stage.thread.path()[-1].event.body == Rewound(5, 3)
