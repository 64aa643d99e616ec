"""How long to wait before another try."""

from datetime import UTC, datetime

import pytest

from kodo.models.retry import RetryPlan, retry_after_s

NOW = datetime(2026, 11, 22, 18, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "20"}, 20),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "Sun, 22 Nov 2026 18:00:30 GMT"}, 30),
        ({"retry-after": "Sun, 22 Nov 2026 17:00:00 GMT"}, 0),
        ({"retry-after": "-3"}, 0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_as_seconds_or_date(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert retry_after_s(headers, lambda: NOW) == seconds


def test_waits_double_up_to_a_cap_and_end() -> None:
    plan = RetryPlan(max_retries=4, base_wait_s=1, cap_wait_s=5)
    assert [plan.wait_s(n, None, lambda: 1.0) for n in (1, 2, 3, 4, 5)] == [1, 2, 4, 5, None]
    assert plan.wait_s(1, None, lambda: 0.0) == 0.5


def test_what_is_asked_is_the_least_and_too_much_is_given_up() -> None:
    plan = RetryPlan(max_asked_wait_s=60)
    assert plan.wait_s(1, 10, lambda: 0.0) == 10
    assert 10 < (plan.wait_s(1, 10, lambda: 1.0) or 0) <= 11
    assert plan.wait_s(1, 61, lambda: 0.0) is None
