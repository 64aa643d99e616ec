"""Killed at any instant, a run loses nothing it has told, and its thread can be gone on with."""

import json
import random
import signal

import pytest

from kodo.core.events import FilesChanged, MessageAdded, RunStarted
from kodo.core.messages import Assistant, ToolResult
from kodo.core.thread import Entry

from .conftest import Kodo, Line, calls, check_results, outcomes, says, write

pytestmark = pytest.mark.anyio

STEPS = 8
LINES = 2 + 6 * STEPS // 2 + 1  # what a whole run prints


def play(kodo: Kodo) -> str:
    """Return a model that edits, runs commands and reads, several calls a reply."""
    replies: list[Line] = []
    for number in range(STEPS // 2):
        replies.append({"text": f"step {number}", **write(f"file-{number}.txt", f"{number}\n")})
        replies.append(
            calls(
                ("shell", {"command": f"echo ran {number}; seq 1 2000"}),
                ("list", {}),
                ("read", {"path": f"file-{number}.txt"}),
            )
        )
    return kodo.script(*replies, says("finished", reasoning="all is done"))


def run_and_kill(kodo: Kodo, after_lines: int, spin: int) -> list[Line]:
    """Kill a run after it has printed so many lines, and a moment; return all whole lines."""
    process = kodo.start("exec", "--json", "-m", play(kodo), "work")
    assert process.stdout is not None
    assert process.stderr is not None
    with process.stdout, process.stderr:
        lines = [process.stdout.readline() for _ in range(after_lines)]
        # A random spin moves the kill to any instant between two lines.
        sum(range(spin))
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.read().splitlines(keepends=True)
        process.wait()
    return [json.loads(line) for line in lines if line.endswith(b"\n")]


def check_kept(lines: list[Line], entries: list[Entry]) -> None:
    """Assert that everything that was told is in the log."""
    bodies = [entry.event.body for entry in entries]
    runs = {entry.event.run_id for entry in entries if isinstance(entry.event.body, RunStarted)}
    said = [body.message for body in bodies if isinstance(body, MessageAdded)]
    texts = {message.text for message in said if isinstance(message, Assistant)}
    results = {message.call_id for message in said if isinstance(message, ToolResult)}
    changed = {
        change.path for body in bodies if isinstance(body, FilesChanged) for change in body.changes
    }
    for line in lines:
        if line["type"] == "turn.started":
            assert line["kodo"]["run_id"] in runs
        if line["type"] != "item.completed":
            continue
        item = line["item"]
        match item["type"]:
            case "agent_message":
                assert item["text"] in texts
            case "file_change":
                assert {path["path"].rpartition("/")[2] for path in item["changes"]} <= changed
            case "command_execution" | "mcp_tool_call":
                assert item["kodo"]["call_id"] in results
            case _:
                pass


async def crash(kodo: Kodo, instant: int, instants: int) -> None:
    chance = random.Random(instant)
    first, last = instant * LINES // instants, (instant + 1) * LINES // instants
    after_lines = chance.randrange(first, max(first + 1, last))
    lines = run_and_kill(kodo, after_lines, chance.randrange(400_000))
    told = [line["thread_id"] for line in lines if line["type"] == "thread.started"]
    threads = await kodo.threads() if kodo.store.exists() else {}
    assert set(told) <= threads.keys()
    for entries in threads.values():
        check_kept(lines, entries)
    again = kodo.exec(says("went on", expect="^go on$"), task="go on", options=["--last"])
    if not threads:
        assert again.code == 2
        return
    assert again.code == 0, again.err
    (entries,) = (await kodo.threads()).values()
    assert again.lines[0]["thread_id"] in threads
    check_kept([*lines, *again.lines], entries)
    results = check_results(entries)
    assert {result.outcome for result in results} <= {"ok", "interrupted"}
    assert outcomes(entries)[-1] == "unverified"


@pytest.mark.parametrize("instant", range(5))
async def test_killed_at_an_instant_nothing_is_lost(kodo: Kodo, instant: int) -> None:
    await crash(kodo, instant, 5)


@pytest.mark.full
@pytest.mark.parametrize("instant", range(50))
async def test_killed_at_many_instants_nothing_is_lost(kodo: Kodo, instant: int) -> None:
    await crash(kodo, instant, 50)


async def test_killed_again_and_again_in_one_thread(kodo: Kodo) -> None:
    lines = run_and_kill(kodo, 9, 0)
    for after_lines in (3, 6):
        process = kodo.start("exec", "--json", "--last", "-m", play(kodo), "again")
        assert process.stdout is not None
        assert process.stderr is not None
        with process.stdout, process.stderr:
            more = [process.stdout.readline() for _ in range(after_lines)]
            process.kill()
            process.wait()
        lines += [json.loads(line) for line in more]
    assert kodo.exec(says("done"), options=["--last"]).code == 0
    (entries,) = (await kodo.threads()).values()
    check_kept(lines, entries)
    check_results(entries)
