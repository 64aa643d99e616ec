"""The JSON lines of a run, against the shapes of codex exec."""

import io
import json
from datetime import UTC, datetime

import msgspec
from inline_snapshot import snapshot

from kodo.cli.exec_events import ExecLine
from kodo.cli.jsonl import JsonLines
from kodo.core.check import Evidence
from kodo.core.events import (
    CheckRun,
    Event,
    FileChange,
    FilesChanged,
    MessageAdded,
    Noted,
    PromptSent,
    RunEnded,
    RunStarted,
    Stored,
    ToolStarted,
)
from kodo.core.limits import Spent
from kodo.core.messages import Assistant, Delta, Text, ToolCall, ToolResult, Usage, user

USAGE = Usage(input_tokens=100, cached_tokens=40, output_tokens=10, cost_usd=0.5)


def write(*bodies: Stored, before: Usage | None = None) -> list[dict[str, object]]:
    """Return the lines for these events, each proven to be of a known shape."""
    stream = io.StringIO()
    writer = JsonLines(stream, "t1", before)
    for seq, body in enumerate(bodies, 1):
        writer.take(Event(seq, "r1", datetime(2026, 1, 1, tzinfo=UTC), body))
        writer.take(Delta("text", "passes by"))
    lines = stream.getvalue().splitlines()
    for line in lines:
        msgspec.json.decode(line, type=ExecLine)
    return [json.loads(line) for line in lines]


START = RunStarted("fix it", "lab/m", "tools", "/w", "bwrap", "0.1.0")
SHELL = ToolCall("c1", "shell", '{"command":"pytest -q"}')


def result(call: ToolCall, text: str, outcome: str = "ok", details: str = "") -> MessageAdded:
    return MessageAdded(
        msgspec.convert(
            {
                "type": "result",
                "call_id": call.id,
                "name": call.name,
                "parts": [{"type": "text", "text": text}],
                "outcome": outcome,
                "details": details,
            },
            ToolResult,
        )
    )


def test_a_whole_run() -> None:
    patch = ToolCall("c2", "apply_patch", '{"patch":"..."}')
    plan = ToolCall("c3", "plan", '{"items":[{"step":"look","status":"done"}]}')
    lines = write(
        START,
        MessageAdded(user("fix it")),
        PromptSent("0" * 64),
        MessageAdded(Assistant((Text("I look."), SHELL), "lab/m", "tool_calls")),
        ToolStarted("c1", "shell", SHELL.arguments),
        result(SHELL, "1 failed", details='{"exit_code":1,"duration_s":0.5,"command":"x"}'),
        ToolStarted("c2", "apply_patch", patch.arguments),
        FilesChanged("c2", (FileChange("a.py", "b1", "b2", "-x\n+y\n"),)),
        result(patch, "done"),
        ToolStarted("c3", "plan", plan.arguments),
        result(plan, "noted"),
        Noted("checking"),
        CheckRun("finish", "pass", (Evidence("pytest -q", 0, 0.5, "1 passed", passed=1),)),
        MessageAdded(Assistant((Text("Fixed."),), "lab/m")),
        RunEnded("verified", "Fixed.", Spent(2, 3, 4.5, usage=USAGE), changed=("a.py",)),
        before=USAGE,
    )
    assert lines == snapshot(
        [
            {
                "type": "thread.started",
                "thread_id": "t1",
                "kodo": {"cwd": "/w", "kodo_version": "0.1.0"},
            },
            {
                "type": "turn.started",
                "kodo": {"run_id": "r1", "model": "lab/m", "strategy": "tools", "sandbox": "bwrap"},
            },
            {
                "type": "item.completed",
                "item": {"type": "agent_message", "id": "item_0", "text": "I look."},
            },
            {
                "type": "item.started",
                "item": {
                    "type": "command_execution",
                    "id": "item_1",
                    "command": "pytest -q",
                    "aggregated_output": "",
                    "exit_code": None,
                    "status": "in_progress",
                    "kodo": {"call_id": "c1"},
                },
            },
            {
                "type": "item.completed",
                "item": {
                    "type": "command_execution",
                    "id": "item_1",
                    "command": "pytest -q",
                    "aggregated_output": "1 failed",
                    "exit_code": 1,
                    "status": "failed",
                    "kodo": {"call_id": "c1", "duration_s": 0.5},
                },
            },
            {
                "type": "item.completed",
                "item": {
                    "type": "file_change",
                    "id": "item_2",
                    "changes": [{"path": "/w/a.py", "kind": "update"}],
                    "status": "completed",
                    "kodo": {
                        "call_id": "c2",
                        "diff": """\
-x
+y
""",
                    },
                },
            },
            {
                "type": "item.started",
                "item": {
                    "type": "todo_list",
                    "id": "item_4",
                    "items": [{"text": "look", "completed": True}],
                },
            },
            {
                "type": "item.completed",
                "item": {
                    "type": "reasoning",
                    "id": "item_5",
                    "text": "checking",
                    "kodo": {"note": "step"},
                },
            },
            {
                "type": "item.completed",
                "item": {
                    "type": "command_execution",
                    "id": "item_6",
                    "command": "pytest -q",
                    "aggregated_output": "1 passed",
                    "exit_code": 0,
                    "status": "completed",
                    "kodo": {"check": "finish", "decision": "pass", "duration_s": 0.5, "passed": 1},
                },
            },
            {
                "type": "item.completed",
                "item": {"type": "agent_message", "id": "item_7", "text": "Fixed."},
            },
            {
                "type": "item.completed",
                "item": {
                    "type": "todo_list",
                    "id": "item_4",
                    "items": [{"text": "look", "completed": True}],
                },
            },
            {
                "type": "turn.completed",
                "usage": {
                    "input_tokens": 200,
                    "cached_input_tokens": 80,
                    "cache_write_input_tokens": 0,
                    "output_tokens": 20,
                    "reasoning_output_tokens": 0,
                },
                "kodo": {
                    "outcome": "verified",
                    "exit_code": 0,
                    "summary": "Fixed.",
                    "cost_usd": 0.5,
                    "spent": {
                        "model_calls": 2,
                        "tool_calls": 3,
                        "seconds": 4.5,
                        "usage": {
                            "input_tokens": 100,
                            "cached_tokens": 40,
                            "output_tokens": 10,
                            "cost_usd": 0.5,
                        },
                    },
                    "changed": ["a.py"],
                    "checks": [
                        {
                            "check": "finish",
                            "decision": "pass",
                            "evidence": [
                                {
                                    "command": "pytest -q",
                                    "exit_code": 0,
                                    "duration_s": 0.5,
                                    "tail": "1 passed",
                                    "passed": 1,
                                }
                            ],
                        }
                    ],
                },
            },
        ]
    )


