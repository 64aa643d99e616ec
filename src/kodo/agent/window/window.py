"""The window: which messages of a thread the model sees now, and in what form.

Follows the thread entry by entry and keeps no secret: the same entries give the same window, so
resume, replay and `kodo context` see what the model saw. Guards that every call keeps its result.
"""

import hashlib
from collections.abc import Sequence
from typing import Literal

import msgspec

from kodo.agent.window.eviction import Draft, newest_plan
from kodo.agent.window.head import Head
from kodo.agent.window.pieces import Marks, Piece, kind_of, show, state_under
from kodo.agent.window.tokens import Gauge, message_tokens
from kodo.core.events import Evicted, MessageAdded, PromptSent, RunStarted
from kodo.core.messages import Assistant, Message, ToolCall, ToolResult, User
from kodo.core.thread import Entry

Part = Literal["pinned", "stubs", "transcript"]
"""What the person said; what stands in for what left; and the rest of the conversation."""

TRANSCRIPT: Part = "transcript"

_ENCODER = msgspec.json.Encoder()


class Window:
    """The messages of a thread in a model's window.

    `gauge` learns from the model's replies; `question` is what the person said last; `version`
    counts how often what was shown has changed.
    """

    def __init__(self, window_tokens: int) -> None:
        self._known_tokens = window_tokens
        self._model = ""
        self.gauge = Gauge()
        self.head = Head()
        self.pieces: list[Piece] = []
        self.marks = Marks(window_tokens)
        self.version = 0
        self.question: Piece | None = None
        self._head_message: User | None = None
        self._head_tokens = 0
        self._shown: list[Message] = []
        self._sizes: dict[Part, int] = {"pinned": 0, "stubs": 0, TRANSCRIPT: 0}
        self._settled = 0
        self._calls: dict[str, ToolCall] = {}
        self._task_next = False
        self._sent = 0.0
        self._pinned_plan = 0
        self._digest = hashlib.sha256()
        self._digested = 0

    @property
    def tokens(self) -> int:
        """About how many tokens all that is shown takes, by bytes alone."""
        return sum(self._sizes.values()) + self._head_tokens

    @property
    def sizes(self) -> dict[Part, int]:
        """About how many tokens each part of it takes, what was folded counted as pinned."""
        return {**self._sizes, "pinned": self._sizes["pinned"] + self._head_tokens}

    @property
    def head_message(self) -> User | None:
        """The first message, in place of what was folded; None where nothing was."""
        return self._head_message

    def take(self, entries: Sequence[Entry]) -> None:
        """Follow the thread by its next entries; costs what they hold, more where they evict."""
        marks = self.marks
        for entry in entries:
            match entry.event.body:
                case MessageAdded(message=message):
                    self._add(entry, message)
                case RunStarted(model=model):
                    self._task_next = True
                    if model != self._model and self._model:  # what was learned was of another one
                        marks = msgspec.structs.replace(marks, window_tokens=self._known_tokens)
                        self.gauge = Gauge()
                    self._model = model
                case PromptSent(parts=parts) if any(part.name == TRANSCRIPT for part in parts):
                    self._sent = sum(part.tokens for part in parts) / self.gauge.factor
                case Evicted() as evicted:
                    marks = _moved(marks, evicted)
                    self.gauge.factor = evicted.factor or self.gauge.factor
                    self._pinned_plan = newest_plan(self.pieces) or self._pinned_plan
                case _:
                    pass
        if marks != self.marks:
            self._set_marks(marks)
        for piece in self.pieces[self._settled :]:
            show(piece, state_under(piece, marks, self._pinned_plan), marks)
            self._count(piece)
        self._settled = len(self.pieces)

    def messages(self) -> tuple[Message, ...]:
        """Return the messages as the model is to see them."""
        return tuple(self._shown)

    def digest(self) -> str:
        """Return a SHA-256 over the messages as shown; costs only what is new since the last."""
        if self._digested == 0 and self._head_message is not None:
            self._digest.update(_ENCODER.encode(self._head_message))
        for piece in self.pieces[self._digested :]:
            self._digest.update(_ENCODER.encode(piece.shown))
        self._digested = len(self.pieces)
        return self._digest.hexdigest()

    def evict(
        self,
        target_tokens: float,
        recent_tokens: float,
        window_tokens: int = 0,
        *,
        repaired: bool = False,
    ) -> Evicted | None:
        """Return what to record so that about `target_tokens` remain; None where nothing can go.

        Changes nothing: it takes effect when `take` meets the recorded event. What is newer than
        `recent_tokens` goes only after all else has gone. `window_tokens` other than 0 is a new
        size of the model's window; `repaired` tells that the gauge was corrected by a provider.
        """
        old = self.marks
        if window_tokens:
            old = msgspec.structs.replace(old, window_tokens=window_tokens)
            for piece in self.pieces:
                piece.made.clear()
        draft = Draft(
            self.pieces, old, self._head_tokens, target_tokens, resized=bool(window_tokens)
        )
        before = self.tokens
        new = draft.plan(recent_tokens)
        if new == self.marks:
            return None
        gone = tuple(
            piece.entry_id
            for piece in self.pieces
            if piece.seq < new.folded_to
            or old.shortened_to <= piece.seq < new.shortened_to
            or (piece.kind == "result" and old.stubbed_to <= piece.seq < new.stubbed_to)
        )
        return Evicted(
            entries=gone,
            tokens=max(0, self.gauge.real(before - draft.used)),
            stubbed_to=new.stubbed_to,
            shortened_to=new.shortened_to,
            folded_to=new.folded_to,
            window_tokens=window_tokens,
            factor=round(self.gauge.factor, 4) if repaired else 0.0,
        )

    def _add(self, entry: Entry, message: Message) -> None:
        call: ToolCall | None = None
        is_task = False
        if isinstance(message, Assistant):
            if self._sent:
                self.gauge.learn(self._sent, message.usage.input_tokens)
                self._sent = 0.0
            self._calls = {asked.id: asked for asked in message.calls}
        elif isinstance(message, ToolResult):
            call = self._calls.get(message.call_id)
        else:
            is_task, self._task_next = self._task_next, False
        kind = kind_of(message, is_task=is_task)
        piece = Piece(entry.id, entry.event.seq, kind, message, message, call)
        self.pieces.append(piece)
        if kind in ("task", "words"):
            self.question = piece

    def _count(self, piece: Piece) -> None:
        part: Part = TRANSCRIPT
        if piece.kind in ("task", "words"):
            part = "pinned"
        elif piece.state != "whole":
            part = "stubs"
        self._sizes[part] += piece.tokens
        self._shown.append(piece.shown)

    def _set_marks(self, marks: Marks) -> None:
        """Fold what the marks fold, and let the rest be shown as they want it."""
        resized = marks.window_tokens != self.marks.window_tokens
        self.marks = marks
        folded = 0
        while folded < len(self.pieces) and self.pieces[folded].seq < marks.folded_to:
            self.head.fold(self.pieces[folded])
            folded += 1
        self.pieces = self.pieces[folded:]
        for piece in self.pieces:
            wanted = state_under(piece, marks, self._pinned_plan)
            if resized:
                piece.made.clear()
            if resized or piece.wanted != wanted:
                show(piece, wanted, marks)
        self._settled = len(self.pieces)
        self._head_message = None if self.head.empty else self.head.message(marks.window_tokens)
        self._head_tokens = 0 if self._head_message is None else message_tokens(self._head_message)
        self._shown = [] if self._head_message is None else [self._head_message]
        self._sizes = dict.fromkeys(self._sizes, 0)
        for piece in self.pieces:
            self._count(piece)
        self._digest, self._digested = hashlib.sha256(), 0
        self.version += 1


def _moved(marks: Marks, evicted: Evicted) -> Marks:
    return Marks(
        evicted.window_tokens or marks.window_tokens,
        max(marks.stubbed_to, evicted.stubbed_to),
        max(marks.shortened_to, evicted.shortened_to),
        max(marks.folded_to, evicted.folded_to),
    )
