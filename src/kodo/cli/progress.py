"""A progress bar on stderr: bytes, speed, time left; whole lines now and then where no terminal is.

May be called from another thread. Draws nothing more often than ten times a second.
"""

from typing import TextIO

from kodo.base.clock import Monotonic, monotonic_s
from kodo.tui.ansi import CLEAR_LINE
from kodo.tui.words import duration, size

WIDTH = 24
REDRAW_S = 0.1
LINE_EVERY_S = 10.0


class Bar:
    """Shows how far a long transfer is."""

    def __init__(self, stream: TextIO, *, terminal: bool, clock: Monotonic = monotonic_s) -> None:
        self._stream = stream
        self._terminal = terminal
        self._clock = clock
        self._label = ""
        self._began_s = 0.0
        self._began_at = 0
        self._drawn_s = float("-inf")
        self._open = False

    def show(self, label: str, done: int, total: int) -> None:
        """Draw `done` of `total` bytes of the step `label`."""
        now = self._clock()
        if label != self._label:
            self._label, self._began_s, self._began_at = label, now, done
            self._drawn_s = float("-inf")
        if now - self._drawn_s < (REDRAW_S if self._terminal else LINE_EVERY_S):
            return
        self._drawn_s = now
        line = bar_line(label, done, total, self._speed(now, done))
        if self._terminal:
            self._stream.write(CLEAR_LINE + line)
            self._open = True
        else:
            self._stream.write(f"{line}\n")
        self._stream.flush()

    def close(self) -> None:
        """Leave the line clean."""
        if self._open:
            self._stream.write(CLEAR_LINE)
            self._stream.flush()
            self._open = False

    def _speed(self, now: float, done: int) -> float:
        """Return bytes a second since this step began."""
        elapsed = now - self._began_s
        return max(0, done - self._began_at) / elapsed if elapsed > 0.5 else 0.0


def bar_line(label: str, done: int, total: int, bytes_per_s: float) -> str:
    """Return the bar as text. `bytes_per_s` 0 means not known yet."""
    share = min(1.0, done / total) if total else 0.0
    filled = int(share * WIDTH)
    line = f"{label} [{'█' * filled}{'·' * (WIDTH - filled)}] {share:4.0%} {size(done)}"
    if bytes_per_s > 0:
        line += f" · {size(int(bytes_per_s))}/s"
        if done < total:
            line += f" · {duration((total - done) / bytes_per_s)} left"
    return line