def test_a_limit_is_an_error_and_a_failed_turn() -> None:
    lines = write(
        START,
        RunEnded("limit", "", reason="the limit of 5 tokens is reached", limit="tokens"),
    )
    assert [line["type"] for line in lines] == [
        "thread.started",
        "turn.started",
        "error",
        "turn.failed",
    ]
    assert lines[-1] == snapshot(
        {
            "type": "turn.failed",
            "error": {"message": "the limit of 5 tokens is reached"},
            "kodo": {
                "outcome": "limit",
                "exit_code": 3,
                "reason": "the limit of 5 tokens is reached",
                "limit": "tokens",
                "spent": {},
            },
        }
    )


def test_a_resumed_thread_says_its_id_once_and_counts_usage_up() -> None:
    end = RunEnded("unverified", "", Spent(usage=USAGE))
    lines = write(START, end, START, end)
    assert [line["type"] for line in lines].count("thread.started") == 1
    assert [line["usage"]["input_tokens"] for line in lines if "usage" in line] == [100, 200]  # type: ignore[index]


def test_a_denied_command_is_declined_and_an_interrupted_call_completed() -> None:
    lines = write(START, result(SHELL, "denied: no", "denied"))
    item = lines[-1]["item"]
    assert isinstance(item, dict)
    assert item["status"] == "declined"
    assert item["exit_code"] is None

    lines = write(
        START, ToolStarted("c1", "shell", SHELL.arguments), result(SHELL, "cut", "interrupted")
    )
    started, completed = lines[-2]["item"], lines[-1]["item"]
    assert isinstance(started, dict)
    assert isinstance(completed, dict)
    assert started["id"] == completed["id"]
    assert completed["status"] == "failed"


def test_broken_arguments_stay_json() -> None:
    lines = write(START, ToolStarted("c9", "read", '{"path": '))
    item = lines[-1]["item"]
    assert isinstance(item, dict)
    assert item["arguments"] == '{"path": '


def test_an_error_from_outside_ends_the_turn_without_its_key() -> None:
    stream = io.StringIO()
    writer = JsonLines(stream, "t1")
    writer.take(Event(1, "r1", datetime(2026, 1, 1, tzinfo=UTC), START))
    writer.fail("Bearer abcdefgh12345678 was refused")
    assert "abcdefgh" not in stream.getvalue()
    assert [json.loads(line)["type"] for line in stream.getvalue().splitlines()][-2:] == [
        "error",
        "turn.failed",
    ]
