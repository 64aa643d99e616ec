"""The budget of a run: one account for the loop, strategies, tools and (later) subagents.

Guards that nothing is spent past a limit: calls are counted before they are made, tokens and
money are checked before the next call. Does not know who spends.
"""

from kodo.base.clock import Monotonic, monotonic_s
from kodo.base.errors import LimitReached
from kodo.core.limits import Limits, Spent
from kodo.core.messages import Usage

NEAR = 0.8


class RunBudget:
    """Implements `kodo.core.limits.Budget` over a monotonic clock."""

    __slots__ = ("_clock", "_limits", "_model_calls", "_started", "_told", "_tool_calls", "_usage")

    def __init__(self, limits: Limits, clock: Monotonic = monotonic_s) -> None:
        self._limits = limits
        self._clock = clock
        self._started = clock()
        self._model_calls = 0
        self._tool_calls = 0
        self._usage = Usage()
        self._told: set[str] = set()

    @property
    def limits(self) -> Limits:
        """The limits this budget was made with."""
        return self._limits

    def spent(self) -> Spent:
        """Return what has been used so far."""
        return Spent(
            model_calls=self._model_calls,
            tool_calls=self._tool_calls,
            seconds=self._clock() - self._started,
            usage=self._usage,
        )

    def reserve_model_call(self) -> None:
        """Count one model call before it is made. Raises LimitReached instead, when spent."""
        self.check()
        self._refuse_at("model_calls", self._model_calls, self._limits.model_calls)
        self._model_calls += 1

    def reserve_tool_call(self) -> None:
        """Count one tool call before it is made. Raises LimitReached instead, when spent."""
        self._refuse_at("seconds", self._clock() - self._started, self._limits.seconds)
        self._refuse_at("tool_calls", self._tool_calls, self._limits.tool_calls)
        self._tool_calls += 1

    def charge(self, usage: Usage) -> None:
        """Add what a model call really took."""
        self._usage = self._usage.plus(usage)

    def check(self) -> None:
        """Raise LimitReached where tokens, money or time are spent.

        A cost limit with a model of unknown price cannot be kept, so that is refused as well.
        """
        tokens = self._usage.input_tokens + self._usage.output_tokens
        self._refuse_at("tokens", tokens, self._limits.tokens)
        self._refuse_at("seconds", self._clock() - self._started, self._limits.seconds)
        if self._limits.cost_usd is not None and self._usage != Usage():
            if self._usage.cost_usd is None:
                raise LimitReached(
                    "cost_usd",
                    f"the price of this model is unknown, so a budget of "
                    f"{self._limits.cost_usd} USD cannot be kept; set a price in the config or "
                    f"use --budget-tokens",
                )
            self._refuse_at("cost_usd", self._usage.cost_usd, self._limits.cost_usd)

    def seconds_left(self) -> float | None:
        """Return the wall time left in seconds (never negative), or None without a limit."""
        if self._limits.seconds is None:
            return None
        return max(0.0, self._limits.seconds - (self._clock() - self._started))

    def out_of_time(self) -> LimitReached:
        """Return the error for work that the limit of seconds cut off."""
        value = self._limits.seconds or 0.0
        return _reached("seconds", max(value, self._clock() - self._started), value)

    def newly_near(self) -> list[tuple[str, float, float]]:
        """Return (limit, used, value) for each limit that has just passed four fifths."""
        used = {
            "model_calls": float(self._model_calls),
            "tool_calls": float(self._tool_calls),
            "tokens": float(self._usage.input_tokens + self._usage.output_tokens),
            "cost_usd": self._usage.cost_usd or 0.0,
            "seconds": self._clock() - self._started,
        }
        found: list[tuple[str, float, float]] = []
        for name, amount in used.items():
            value = getattr(self._limits, name)
            if value and amount >= NEAR * value and name not in self._told:
                self._told.add(name)
                found.append((name, amount, float(value)))
        return found

    def _refuse_at(self, name: str, used: float, value: float | None) -> None:
        if value is not None and used >= value:
            raise _reached(name, used, value)


def _reached(name: str, used: float, value: float) -> LimitReached:
    return LimitReached(
        name,
        f"the limit of {value:g} {name} is reached (used {used:g}); "
        f"raise it with --budget-{name.replace('cost_usd', 'usd').replace('_', '-')}",
    )
