"""How fast this host reads prompts, measured while a model tells how far it has read.

Knows progress reports and a clock. Guards against guesses: no report, no rate.
"""

from kodo.base.clock import Monotonic, monotonic_s
from kodo.core.messages import Delta

_LEAST_TOKENS = 64
_LEAST_S = 0.05


class Pace:
    """The rate of the newest prompt whose reading was reported; None until there is one."""

    __slots__ = ("_clock", "_done", "_first", "_since_s", "_until_s", "tokens_per_s")

    def __init__(self, clock: Monotonic = monotonic_s) -> None:
        self._clock = clock
        self._first = self._done = 0
        self._since_s = self._until_s = 0.0
        self.tokens_per_s: float | None = None

    def begin(self) -> None:
        """Note that a prompt was sent."""
        self._first = self._done = 0
        self._since_s = 0.0

    def take(self, delta: Delta) -> None:
        """Follow a call's deltas: reports of reading, then the first word of the reply."""
        if delta.kind == "prefill":
            now = self._clock()
            if not self._since_s:
                self._since_s, self._first = now, delta.done
            self._done, self._until_s = delta.done, now
            self._settle()

    def _settle(self) -> None:
        tokens, seconds = self._done - self._first, self._until_s - self._since_s
        if tokens >= _LEAST_TOKENS and seconds >= _LEAST_S:
            self.tokens_per_s = tokens / seconds
