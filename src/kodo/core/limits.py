"""Limits of a run and the port through which everybody spends from the same budget."""

from typing import Protocol

from kodo.core.messages import Usage, Value


class Limits(Value, frozen=True):
    """One budget for the whole tree of a run. None means no limit of that kind.

    `tokens` counts input and output tokens of all model calls; `seconds` is wall time; `processes`
    counts commands that are started in the jail, for tools, checks, hooks and searches.
    """

    model_calls: int | None = None
    tokens: int | None = None
    cost_usd: float | None = None
    seconds: float | None = None
    tool_calls: int | None = None
    processes: int | None = None


class Spent(Value, frozen=True):
    """What has been used so far, in the units of Limits."""

    model_calls: int = 0
    tool_calls: int = 0
    seconds: float = 0
    processes: int = 0
    usage: Usage = Usage()


class Budget(Protocol):
    """The budget of a run, shared by the loop, strategies, tools and subagents."""

    @property
    def limits(self) -> Limits:
        """The limits this budget was made with."""
        ...

    def spent(self) -> Spent:
        """Return what has been used so far."""
        ...

    def reserve_model_call(self) -> None:
        """Count one model call before it is made. Raises LimitReached instead, when spent."""
        ...

    def reserve_tool_call(self) -> None:
        """Count one tool call before it is made. Raises LimitReached instead, when spent."""
        ...

    def charge(self, usage: Usage) -> None:
        """Add what a model call really took."""
        ...

    def seconds_left(self) -> float | None:
        """Return the wall time left in seconds (never negative), or None without a limit."""
        ...
