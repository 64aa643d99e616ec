"""Pieces: the messages of a thread as the window holds them, and the marks that decide how.

Knows entries by `seq` only. Guards that what is shown follows from the message, its place and the
marks alone, so that a window can be made again from the log, to the byte.
"""

from typing import Literal

import msgspec

from kodo.agent.window.stubs import (
    cut_output,
    cut_words,
    short_output,
    short_reply,
    stub_output,
    title_of,
)
from kodo.agent.window.tokens import BYTES_A_TOKEN, message_tokens
from kodo.core.messages import Assistant, Message, Text, ToolCall, ToolResult, User, Value

Kind = Literal["task", "words", "harness", "reply", "result"]
"""Of a person: the task of a run, or words since. `harness` is kodo speaking in their place."""

State = Literal["new", "whole", "cut", "stub", "short"]

HARNESS = "[kodo] "
PLAN = "plan"

_ARRIVAL_SHARE = 0.2  # of the window, for one message as it comes
_STUB_SHARE = 0.012
_STUB_BYTES = (400, 1600)


class Marks(Value, frozen=True):
    """Up to which `seq` (exclusive) results are stubs, messages short, and messages folded away.

    `window_tokens` is the model's whole window, as known or as a provider told.
    """

    window_tokens: int
    stubbed_to: int = 0
    shortened_to: int = 0
    folded_to: int = 0


class Piece(msgspec.Struct):
    """A message and how it is shown: `wanted` is what the marks ask for, `state` what came of it.

    `tokens` are those of `shown`, estimated. `call` is what a result answers.
    """

    entry_id: str
    seq: int
    kind: Kind
    message: Message
    shown: Message
    call: ToolCall | None = None
    wanted: State = "new"
    state: State = "new"
    tokens: int = 0
    made: dict[State, Message] = msgspec.field(default_factory=dict[State, Message])

    @property
    def ref(self) -> str:
        """What `recall` calls it."""
        return f"e{self.seq}"

    @property
    def title(self) -> str:
        """The call in one line, of a result."""
        return title_of(self.call) if self.call is not None else ""

    def is_plan(self) -> bool:
        """Tell whether it is the plan as the model has set it down."""
        message = self.message
        return isinstance(message, ToolResult) and message.name == PLAN and message.outcome == "ok"


def kind_of(message: Message, *, is_task: bool) -> Kind:
    """Return what a message is to the window."""
    match message:
        case Assistant():
            return "reply"
        case ToolResult():
            return "result"
        case User() if is_task:
            return "task"
        case User():
            first = next((part.text for part in message.parts if isinstance(part, Text)), "")
            return "harness" if first.startswith(HARNESS) else "words"


def state_under(piece: Piece, marks: Marks, pinned_plan: int) -> State:
    """Return how the marks want a piece that is not folded to be shown."""
    if piece.kind in ("task", "words") or piece.seq == pinned_plan:
        return "whole"
    if piece.seq < marks.shortened_to:
        return "short"
    if piece.seq < marks.stubbed_to and piece.kind == "result":
        return "stub"
    return "whole"


def show(piece: Piece, wanted: State, marks: Marks) -> None:
    """Let a piece be shown as wanted; where that saves nothing it stays as it came."""
    shown = render(piece, wanted, marks)
    piece.wanted, piece.shown, piece.tokens = wanted, shown, message_tokens(shown)
    piece.state = "whole" if shown is piece.message else wanted
    if piece.state == wanted == "whole" and shown is not piece.message:
        piece.state = "cut"
    piece.made.clear()


def render(piece: Piece, wanted: State, marks: Marks) -> Message:
    """Return a piece as it is shown in a state; kept until it is shown, as making one costs."""
    found = piece.made.get(wanted)
    if found is None:
        found = piece.made[wanted] = _render(piece, wanted, marks)
    return found


def _render(piece: Piece, wanted: State, marks: Marks) -> Message:
    message, ref = piece.message, piece.ref
    if isinstance(message, ToolResult):
        shown = message
        if wanted == "stub":
            least, most = _STUB_BYTES
            share = int(marks.window_tokens * _STUB_SHARE * BYTES_A_TOKEN)
            shown = stub_output(message, ref, piece.title, min(most, max(least, share)))
        elif wanted == "short":
            shown = short_output(message, ref, piece.title)
        return cut_output(message, ref, _arrival_bytes(marks)) if shown is message else shown
    if isinstance(message, Assistant):
        return short_reply(message, ref) if wanted == "short" else message
    if wanted == "short":
        return cut_words(message, ref, _STUB_BYTES[0])
    return cut_words(message, ref, _arrival_bytes(marks))


def _arrival_bytes(marks: Marks) -> int:
    return int(marks.window_tokens * _ARRIVAL_SHARE) * BYTES_A_TOKEN
