"""The measured rate of reading: from reports of one prompt, and only where there are some."""

from collections.abc import Iterator

from kodo.agent.pace import Pace
from kodo.core.messages import Delta


def pace_at(*times: float) -> Pace:
    clock: Iterator[float] = iter(times)
    return Pace(lambda: next(clock))


def read(pace: Pace, *done: int) -> None:
    for tokens in done:
        pace.take(Delta("prefill", done=tokens, total=2_000))


def test_a_rate_comes_from_two_reports_of_one_prompt() -> None:
    pace = pace_at(10.0, 12.0, 14.0)
    assert pace.tokens_per_s is None
    read(pace, 500)  # what the cache had counts as done at once
    assert pace.tokens_per_s is None
    read(pace, 1_500)
    assert pace.tokens_per_s == 500
    pace.take(Delta("text", "x"))
    assert pace.tokens_per_s == 500


def test_each_prompt_is_measured_by_itself() -> None:
    pace = pace_at(10.0, 11.0, 50.0, 52.0)
    read(pace, 0, 1_000)
    pace.begin()
    read(pace, 1_000, 1_200)
    assert pace.tokens_per_s == 100


def test_too_little_to_tell() -> None:
    pace = pace_at(10.0, 10.001, 11.0)
    read(pace, 0, 900)
    assert pace.tokens_per_s is None
    pace = pace_at(10.0, 11.0)
    read(pace, 0, 3)
    assert pace.tokens_per_s is None
