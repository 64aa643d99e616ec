"""`kodo exec` as a process: exit codes, JSON lines, input and output, resume, commit, signals."""

import json
import os
import signal
import socket
from pathlib import Path

import pytest

from kodo.core.events import MessageAdded
from kodo.core.messages import Image, ToolResult, User

from .conftest import (
    Kodo,
    check_results,
    check_stream,
    end,
    git,
    outcomes,
    says,
    shell,
    tree,
    wait_for,
    write,
)

pytestmark = pytest.mark.anyio

CHECK = ["-c", 'checks=["test -f good.txt"]']


def types(lines: list[dict[str, object]]) -> list[object]:
    return [line["type"] for line in lines]


def test_zero_where_the_checks_passed(kodo: Kodo) -> None:
    ran = kodo.exec(write("good.txt", "x\n"), says("made it"), options=CHECK)
    assert ran.code == 0, ran.err
    assert ran.end["outcome"] == "verified"
    assert ran.end["changed"] == ["good.txt"]
    assert ran.end["evidence"][0]["command"] == "test -f good.txt"
    assert types(ran.lines) == [
        "thread.started",
        "turn.started",
        "item.completed",  # the file change
        "item.completed",  # the message
        "item.completed",  # the check
        "turn.completed",
    ]
    assert (kodo.workspace / "good.txt").read_text() == "x\n"


def test_zero_and_the_last_line_says_unverified(kodo: Kodo) -> None:
    model = kodo.script(write("notes.txt", "x\n"), says("made it"))
    ran = kodo.run("exec", "-m", model, "make notes")
    assert ran.code == 0
    assert ran.out.rstrip().splitlines()[-1].startswith("UNVERIFIED")


def test_one_where_the_checks_fail(kodo: Kodo) -> None:
    replies = [write("bad.txt", "x\n"), says("done"), says("surely"), says("truly")]
    ran = kodo.exec(*replies, options=CHECK)
    assert ran.code == 1
    assert ran.end["outcome"] == "failed"
    assert ran.lines[-1]["type"] == "turn.failed"
    assert "test -f good.txt" in ran.lines[-1]["error"]["message"]


def test_one_where_a_permission_is_denied(kodo: Kodo) -> None:
    ran = kodo.exec(shell("make"), says("I may not"), options=["--rung", "local", "--mode", "ask"])
    assert ran.code == 1
    assert ran.end["outcome"] == "denied"
    assert "shell" in ran.end["reason"]


def test_one_where_the_model_refuses(kodo: Kodo) -> None:
    ran = kodo.exec(says("I will not", stop="refusal"))
    assert (ran.code, ran.end["outcome"]) == (1, "failed")


def test_two_before_anything_runs(kodo: Kodo) -> None:
    ran = kodo.run("exec", "--json", "-m", "nobody/nothing", "do it")
    assert (ran.code, ran.out) == (2, "")
    assert "'nobody'" in ran.error()
    assert not kodo.home.exists()


@pytest.mark.parametrize(
    ("option", "value", "limit"),
    [("tool-calls", "1", "tool_calls"), ("model-calls", "2", "model_calls")],
)
def test_three_at_a_limit(kodo: Kodo, option: str, value: str, limit: str) -> None:
    ran = kodo.exec(
        shell("true"), shell("false"), says("never"), options=[f"--budget-{option}", value]
    )
    assert (ran.code, ran.err) == (3, "")
    assert (ran.end["outcome"], ran.end["limit"]) == ("limit", limit)
    assert types(ran.lines)[-2:] == ["error", "turn.failed"]
    assert f"--budget-{option}" in ran.lines[-1]["error"]["message"]


def test_three_where_tokens_or_money_are_spent(kodo: Kodo) -> None:
    usage = {"input_tokens": 900, "output_tokens": 100, "cost_usd": 0.5}
    replies = [{**shell("true"), "usage": usage}, says("never")]
    ran = kodo.exec(*replies, options=["--budget-tokens", "1000"])
    assert (ran.code, ran.end["limit"]) == (3, "tokens")
    ran = kodo.exec(*replies, options=["--budget-usd", "0.5"])
    assert (ran.code, ran.end["limit"]) == (3, "cost_usd")
    assert ran.end["spent"]["usage"]["cost_usd"] == 0.5


