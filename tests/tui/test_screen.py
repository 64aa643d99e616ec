"""What people see of a run: plain text, frames of a terminal, the status line."""

import io
from datetime import UTC, datetime

import pyte
import pytest
from inline_snapshot import snapshot

from kodo.core.check import Evidence
from kodo.core.events import (
    CheckRun,
    Event,
    FileChange,
    FilesChanged,
    LimitNear,
    MessageAdded,
    Noted,
    Passing,
    PromptSent,
    Retrying,
    RunEnded,
    RunOutcome,
    RunStarted,
    Stored,
    ToolProgress,
    ToolStarted,
)
from kodo.core.limits import Spent
from kodo.core.messages import Assistant, Delta, Text, ToolCall, ToolResult, Usage
from kodo.tui.ansi import clip, columns, one_line, safe
from kodo.tui.screen import Screen
from kodo.tui.words import duration, money, size

USAGE = Usage(input_tokens=1200, cached_tokens=1000, output_tokens=34, cost_usd=0.0123)
DIFF = "--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-x\n+y\n"
SHELL = ToolCall("c1", "shell", '{"command":"pytest -q"}')


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Face:
    """A screen over a string, with a clock of its own."""

    def __init__(self, *, live: bool = False, colour: bool = False, width: int = 80) -> None:
        self.stream = io.StringIO()
        self.clock = Clock()
        self.screen = Screen(self.stream, colour=colour, live=live, width=width, clock=self.clock)

    def show(self, *happenings: Stored | Passing) -> None:
        for happening in happenings:
            if isinstance(happening, Passing):
                self.screen.take(happening)
            else:
                self.screen.take(Event(1, "r", datetime(2026, 1, 1, tzinfo=UTC), happening))

    def frame(self) -> list[str]:
        """Return what a terminal of 80 columns shows of it."""
        terminal = pyte.Screen(80, 24)
        terminal.set_mode(20)  # a line feed returns the carriage, as a cooked terminal does
        pyte.Stream(terminal).feed(self.stream.getvalue())
        return [line.rstrip() for line in terminal.display if line.strip()]


START = RunStarted("fix it", "lab/m", "tools", "/w", "bwrap", "0.1.0")


def ended(outcome: RunOutcome = "verified", **more: object) -> RunEnded:
    evidence = (Evidence("pytest -q", 0, 1.5, passed=3),) if outcome == "verified" else ()
    spent = Spent(2, 1, 42, usage=USAGE)
    return RunEnded(outcome, "Done.", spent, evidence, ("a.py",), str(more.get("reason", "")))


def shell_result(text: str, code: int) -> MessageAdded:
    details = f'{{"command":"x","exit_code":{code},"duration_s":2.25}}'
    return MessageAdded(ToolResult("c1", "shell", (Text(text),), details=details))


def test_a_run_without_a_terminal() -> None:
    face = Face()
    output = "".join(f"line {number}\n" for number in range(12)) + "[exit code 1, 2.2 s]"
    face.show(
        START,
        PromptSent("0"),
        Delta("text", "I look"),
        Delta("text", " first."),
        MessageAdded(Assistant((Text("I look first."), SHELL), "lab/m", "tool_calls")),
        ToolStarted("c1", "shell", SHELL.arguments),
        ToolProgress("c1", "line 0\n"),
        shell_result(output, 1),
        Noted("trying another way"),
        FilesChanged("c2", (FileChange("a.py", "1", "2", DIFF),)),
        Retrying("overloaded", 2, 4),
        LimitNear("tokens", 900, 1000),
        CheckRun("finish", "pass", (Evidence("pytest -q", 0, 1.5, passed=3),)),
        MessageAdded(Assistant((Text("Done."),), "lab/m")),
        ended(),
    )
    assert face.stream.getvalue() == snapshot("""\
kodo 0.1.0 · lab/m · tools · sandbox bwrap · /w
› fix it

I look first.
▸ shell pytest -q  exit 1 · 2.2 s
  │ … 4 lines above
  │ line 4
  │ line 5
  │ line 6
  │ line 7
  │ line 8
  │ line 9
  │ line 10
  │ line 11
• trying another way
✎ a.py +1 -1
  @@ -1 +1 @@
  -x
  +y
! overloaded; trying again in 4 s (2)
! 900 of 1000 tokens are spent
✓ pytest -q  3 passed · 1.5 s
Done.

────────────────────────────────────────────────────────────────────────
✓ verified
  files   a.py +1 -1
  checks  ✓ pytest -q  3 passed · 1.5 s
  used    2 model calls · 1 tool call · 1,200 tokens in (1,000 cached), 34 out · $0.0123 · 42 s
  next    kodo diff · kodo undo
""")


