"""Doom loops: the same call with the same result, or a reply that repeats itself.

The first alarm nudges the model, the second ends the run. Knows only names, arguments and
results.
"""

from collections import Counter

from kodo.base.hashing import sha256_hex
from kodo.core.messages import ToolCall, ToolResult

NUDGE_AT = 3
STOP_AT = 6


class LoopWatch:
    """Counts identical (call, result) pairs since anything new happened."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def see(self, call: ToolCall, result: ToolResult) -> str | None:
        """Note a call and its result. Returns None, `nudge` or `stop`."""
        key = sha256_hex(f"{call.name}\0{call.arguments}\0{result.outcome}\0{result.text}".encode())
        self._counts[key] += 1
        count = self._counts[key]
        if count >= STOP_AT:
            return "stop"
        return "nudge" if count >= NUDGE_AT else None


NUDGE = (
    "\n\n[kodo] This is the {count}th time the same call gave the same result. "
    "Do something different, or end with what you know."
)
