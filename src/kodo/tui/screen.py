"""The human face of a run: takes events and passing values, prints lines and a live status.

Imports no rich and no prompt_toolkit. Knows no session and no command. Guards that text of
models and tools is made safe, that the status line never stays behind, and that where stdout is
no terminal only whole lines come out.
"""

from typing import Protocol, TextIO

from kodo.base.clock import Monotonic, monotonic_s
from kodo.core.events import (
    ApprovalAsked,
    ApprovalGiven,
    CheckRun,
    Event,
    Evicted,
    FilesChanged,
    FindingRaised,
    HookRan,
    HostContacted,
    LimitNear,
    MessageAdded,
    Noted,
    Passing,
    Retrying,
    Rewound,
    RunEnded,
    RunStarted,
    ToolStarted,
)
from kodo.core.messages import Assistant, Delta, Reasoning, ToolCall, ToolResult
from kodo.tui.ansi import CLEAR_LINE, Paint, Tone, one_line, safe
from kodo.tui.cards import (
    LineCount,
    call_card,
    changes_card,
    check_line,
    count_lines,
    summary,
)
from kodo.tui.status import Status

HEARTBEAT_S = 30.0
REDRAW_S = 0.08


class Prose(Protocol):
    """Formats streamed text, whole blocks at a time."""

    def feed(self, text: str) -> list[str]:
        """Take a piece of raw text and return the safe lines that are ready."""
        ...

    def finish(self) -> list[str]:
        """Return the lines of what is left."""
        ...