@pytest.mark.parametrize(
    ("outcome", "last"),
    [
        ("unverified", "UNVERIFIED: no check could prove this result"),
        ("failed", "  next    kodo diff · kodo undo"),
    ],
)
def test_the_last_line(outcome: RunOutcome, last: str) -> None:
    face = Face()
    face.show(START, ended(outcome, reason="why"))
    assert face.stream.getvalue().rstrip("\n").split("\n")[-1] == last
    assert ": why" in face.stream.getvalue()


def test_colours_only_where_they_are_wanted() -> None:
    plain, coloured = Face(), Face(colour=True)
    for face in (plain, coloured):
        face.show(START, FilesChanged("c2", (FileChange("a.py", "1", "2", DIFF),)))
    assert "\x1b" not in plain.stream.getvalue()
    assert "\x1b[32m+y\x1b[0m" in coloured.stream.getvalue()


def test_text_of_models_and_tools_cannot_steer_the_terminal() -> None:
    face = Face()
    evil = "\x1b]0;owned\x07\x1b[2Jhidden\u202e"
    call = ToolCall("c1", evil, f'{{"command":"{"rm"}"}}')
    face.show(
        START,
        Delta("text", evil),
        MessageAdded(Assistant((Text(evil),), "m")),
        ToolStarted("c1", evil, call.arguments),
        shell_result(evil, 0),
        Noted(evil),
        FilesChanged("c2", (FileChange(evil, None, "2", f"+{evil}\n"),)),
        RunEnded("failed", evil, reason=evil),
    )
    assert "\x1b" not in face.stream.getvalue()
    assert "\u202e" not in face.stream.getvalue()
    assert "\\x1b[2Jhidden" in face.stream.getvalue()


def test_the_status_line_shows_step_speed_and_time_and_goes_away() -> None:
    face = Face(live=True)
    face.show(START, PromptSent("0"), Delta("prefill", done=500, total=2000))
    face.clock.now += 2
    face.screen.tick()
    assert face.frame()[-1] == snapshot(
        "⠦ reading · 500 of 2,000 prompt tokens · 250 tokens/s · 2.0 s"
    )
    for _ in range(30):
        face.clock.now += 0.1
        face.show(Delta("reasoning", "hm"))
    assert face.frame()[-1] == snapshot("⠏ thinking · 30 tokens · 10.3 tokens/s · 5.0 s")
    face.show(ToolStarted("c1", "shell", SHELL.arguments), ToolProgress("c1", "a\nb\n"))
    face.clock.now += 61
    face.screen.tick()
    assert face.frame()[-1] == snapshot("⠧ shell pytest -q · 1 min 1 s · b")
    face.show(shell_result("fine", 0), ended())
    face.screen.close()
    assert not any(line.startswith(("⠋", "⠙", "⠹", "⠸", "⠼")) for line in face.frame())


def test_streamed_text_is_not_torn_by_the_status_line() -> None:
    face = Face(live=True)
    face.show(START, PromptSent("0"), Delta("text", "one "))
    face.clock.now += 5
    face.screen.tick()
    face.show(Delta("text", "two"), MessageAdded(Assistant((Text("one two"),), "m")))
    assert "one two" in face.frame()
    assert face.stream.getvalue().count("one ") == 1


def test_without_a_terminal_a_long_step_still_gives_signs_of_life() -> None:
    face = Face()
    face.show(START, ToolStarted("c1", "shell", SHELL.arguments))
    before = face.stream.getvalue()
    face.screen.tick()
    assert face.stream.getvalue() == before
    face.clock.now += 31
    face.screen.tick()
    assert face.stream.getvalue().removeprefix(before) == "… shell pytest -q · 31 s\n"


def test_the_search_strategy_does_not_stream_its_drafts() -> None:
    face = Face()
    search = RunStarted("fix", "local/m", "search", "/w", "bwrap", "0.1.0")
    face.show(search, Delta("text", "def draft()"), Noted("localising"))
    assert "draft" not in face.stream.getvalue()
    assert "• localising" in face.stream.getvalue()


def test_words_for_numbers() -> None:
    assert [duration(s) for s in (0.04, 9.96, 59, 61, 3700)] == snapshot(
        ["0.0 s", "10.0 s", "59 s", "1 min 1 s", "1 h 1 min"]
    )
    assert [size(n) for n in (1, 999_999, 1_117_320_768)] == snapshot(["1 B", "1000 kB", "1.1 GB"])
    assert [money(c) for c in (None, 0, 0.00012, 2.5)] == snapshot(
        ["cost unknown", "no cost", "$0.0001", "$2.50"]
    )


def test_clipping_counts_columns_not_characters() -> None:
    assert columns("日本") == 4
    assert clip("日本語コード", 7) == "日本語…"
    assert one_line("a\n  b\tc", 80) == "a b c"
    assert safe("a\r\nb\rc\x00") == "a\nb\nc\\x00"
