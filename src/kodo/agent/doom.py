"""Doom loops: the same call with the same result, or a reply that repeats itself.

The first alarm nudges the model, the second ends the run. Knows only names, arguments,
results and which files were changed.
"""

import re
from collections import Counter
from collections.abc import Sequence

from kodo.base.hashing import sha256_hex
from kodo.core.events import FileChange
from kodo.core.messages import ToolCall, ToolResult

NUDGE_AT = 3
STOP_AT = 6

# Seconds, as in the shell tool's last line and in what test runners say, and the name under which
# an output that holds such seconds is kept.
_PASSING = re.compile(r"\d+\.\d+ ?s\b|\n\[the whole output is kept as \w+\]$")


class LoopWatch:
    """Counts identical (call, result) pairs since anything new happened.

    New is a change of files that was not made before: an edit made and unmade in turn is a loop.
    How long a command took makes nothing new.
    """

    __slots__ = ("_counts", "_seen_changes")

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._seen_changes: set[tuple[tuple[str, str | None], ...]] = set()

    def note(self, changes: Sequence[FileChange]) -> None:
        """Note what a call changed; a change that is new begins all counts anew."""
        made = tuple((change.path, change.after) for change in changes)
        if made and made not in self._seen_changes:
            self._seen_changes.add(made)
            self._counts.clear()

    def see(self, call: ToolCall, result: ToolResult) -> str | None:
        """Note a call and its result. Returns None, `nudge` or `stop`."""
        key = _key(call, result)
        self._counts[key] += 1
        count = self._counts[key]
        if count >= STOP_AT:
            return "stop"
        return "nudge" if count >= NUDGE_AT else None

    def count(self, call: ToolCall, result: ToolResult) -> int:
        """Return how often this call has given this result."""
        return self._counts[_key(call, result)]


def _key(call: ToolCall, result: ToolResult) -> str:
    text = result.text
    if call.name == "shell":
        text = _PASSING.sub("", text)
    return sha256_hex(f"{call.name}\0{call.arguments}\0{result.outcome}\0{text}".encode())


NUDGE = (
    "\n\n[kodo] The same call has now given the same result {count} times. "
    "Do something different, or end with what you know."
)
