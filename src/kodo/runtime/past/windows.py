"""What stands in a session's window now and why, made again from its log.

Asks no model and no provider: the log tells the size of the window and what was evicted. Guards
that what is shown is what the next prompt will hold.
"""

from collections.abc import Sequence
from typing import TypeVar

from kodo.agent.window.pieces import Piece
from kodo.agent.window.window import TRANSCRIPT, Window
from kodo.core.events import PromptSent, Remembered, RunStarted
from kodo.core.messages import Value
from kodo.core.thread import Entry, Thread

WHY: dict[str, str] = {
    "instructions": "how to work: the same for the whole session",
    "notes": "the project's AGENTS.md: the same for the whole session",
    "tools": "what the model can call: the same for the whole session",
    "pinned": "the task, what you said since, the plan: never leave",
    "stubs": "older messages cut short: recall brings them back",
    "transcript": "the newest messages, word for word",
    "recalled": "found in the memory for the newest message, for this prompt alone",
    "schema": "what the last message must look like",
}


class Share(Value, frozen=True):
    """A part of the prompt, its tokens as the provider counts (about), and why it is there."""

    part: str
    tokens: int
    why: str = ""


class Held(Value, frozen=True):
    """A stretch of entries that are held in one way."""

    first: int
    last: int
    entries: int
    tokens: int
    how: str


class WindowReport(Value, frozen=True):
    """What is in the window of a session: `used_tokens` of `window_tokens`.

    `reply_tokens` are kept free for the reply. A session that search drives has no window: its
    `held` is empty and `parts` are those of the newest question.
    """

    thread: str
    model: str
    entry: int
    window_tokens: int
    reply_tokens: int
    used_tokens: int
    parts: tuple[Share, ...] = ()
    held: tuple[Held, ...] = ()
    recalled: tuple[Remembered, ...] = ()


def report_window(thread: Thread) -> WindowReport:
    """Return the report for a thread as its log has it; all zeros before the first prompt."""
    path = thread.path()
    sent = _last(path, PromptSent)
    started = _last(path, RunStarted)
    entry = path[-1].event.seq if path else 0
    model = started.model if started is not None else ""
    if sent is None:
        return WindowReport(thread.header.id, model, entry, 0, 0, 0)
    tokens = {part.name: part.tokens for part in sent.parts}
    held: tuple[Held, ...] = ()
    if TRANSCRIPT in tokens:
        window = Window(sent.window_tokens)
        window.take(path)
        tokens.update(
            {name: window.gauge.real(size) for name, size in window.sizes.items() if size}
        )
        held = tuple(_held(window))
    parts = [Share(name, tokens[name], WHY.get(name, "")) for name in WHY if name in tokens]
    parts += [Share(name, size) for name, size in tokens.items() if name not in WHY]
    return WindowReport(
        thread=thread.header.id,
        model=model,
        entry=entry,
        window_tokens=sent.window_tokens,
        reply_tokens=sent.reply_tokens,
        used_tokens=sum(part.tokens for part in parts),
        parts=tuple(parts),
        held=held,
        recalled=sent.recalled,
    )


T = TypeVar("T")


def _last(path: Sequence[Entry], kind: type[T]) -> T | None:
    return next(
        (entry.event.body for entry in reversed(path) if isinstance(entry.event.body, kind)), None
    )


def _held(window: Window) -> list[Held]:
    """Return the stretches of the window, oldest first."""
    real = window.gauge.real
    found: list[Held] = []
    if window.head_message is not None:
        first, last = window.head.span
        calls = window.head.calls.total()
        how = (
            f"folded into the first message: the task, what you said, {calls} calls in a line each"
        )
        tokens = window.sizes["pinned"] - sum(
            piece.tokens for piece in window.pieces if piece.kind in ("task", "words")
        )
        found.append(Held(first, last, last - first + 1, real(tokens), how))
    stretch: list[Piece] = []
    for piece in [*window.pieces, None]:
        if stretch and (piece is None or _how(piece) != _how(stretch[-1])):
            size = real(sum(one.tokens for one in stretch))
            found.append(
                Held(stretch[0].seq, stretch[-1].seq, len(stretch), size, _how(stretch[-1]))
            )
            stretch = []
        if piece is not None:
            stretch.append(piece)
    return found


_HOW = {
    "whole": "word for word",
    "cut": "cut where it was long for this window",
    "stub": "stubs: head, tail and error lines",
    "short": "one line each, arguments and texts cut short",
    "new": "word for word",
}


def _how(piece: Piece) -> str:
    if piece.kind == "task":
        return "pinned: the task"
    if piece.kind == "words":
        return "pinned: said by you"
    return _HOW[piece.state if piece.wanted in ("whole", "new") else piece.wanted]
