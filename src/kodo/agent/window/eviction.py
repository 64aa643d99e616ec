"""What gives way when the window gets full: the oldest first, and of that the least dear first.

Results become stubs, then replies are cut short, then whole exchanges are folded into the first
message; only when all that is old has gone is it the turn of what is recent, and the newest results
come last. Guards that a call and its results leave together.
"""

from collections.abc import Sequence

import msgspec

from kodo.agent.window.head import SHARE
from kodo.agent.window.pieces import Marks, Piece, State, render, state_under
from kodo.agent.window.tokens import message_tokens
from kodo.core.messages import Assistant

_FAR_TOO_MUCH = 8
_LINE_TOKENS = 24  # what one folded call leaves behind in the first message


class Draft:
    """Marks that move forward, and the tokens that the window would have under them."""

    __slots__ = (
        *("_began", "_changed", "_costs", "_folded", "_head_room", "_marks", "_pieces"),
        *("_pinned_plan", "_target", "used"),
    )

    def __init__(
        self,
        pieces: Sequence[Piece],
        marks: Marks,
        head_tokens: int,
        target_tokens: float,
        *,
        resized: bool,
    ) -> None:
        self._pieces = pieces
        self._began = self._marks = marks
        self._changed = False
        self._folded = 0
        self._pinned_plan = newest_plan(pieces)
        self._target = target_tokens
        self._costs = [
            message_tokens(render(piece, piece.wanted, marks)) if resized else piece.tokens
            for piece in pieces
        ]
        self._head_room = max(0.0, marks.window_tokens * SHARE - head_tokens)
        self.used: float = sum(self._costs) + head_tokens

    def plan(self, recent_tokens: float) -> Marks:
        """Return the marks moved until the target is reached or nothing is left to give."""
        newest = self._newest()
        recent = self._recent(newest, recent_tokens)
        if self.used > _FAR_TOO_MUCH * self._target:
            # A long past meets a small window: what is to be folded anyway needs no stub before.
            target, self._target = self._target, _FAR_TOO_MUCH * self._target
            self._fold(recent)
            self._target = target
        for limit in (recent, newest, len(self._pieces)):
            self._lower("stub", limit)
            self._lower("short", limit)
            self._fold(min(limit, newest))
        return self._marks if self._changed else self._began

    def _newest(self) -> int:
        """Return where the newest exchange begins: the last reply, or what was said after it."""
        for at in range(len(self._pieces) - 1, -1, -1):
            message = self._pieces[at].message
            if isinstance(message, Assistant):
                return at if message.calls else min(at + 1, len(self._pieces) - 1)
        return max(0, len(self._pieces) - 1)

    def _recent(self, newest: int, recent_tokens: float) -> int:
        left = recent_tokens
        at = newest
        while at > 0 and left >= self._costs[at - 1]:
            left -= self._costs[at - 1]
            at -= 1
        while at < newest and self._pieces[at].kind == "result":
            at += 1
        return at

    def _lower(self, state: State, limit: int) -> None:
        for at in range(limit):
            if self.used <= self._target:
                return
            piece = self._pieces[at]
            to = piece.seq + 1
            if state == "stub" and to > self._marks.stubbed_to:
                self._marks = msgspec.structs.replace(self._marks, stubbed_to=to)
            elif state == "short" and to > self._marks.shortened_to:
                self._marks = msgspec.structs.replace(self._marks, shortened_to=to)
            else:
                continue
            wanted = state_under(piece, self._marks, self._pinned_plan)
            if wanted != piece.wanted:
                self._set_cost(at, message_tokens(render(piece, wanted, self._marks)))

    def _fold(self, limit: int) -> None:
        begun = self._folded
        for at in range(begun, limit):
            ends = at + 1 == len(self._pieces) or self._pieces[at + 1].kind != "result"
            if not ends:
                continue
            if self.used <= self._target:
                return
            for place in range(begun, at + 1):
                self._set_cost(place, self._folded_cost(self._pieces[place], self._costs[place]))
            begun = self._folded = at + 1
            to = self._pieces[at].seq + 1
            self._marks = msgspec.structs.replace(
                self._marks,
                folded_to=to,
                shortened_to=max(to, self._marks.shortened_to),
                stubbed_to=max(to, self._marks.stubbed_to),
            )

    def _folded_cost(self, piece: Piece, tokens: int) -> int:
        if piece.kind in ("task", "words"):
            cost = min(tokens, int(self._marks.window_tokens * SHARE / 2))
        else:
            cost = min(tokens, _LINE_TOKENS if piece.kind != "harness" else 0)
        cost = min(cost, int(self._head_room))
        self._head_room -= cost
        return cost

    def _set_cost(self, at: int, tokens: int) -> None:
        self._changed = self._changed or tokens != self._costs[at]
        self.used += tokens - self._costs[at]
        self._costs[at] = tokens


def newest_plan(pieces: Sequence[Piece]) -> int:
    """Return the `seq` of the newest plan among pieces, which stays as it is; 0 without one."""
    return next((piece.seq for piece in reversed(pieces) if piece.is_plan()), 0)