def test_four_where_the_provider_breaks(kodo: Kodo) -> None:
    ran = kodo.exec({"error": {"status": 400, "message": "no such parameter"}})
    assert (ran.code, ran.end["outcome"]) == (4, "broken")
    assert "no such parameter" in ran.lines[-1]["error"]["message"]


def test_four_where_the_script_ends_too_early_or_too_late(kodo: Kodo) -> None:
    ran = kodo.exec(shell("true"))
    assert ran.code == 4
    assert "asked for one more" in ran.lines[-1]["error"]["message"]
    ran = kodo.exec(says("done"), says("never said"))
    assert ran.code == 4
    assert "1 of its 2 lines were not used" in ran.error()


async def test_interrupted_with_every_call_answered(kodo: Kodo) -> None:
    model = kodo.script(
        {"calls": [*shell("echo up; sleep 600")["calls"], *shell("echo never")["calls"]]},
        says("never"),
    )
    process = kodo.start("exec", "--json", "-m", model, "wait")
    before = wait_for(process, "item.started")
    ran = end(process, signal.SIGINT)
    assert ran.code == 130, ran.err
    text = b"".join(before).decode() + ran.out
    check_stream(text)
    last = json.loads(text.splitlines()[-1])
    assert (last["type"], last["kodo"]["exit_code"]) == ("turn.failed", 130)
    (entries,) = (await kodo.threads()).values()
    assert [result.outcome for result in check_results(entries)] == ["interrupted"] * 2
    assert outcomes(entries) == ["interrupted"]


def test_a_polite_kill_ends_the_run_in_order_too(kodo: Kodo) -> None:
    process = kodo.start("exec", "--json", "-m", kodo.script(shell("sleep 600")), "wait")
    before = wait_for(process, "item.started")
    ran = end(process, signal.SIGTERM)
    assert ran.code == 130, ran.err
    check_stream(b"".join(before).decode() + ran.out)


def test_the_last_message_goes_to_a_file(kodo: Kodo, tmp_path: Path) -> None:
    answer = tmp_path / "answer.txt"
    ran = kodo.exec(says("the answer is 42"), options=["-o", str(answer)])
    assert ran.code == 0
    assert answer.read_text() == "the answer is 42\n"


def test_a_schema_and_an_image_reach_the_model(kodo: Kodo, tmp_path: Path) -> None:
    schema = tmp_path / "schema.json"
    schema.write_text('{"type": "object", "properties": {"n": {"type": "integer"}}}')
    image = tmp_path / "shot.png"
    image.write_bytes(b"\x89PNG\r\n\x1a\n rest")
    options = ["--output-schema", str(schema), "-i", str(image)]
    ran = kodo.exec(says('{"n": 1}', expect="^look$"), task="look", options=options)
    assert ran.code == 0, ran.out


async def test_an_image_is_kept_in_the_store(kodo: Kodo, tmp_path: Path) -> None:
    image = tmp_path / "shot.png"
    image.write_bytes(b"\x89PNG\r\n\x1a\n rest")
    assert kodo.exec(says("I see"), options=["-i", str(image)]).code == 0
    (entries,) = (await kodo.threads()).values()
    bodies = [entry.event.body for entry in entries]
    (task,) = [
        body.message
        for body in bodies
        if isinstance(body, MessageAdded) and isinstance(body.message, User)
    ]
    assert [part.media_type for part in task.parts if isinstance(part, Image)] == ["image/png"]


def test_a_pipe_is_appended_to_the_task(kodo: Kodo) -> None:
    model = kodo.script(says("seen", expect="^fix this\n\n1 failed\n  caf\ufffd$"))
    ran = kodo.run("exec", "-m", model, "fix this", stdin=b"1 failed\n  caf\xe9\n")
    assert ran.code == 0, ran.err


@pytest.mark.parametrize("words", [["-"], []])
def test_a_task_may_come_through_the_pipe_alone(kodo: Kodo, words: list[str]) -> None:
    model = kodo.script(says("seen", expect="^the whole task$"))
    assert kodo.run("exec", "-m", model, *words, stdin=b"the whole task\n").code == 0


