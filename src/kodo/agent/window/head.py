"""The first message of a window whose beginning was folded away: what must never be forgotten.

The task, what the person said since, the plan, and what was done, one line a call. Guards that the
task and its rules are there however small the window; what is cut says so, with its reference.
"""

from collections import Counter, deque

from kodo.agent.window.excerpts import clipped
from kodo.agent.window.pieces import HARNESS, PLAN, Piece
from kodo.agent.window.stubs import outcome_of, short_words
from kodo.agent.window.tokens import BYTES_A_TOKEN
from kodo.core.messages import Assistant, Image, Message, Text, ToolResult, User, UserPart

SHARE = 0.16  # of the window, at most
_TASK, _PLAN, _WORDS, _DONE = 0.5, 0.3, 0.5, 0.5  # of what is left of it, in this order
_LINES_KEPT = 200

OPENING = (
    HARNESS + "The beginning of this session has left the window to save room. Nothing is lost: "
    "recall(ref) brings any of it back word for word, search(query) finds it."
)


class Head:
    """What was folded, in the order in which it was."""

    __slots__ = ("_calls", "_first", "_last", "_lines", "_plan", "_tasks", "_words")

    def __init__(self) -> None:
        self._tasks: list[Piece] = []
        self._words: list[Piece] = []
        self._plan: Piece | None = None
        self._lines: deque[str] = deque(maxlen=_LINES_KEPT)
        self._calls: Counter[str] = Counter()
        self._first = self._last = 0

    @property
    def empty(self) -> bool:
        """Whether nothing was folded."""
        return self._last == 0

    @property
    def span(self) -> tuple[int, int]:
        """The first and the last `seq` that were folded; (0, 0) while empty."""
        return self._first, self._last

    @property
    def calls(self) -> Counter[str]:
        """How many calls of each tool were folded."""
        return self._calls

    def fold(self, piece: Piece) -> None:
        """Take in the piece that follows the last one folded."""
        self._first = self._first or piece.seq
        self._last = piece.seq
        match piece.kind:
            case "task":
                self._tasks.append(piece)
            case "words":
                self._words.append(piece)
            case "result" if isinstance(piece.message, ToolResult):
                self._calls[piece.message.name] += 1
                if piece.message.name == PLAN and piece.message.outcome == "ok":
                    self._plan = piece
                self._lines.append(_result_line(piece, piece.message))
            case "reply" if isinstance(piece.message, Assistant) and piece.message.text.strip():
                said = clipped(" ".join(piece.message.text.split()), 100)
                self._lines.append(f"{piece.ref} you said: {said}")
            case _:
                pass

    def message(self, window_tokens: int) -> User:
        """Return the head for a window of so many tokens."""
        left = window_tokens * SHARE * BYTES_A_TOKEN
        parts: list[str] = [OPENING]
        pictures: list[UserPart] = []
        for piece, title in self._goals():
            text = f"## {title} ({piece.ref})\n{_text(piece, left * _TASK)}"
            parts.append(text)
            left -= len(text)
            pictures += [part for part in piece.message.parts if isinstance(part, Image)][-2:]
        if self._plan is not None:
            text = f"## Your plan ({self._plan.ref})\n{_text(self._plan, left * _PLAN)}"
            parts.append(text)
            left -= len(text)
        if self._words:
            text = self._said(left * _WORDS)
            parts.append(text)
            left -= len(text)
        if self._lines:
            parts.append(self._done(left * _DONE))
        return User((Text("\n\n".join(parts)), *pictures))

    def _goals(self) -> list[tuple[Piece, str]]:
        """Return the first task and, where there were several, the newest one folded."""
        goals = [(self._tasks[0], "The task")] if self._tasks else []
        if len(self._tasks) > 1:
            goals[0] = (self._tasks[0], "The first task")
            goals.append((self._tasks[-1], "The latest task of those"))
        return goals

    def _said(self, budget_bytes: float) -> str:
        """Return what the person said, newest whole, older shorter; none is passed over unsaid."""
        words = [*self._tasks[1:-1], *self._words]
        words.sort(key=lambda piece: piece.seq)
        each = max(80.0, budget_bytes / (2 * len(words)))
        shown: deque[str] = deque()
        left = budget_bytes
        for count, piece in enumerate(reversed(words)):
            text = f"- {piece.ref}: {_text(piece, max(each, left / 3))}"
            if len(text) > left and count:
                shown.appendleft(
                    f"- and {len(words) - count} earlier ones, from {words[0].ref} on: "
                    'search("...", kind="user") finds them'
                )
                break
            shown.appendleft(text)
            left -= len(text)
        return "## What the user said since\n" + "\n".join(shown)

    def _done(self, budget_bytes: float) -> str:
        """Return one line for each of the last calls, and how many there were before."""
        shown: deque[str] = deque()
        left = budget_bytes - 160
        for line in reversed(self._lines):
            left -= len(line) + 1
            if left < 0:
                break
            shown.appendleft(line)
        tools = ", ".join(f"{name} {count}" for name, count in self._calls.most_common(6))
        title = f"## What was done (e{self._first} to e{self._last})"
        calls = f"{self._calls.total()} calls ({tools})" if self._calls else "no calls"
        end = "; the last of them:" if shown else ""
        return "\n".join((title, f"{calls}{end}", *shown))


def _text(piece: Piece, limit_bytes: float) -> str:
    return short_words(_words(piece.message), piece.ref, limit_bytes)


def _words(message: Message) -> str:
    return "\n".join(part.text for part in message.parts if isinstance(part, Text)).strip()


def _result_line(piece: Piece, result: ToolResult) -> str:
    lines = result.text.count("\n") + 1
    size = f"{lines} lines" if lines > 1 else clipped(" ".join(result.text.split()), 60)
    ended = ", ".join(filter(None, (outcome_of(result), size)))
    return f"{piece.ref} {clipped(piece.title or result.name, 90)} → {ended}"
