"""What a run does right now, in one line: the step, tokens a second, elapsed time.

Fed with events and deltas, asked for its line as often as the screen likes. Draws nothing.
"""

from kodo.base.clock import Monotonic
from kodo.core.events import (
    CheckRun,
    Event,
    MessageAdded,
    Noted,
    Passing,
    PromptSent,
    Retrying,
    RunEnded,
    RunStarted,
    ToolProgress,
    ToolStarted,
)
from kodo.core.messages import Assistant, Delta, ToolCall
from kodo.tui.ansi import clip, one_line
from kodo.tui.cards import call_title
from kodo.tui.words import duration

FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


class Status:
    """The present step of a run. `line` is empty while nothing runs."""

    def __init__(self, clock: Monotonic) -> None:
        self._clock = clock
        self._step = ""
        self._phase = ""
        self._since_s = 0.0
        self._tokens = 0
        self._first_token_s = 0.0
        self._prefill: tuple[int, int] | None = None
        self._last_output = ""

    def take(self, happening: Event | Passing) -> None:
        """Follow the run."""
        match happening:
            case Event(body=body):
                self._follow(body)
            case Delta(kind="prefill") as delta:
                self._set("reading", keep_time=True)
                self._prefill = (delta.done, delta.total)
            case Delta() as delta:
                self._token(delta)
            case ToolProgress(text=text):
                lines = text.strip().split("\n")
                self._last_output = lines[-1] or self._last_output

    def _follow(self, body: object) -> None:
        match body:
            case RunStarted():
                self._set("starting")
            case PromptSent():
                self._set("waiting for the model")
            case ToolStarted():
                title = call_title(ToolCall(body.call_id, body.name, body.arguments), 60)
                self._set(f"{body.name} {title}".strip())
            case Noted(kind="step"):
                self._step = one_line(body.text, 60)
                self._set(self._step)
            case Retrying():
                self._set(f"waiting {body.wait_s:g} s before trying again")
            case MessageAdded(message=Assistant()) | CheckRun():
                self._set(self._step or "working")
            case RunEnded():
                self._set("")
            case _:
                pass

    def line(self, width: int) -> str:
        """Return the status in at most `width` columns."""
        if not self._phase:
            return ""
        now = self._clock()
        frame = FRAMES[int(now * 8) % len(FRAMES)]
        facts = [self._phase]
        elapsed = now - self._since_s
        if self._prefill is not None and self._prefill[1]:
            done, total = self._prefill
            facts.append(f"{done:,} of {total:,} prompt tokens")
            if elapsed > 0.5:
                facts.append(f"{done / elapsed:.0f} tokens/s")
        if self._tokens:
            writing = max(now - self._first_token_s, 0.001)
            facts.append(f"{self._tokens:,} tokens")
            if writing > 0.5:
                facts.append(f"{self._tokens / writing:.1f} tokens/s")
        facts.append(duration(elapsed))
        if self._last_output:
            facts.append(one_line(self._last_output, 40))
        return clip(f"{frame} {' · '.join(facts)}", width)

    def _token(self, delta: Delta) -> None:
        words = {"reasoning": "thinking", "text": "writing", "call": "preparing a call"}
        self._set(words[delta.kind], keep_time=True)
        if self._tokens == 0:
            self._first_token_s = self._clock()
        self._prefill = None
        self._tokens += 1

    def _set(self, phase: str, *, keep_time: bool = False) -> None:
        if keep_time and self._phase:
            self._phase = phase
            return
        self._phase = phase
        self._since_s = self._clock()
        self._tokens = 0
        self._prefill = None
        self._last_output = ""