@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_a_silent_pipe_that_never_closes_does_not_hang(kodo: Kodo, kind: str) -> None:
    if kind == "pipe":
        reader, writer = os.pipe()
    else:
        ends = socket.socketpair()
        reader, writer = (item.detach() for item in ends)
    try:
        ran = kodo.run(
            "exec", "-m", kodo.script(says("done", expect="^do it$")), "do it", stdin_fd=reader
        )
    finally:
        os.close(reader)
        os.close(writer)
    assert ran.code == 0, ran.err


async def test_resume_and_last_go_on_with_the_thread(kodo: Kodo) -> None:
    first = kodo.exec(says("one", usage={"input_tokens": 5, "output_tokens": 1}), task="first")
    thread_id = first.lines[0]["thread_id"]
    second = kodo.exec(
        says("two", expect="^second$", usage={"input_tokens": 7, "output_tokens": 2}),
        task="second",
        options=["--last"],
    )
    assert second.lines[0]["thread_id"] == thread_id
    assert second.lines[-1]["usage"]["input_tokens"] == 12
    third = kodo.exec(says("three"), task="third", options=["--resume", thread_id[:14]])
    assert third.lines[0]["thread_id"] == thread_id
    (entries,) = (await kodo.threads()).values()
    assert outcomes(entries) == ["unverified"] * 3


def test_commit_commits_what_the_run_changed_and_nothing_else(kodo: Kodo) -> None:
    git(kodo.workspace, "init", "-q")
    git(kodo.workspace, "config", "user.name", "Test")
    git(kodo.workspace, "config", "user.email", "test@example.org")
    (kodo.workspace / "old.txt").write_text("old\n")
    git(kodo.workspace, "add", ".")
    git(kodo.workspace, "commit", "-q", "-m", "first")
    (kodo.workspace / "mine.txt").write_text("not yours\n")
    ran = kodo.exec(
        write("new.txt", "new\n"),
        says("done"),
        task="add new.txt",
        options=["--commit", "-c", 'checks=["true"]'],
    )
    assert ran.code == 0, ran.err
    assert git(kodo.workspace, "log", "-1", "--format=%s").strip() == "add new.txt"
    assert git(kodo.workspace, "show", "--name-only", "--format=", "HEAD").split() == ["new.txt"]
    assert git(kodo.workspace, "status", "--porcelain").strip() == "?? mine.txt"
    # Never unasked, and never where nothing or nothing good was done.
    assert kodo.exec(write("more.txt", "x\n"), says("done")).code == 0
    assert git(kodo.workspace, "log", "--format=%s").split("\n")[:1] == ["add new.txt"]


async def test_output_is_cut_for_the_model_and_kept_whole_in_the_store(kodo: Kodo) -> None:
    ran = kodo.exec(shell("seq 1 20000"), says("long"))
    assert ran.code == 0
    (entries,) = (await kodo.threads()).values()
    (result,) = check_results(entries)
    assert "bytes left out" in result.text
    assert "the whole output is kept as" in result.text


async def test_arguments_that_are_not_json_are_told_to_the_model(kodo: Kodo) -> None:
    before = tree(kodo.workspace)
    ran = kodo.exec(
        {"calls": [{"name": "shell", "arguments": "{broken"}, {"name": "nope", "arguments": {}}]},
        says("sorry"),
    )
    assert ran.code == 0
    (entries,) = (await kodo.threads()).values()
    results: list[ToolResult] = check_results(entries)
    assert [result.outcome for result in results] == ["error", "error"]
    assert tree(kodo.workspace) == before


@pytest.mark.parametrize("words", [["--json"], []])
async def test_a_reader_that_goes_away_ends_the_run_in_order(kodo: Kodo, words: list[str]) -> None:
    gate = kodo.workspace / "go"
    model = kodo.script(
        {"text": "first", **shell("until test -e go; do sleep 0.05; done")}, says("last")
    )
    process = kodo.start("exec", *words, "-m", model, "wait")
    assert process.stdout is not None
    assert process.stderr is not None
    wait_for(process, "first")
    process.stdout.close()
    gate.touch()
    with process.stderr:
        assert b"Traceback" not in process.stderr.read()
    assert process.wait() == 141
    (entries,) = (await kodo.threads()).values()
    check_results(entries)
    assert outcomes(entries) == ["interrupted"]
