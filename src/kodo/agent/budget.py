"""The budget of a run: one account for the loop, strategies, tools and (later) subagents.

Guards that nothing is spent past a limit: calls are counted, tokens and money held, before they
are spent, and given back after. Does not know who spends.
"""

from collections.abc import Generator
from contextlib import contextmanager

from kodo.base.clock import Monotonic, monotonic_s
from kodo.base.errors import LimitReached
from kodo.core.limits import Limits, Spent
from kodo.core.messages import Usage
from kodo.core.model import Price

NEAR = 0.8


class RunBudget:
    """Implements `kodo.core.limits.Budget` over a monotonic clock."""

    __slots__ = (
        "_clock",
        "_held_tokens",
        "_held_usd",
        "_limits",
        "_model_calls",
        "_processes",
        "_started",
        "_told",
        "_tool_calls",
        "_usage",
    )

    def __init__(self, limits: Limits, clock: Monotonic = monotonic_s) -> None:
        self._limits = limits
        self._clock = clock
        self._started = clock()
        self._model_calls = 0
        self._tool_calls = 0
        self._processes = 0
        self._usage = Usage()
        self._told: set[str] = set()
        self._held_tokens = 0
        self._held_usd = 0.0

    @property
    def limits(self) -> Limits:
        """The limits this budget was made with."""
        return self._limits

    def spent(self) -> Spent:
        """Return what has been used so far."""
        return Spent(
            model_calls=self._model_calls,
            tool_calls=self._tool_calls,
            processes=self._processes,
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

    def reserve_process(self) -> None:
        """Count one command before it is started. Raises LimitReached instead, when spent."""
        self._refuse_at("processes", self._processes, self._limits.processes)
        self._processes += 1

    @contextmanager
    def hold(
        self, input_tokens: int, output_tokens: int, price: Price | None = None
    ) -> Generator[int]:
        """Count a model call and keep what it may take from others; yields its output tokens.

        Calls that run beside each other cannot spend the same money: each holds its share until it
        has ended, and gives it back then. `input_tokens` is an estimate, `output_tokens` the most
        that is wanted; what is yielded is less where the budget has less left. Raises LimitReached
        before anything is sent.
        """
        self.reserve_model_call()
        allowed = output_tokens
        if self._limits.tokens is not None:
            used = self._usage.input_tokens + self._usage.output_tokens + self._held_tokens
            left = self._limits.tokens - used - input_tokens
            if left <= 0:
                self._model_calls -= 1
                raise _reached("tokens", used + input_tokens, self._limits.tokens)
            allowed = min(allowed, left)
        if self._limits.cost_usd is not None and price is not None:
            spent = (self._usage.cost_usd or 0.0) + self._held_usd
            first = input_tokens * price.input_usd / 1e6
            left_usd = self._limits.cost_usd - spent - first
            if left_usd < 0 or (left_usd == 0 and first + price.output_usd > 0):
                self._model_calls -= 1
                raise _reached("cost_usd", spent + first, self._limits.cost_usd)
            if price.output_usd > 0:
                allowed = min(allowed, int(left_usd / price.output_usd * 1e6))
            if allowed <= 0:
                self._model_calls -= 1
                raise _reached("cost_usd", spent + first, self._limits.cost_usd)
        tokens = input_tokens + allowed
        usd = 0.0
        if price is not None:
            usd = (input_tokens * price.input_usd + allowed * price.output_usd) / 1e6
        self._held_tokens += tokens
        self._held_usd += usd
        try:
            yield allowed
        finally:
            self._held_tokens -= tokens
            self._held_usd -= usd

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
            "processes": float(self._processes),
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
