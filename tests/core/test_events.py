"""Events on disk: each kind round-trips, and its bytes are those of the golden file.

A line of golden/events_v1.jsonl that no longer fits means that stored threads no longer open.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from kodo.core.check import Evidence, Finding
from kodo.core.events import (
    ApprovalAsked,
    ApprovalGiven,
    CheckRun,
    Event,
    Evicted,
    FileChange,
    FilesChanged,
    FindingRaised,
    HookRan,
    HostContacted,
    LimitNear,
    MessageAdded,
    Noted,
    PromptPart,
    PromptSent,
    Remembered,
    Retrying,
    Rewound,
    RunEnded,
    RunStarted,
    SnapshotTaken,
    Stored,
    ToolStarted,
    decode_event,
    encode_event,
)
from kodo.core.limits import Spent
from kodo.core.messages import Assistant, Image, Reasoning, Text, ToolCall, ToolResult, Usage, User

GOLDEN = Path(__file__).parent / "golden" / "events_v1.jsonl"
AT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)

EVIDENCE = Evidence("pytest -q", 1, 1.5, "1 failed", 3, 1, timed_out=True)
USAGE = Usage(100, 50, 20, 10, 0.25)
SPENT = Spent(2, 3, 4.5, usage=USAGE)
BODIES: tuple[Stored, ...] = (
    RunStarted("mend it", "local/m", "search", "/work", "bwrap", "0.1.0"),
    MessageAdded(User((Text("look é \U0001f600"), Image("image/png", "ab" * 32)))),
    MessageAdded(
        Assistant(
            (
                Reasoning("hm", "sig", "openai"),
                Text("I look."),
                ToolCall("c1", "shell", '{"command": broken'),
            ),
            "openai/m",
            "tool_calls",
            USAGE,
        )
    ),
    MessageAdded(Assistant((Text("done"),), "local/m")),
    MessageAdded(ToolResult("c1", "shell", (Text("no"),), "error", '{"exit_code": 1}')),
    PromptSent("cd" * 32, (PromptPart("system", 12), PromptPart("messages", 34))),
    ToolStarted("c1", "shell", "{}"),
    ApprovalAsked("c1", "Run it?", "writes outside"),
    ApprovalGiven("c1", allowed=False, by="user", reason="no"),
    SnapshotTaken("ef" * 32, "before step 1"),
    FilesChanged("c1", (FileChange("a.py", "01" * 32, None, "-a\n"), FileChange("b", None, "02"))),
    CheckRun("tests", "block", (EVIDENCE,)),
    FindingRaised("scan", Finding("a.py", 3, "injection", "sql", "error")),
    HostContacted("example.org", "fetch"),
    Evicted(("e1", "e2"), 1234),
    Retrying("429", 2, 1.5),
    LimitNear("tokens", 80.0, 100.0),
    Noted("careful", "warning"),
    RunEnded(
        "verified", "all well", Spent(2, 3, 4.5, usage=USAGE), (EVIDENCE,), ("a.py",), "because"
    ),
    RunEnded("interrupted", ""),
    PromptSent(
        "cd" * 32,
        (PromptPart("instructions", 12, "ab" * 32), PromptPart("recalled", 3, "cd" * 32)),
        (Remembered("f:a.py@2", 3, 9, "file a.py"), Remembered("e7", 1, 2, "tool shell")),
        8192,
        2048,
    ),
    Evicted(("e1", "e2"), 1234, 9, 7, 5, 4096, 1.25),
    Rewound(12, 34),
    HookRan("format", "after_tool", "text", "2 files formatted", "c1", 0.25),
)


def test_every_stored_kind_is_in_the_golden_file() -> None:
    assert {type(body) for body in BODIES} == set(get_args(Stored))


def test_events_are_written_as_ever() -> None:
    written = [encode_event(Event(n, "run-1", AT, body)) for n, body in enumerate(BODIES, 1)]
    assert written == GOLDEN.read_bytes().splitlines()


def test_events_of_the_golden_file_are_read_as_ever() -> None:
    read = [decode_event(line) for line in GOLDEN.read_bytes().splitlines()]
    assert read == [Event(n, "run-1", AT, body) for n, body in enumerate(BODIES, 1)]


@pytest.mark.parametrize(
    "line",
    [
        b'{"seq":1,"run_id":"r","at":"2026-01-02T03:04:05Z","body":{"type":"unheard_of"}}',
        b'{"seq":1,"run_id":"r","at":"2026-01-02T03:04:05Z","body":{"type":"note"}}',
        b'{"seq":1,"run_id":"r","at":"yesterday","body":{"type":"note","text":"x"}}',
        b'{"seq":1,"run_id":"r","at":"2026-01-02T03:04:05Z","body":{"type":"note","text":"x","y":1}}',
    ],
)
def test_what_is_not_an_event_of_ours_is_refused(line: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        decode_event(line)


def test_half_an_event_is_refused() -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_event(GOLDEN.read_bytes()[:40])
