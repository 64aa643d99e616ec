"""Time as an argument: wall time is aware UTC, durations come from a monotonic clock."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

Now = Callable[[], datetime]
Monotonic = Callable[[], float]


def utc_now() -> datetime:
    """Return the wall-clock time, aware, in UTC."""
    return datetime.now(UTC)


monotonic_s: Monotonic = time.monotonic
"""Seconds since an arbitrary instant; never goes back."""
