"""The error tree is what its picture says."""

import inspect
import re

from kodo.base import errors


def test_the_picture_shows_the_tree() -> None:
    parents: list[str] = []
    drawn: dict[str, str] = {}
    for line in (errors.__doc__ or "").splitlines():
        if match := re.match(r"([│ ]*)[├└]── (\w+)", line):
            depth = len(match[1]) // 4
            parents[depth:] = [match[2]]
            drawn[match[2]] = parents[depth - 1] if depth else "KodoError"
    real = {
        name: kind.__mro__[1].__name__
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if kind is not errors.KodoError
    }
    assert drawn == real


def test_model_errors_tell_whether_to_try_again() -> None:
    assert not errors.ModelError("x").retryable
    busy = errors.Overloaded("x", retry_after_s=2.5, status=429)
    assert (busy.retryable, busy.retry_after_s, busy.status) == (True, 2.5, 429)
    assert errors.LimitReached("tokens", "x").limit == "tokens"
