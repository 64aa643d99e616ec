"""When and how long to wait before a model call is tried again.

Knows nothing of HTTP clients or providers. Guards providers against a herd: waits grow and vary.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime

import msgspec

from kodo.base.clock import Now
from kodo.core.events import Retrying

OnRetry = Callable[[Retrying], Awaitable[None]]
Random = Callable[[], float]
HTTP_DATE = "%a, %d %b %Y %H:%M:%S GMT"  # the one form that RFC 9110 lets servers send

Sleep = Callable[[float], Awaitable[None]]


class RetryPlan(msgspec.Struct, frozen=True):
    """How often and how long: waits grow by two from `base_wait_s` and stay under `cap_wait_s`.

    Where a provider asks for a longer wait than `max_asked_wait_s`, the call is given up at once
    and the caller learns `retry_after_s`.
    """

    max_retries: int = 5
    base_wait_s: float = 0.5
    cap_wait_s: float = 30.0
    max_asked_wait_s: float = 120.0

    def wait_s(self, retry: int, asked_s: float | None, random: Random) -> float | None:
        """Return the wait before retry number `retry` (from 1), or None to give up.

        What the provider asked for is the least; up to a quarter of jitter is added to it.
        """
        if retry > self.max_retries:
            return None
        if asked_s is not None:
            if asked_s > self.max_asked_wait_s:
                return None
            return asked_s + 0.25 * random() * min(asked_s, 4.0)
        full: float = min(self.cap_wait_s, self.base_wait_s * 2.0 ** (retry - 1))
        return full * (0.5 + 0.5 * random())


def retry_after_s(headers: Mapping[str, str], now: Now) -> float | None:
    """Return the seconds that `retry-after-ms` or `retry-after` (seconds or date) ask for.

    None where neither is there or readable; never negative.
    """
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        value = headers.get(name, "").strip()
        if not value:
            continue
        try:
            seconds = float(value) / unit
        except ValueError:
            try:
                date = datetime.strptime(value, HTTP_DATE).replace(tzinfo=UTC)
            except ValueError:
                continue
            seconds = (date - now()).total_seconds()
        if seconds == seconds and seconds != float("inf"):  # neither NaN nor endless
            return max(0.0, seconds)
    return None