class Screen:
    """Prints a run to `stream`. `live` draws the status line; call `tick` a few times a second.

    `verbosity` 1 shows reasoning; `prose` formats the model's text (None: as it comes).
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        colour: bool,
        live: bool,
        width: int = 100,
        clock: Monotonic = monotonic_s,
        verbosity: int = 0,
        heartbeat_s: float | None = HEARTBEAT_S,
        prose: Prose | None = None,
    ) -> None:
        self._stream = stream
        self._paint = Paint(colour=colour)
        self.live = live
        self._width = max(40, width)
        self._clock = clock
        self._verbosity = verbosity
        self._heartbeat_s = heartbeat_s
        self._prose = prose
        self._status = Status(clock)
        self._status_shown = False
        self._line_open = False
        self._streamed = ""
        self._last_text = ""
        self._search = False
        self._calls: dict[str, tuple[ToolCall, float]] = {}
        self._counts: dict[str, LineCount] = {}
        self._edited: set[str] = set()
        self._last_print_s = clock()
        self._last_draw_s = float("-inf")

    def take(self, happening: Event | Passing) -> None:
        """Print what happened. Raises BrokenPipeError where nobody reads any more."""
        self._status.take(happening)
        if isinstance(happening, Event):
            self._show(happening.body)
        elif isinstance(happening, Delta) and happening.kind == "text" and not self._search:
            self._stream_text(happening.text)
        elif (
            isinstance(happening, Delta)
            and happening.kind == "reasoning"
            and self._verbosity
            and not self._search
        ):
            self._stream_text(happening.text, Tone.DIM)
        self.tick()

    def tick(self) -> None:
        """Redraw the status line; without a terminal, say every 30 s what a long step does."""
        if self.live:
            due = self._clock() - self._last_draw_s >= REDRAW_S
            if not self._line_open and (due or not self._status_shown):
                self._draw_status()
        elif (
            self._heartbeat_s is not None
            and self._clock() - self._last_print_s >= self._heartbeat_s
            and (line := self._status.line(self._width))
        ):
            self.say(self._paint(Tone.DIM, f"… {line[2:]}"))

    def say(self, *lines: str) -> None:
        """Print whole lines, already safe, above the status line."""
        self._end_line()
        self._wipe()
        for line in lines:
            self._stream.write(f"{line}\n")
        self._stream.flush()
        self._last_print_s = self._clock()

    def close(self) -> None:
        """Leave the terminal clean, whatever was being shown."""
        self._end_line()
        self._wipe()
        self._stream.flush()

    def _show(self, body: object) -> None:
        paint, width = self._paint, self._width
        match body:
            case RunStarted():
                self._start(body)
            case MessageAdded(message=Assistant() as message):
                self._finish_text(message)
            case MessageAdded(message=ToolResult() as result):
                call, since = self._calls.pop(
                    result.call_id, (ToolCall(result.call_id, result.name, ""), self._clock())
                )
                if result.call_id not in self._edited or result.outcome != "ok":
                    self.say(*call_card(call, result, self._clock() - since, paint, width))
            case ToolStarted():
                call = ToolCall(body.call_id, body.name, body.arguments)
                self._calls[body.call_id] = (call, self._clock())
            case FilesChanged():
                self._count(body)
                self._edited.add(body.call_id)
                self.say(*changes_card(body, paint))
            case CheckRun():
                self.say(*(check_line(ran, paint, width) for ran in body.evidence))
            case FindingRaised():
                found = body.finding
                text = one_line(f"{found.path}:{found.line}: {found.message}", width - 2)
                self.say(f"{paint(Tone.WARN, '!')} {text}")
            case ApprovalAsked():
                self.say(f"{paint(Tone.WARN, '?')} {one_line(body.question, width - 2)}")
            case ApprovalGiven(allowed=False):
                reason = f": {one_line(body.reason, width - 12)}" if body.reason else ""
                self.say(f"{paint(Tone.BAD, '✗')} denied{reason}")
            case Noted():
                warn = body.kind == "warning"
                mark = paint(Tone.WARN, "!") if warn else paint(Tone.NAME, "•")
                self.say(f"{mark} {one_line(body.text, 4 * width)}")
            case HookRan(decision="deny" | "failed"):
                text = one_line(f"hook {body.hook} {body.decision}: {body.said}", 4 * width)
                self.say(f"{paint(Tone.WARN, '!')} {text}")
            case HookRan():
                text = one_line(f"hook {body.hook} {body.decision} {body.said}", width - 2)
                self.say(paint(Tone.DIM, f"⚑ {text}"))
            case Retrying():
                text = f"{body.error}; trying again in {body.wait_s:g} s ({body.attempt})"
                self.say(f"{paint(Tone.WARN, '!')} {one_line(text, 4 * width)}")
            case LimitNear():
                text = f"{body.used:g} of {body.limit_value:g} {body.limit} are spent"
                self.say(f"{paint(Tone.WARN, '!')} {text}")
            case HostContacted():
                text = one_line(f"{body.host} ({body.purpose})", width - 2)
                self.say(paint(Tone.DIM, f"↗ {text}"))
            case Evicted():
                text = f"{len(body.entries)} older entries left the window (about {body.tokens:,} "
                self.say(paint(Tone.DIM, f"· {text}tokens); they stay in the log"))
            case Rewound():
                text = f"stepped back to e{body.to}; {body.left} events left the conversation"
                self.say(paint(Tone.DIM, f"↩ {text}"))
            case RunEnded():
                self._end(body)
            case _:
                pass

    def _start(self, body: RunStarted) -> None:
        paint = self._paint
        self._search = body.strategy == "search"
        self._counts.clear()
        self._last_text = ""
        facts = (body.model, body.strategy, f"sandbox {body.sandbox}", body.cwd)
        self.say(
            f"{paint(Tone.HEAD, f'kodo {body.kodo_version}')} · "
            + " · ".join(one_line(fact, 120) for fact in facts),
            f"{paint(Tone.BOLD, '›')} {one_line(body.task, 2 * self._width)}",
            "",
        )

    def _stream_text(self, text: str, tone: Tone = Tone.PLAIN) -> None:
        if self._prose is not None and tone is Tone.PLAIN:
            self._streamed += text
            if lines := self._prose.feed(text):
                self.say(*lines)
            return
        if not self._line_open:
            text = text.lstrip("\n")
            if not text:
                return
            self._wipe()
        shown = safe(text)
        self._stream.write(self._paint(tone, shown))
        self._stream.flush()
        self._last_print_s = self._clock()
        self._streamed += text if tone is Tone.PLAIN else ""
        self._line_open = not shown.endswith("\n")

    def _finish_text(self, message: Assistant) -> None:
        text = message.text.strip()
        streamed, self._streamed = self._streamed.strip(), ""
        if self._verbosity and not streamed:
            for part in message.parts:
                if isinstance(part, Reasoning) and part.text and not self.live:
                    self.say(self._paint(Tone.DIM, safe(part.text).strip()))
        self._end_line()
        left = self._prose.finish() if self._prose is not None else []
        if text and streamed != text:
            left = [*self._prose.feed(text), *self._prose.finish()] if self._prose else [safe(text)]
        if left:
            self.say(*left)
        if text:
            self._last_text = text

    def _count(self, body: FilesChanged) -> None:
        for change in body.changes:
            lines, before = count_lines(change.diff), self._counts.get(change.path, LineCount())
            self._counts[change.path] = LineCount(
                before.added + lines.added, before.removed + lines.removed
            )

    def _end(self, body: RunEnded) -> None:
        text = body.summary.strip()
        if text and text != self._last_text:
            self.say("", safe(text))
        self.say("", *summary(body, self._counts, self._paint, self._width))

    def _end_line(self) -> None:
        if self._line_open:
            self._stream.write("\n")
            self._line_open = False

    def _draw_status(self) -> None:
        line = self._status.line(self._width - 1)
        self._last_draw_s = self._clock()
        if line:
            self._stream.write(CLEAR_LINE + self._paint(Tone.DIM, line))
            self._stream.flush()
            self._status_shown = True
        else:
            self._wipe()

    def _wipe(self) -> None:
        if self._status_shown:
            self._stream.write(CLEAR_LINE)
            self._status_shown = False
