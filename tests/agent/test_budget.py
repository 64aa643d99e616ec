"""The budget: each limit refuses before it is passed, and says how to raise it."""

import pytest

from kodo.agent.budget import RunBudget
from kodo.base.errors import LimitReached
from kodo.core.limits import Limits
from kodo.core.messages import Usage
from kodo.core.model import Price


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_without_limits_nothing_is_refused_and_all_is_counted() -> None:
    clock = Clock()
    budget = RunBudget(Limits(), clock)
    for _ in range(1000):
        budget.reserve_model_call()
        budget.reserve_tool_call()
    budget.charge(Usage(10**9, 0, 10**9))
    clock.now_s += 10**6
    budget.check()
    spent = budget.spent()
    assert (spent.model_calls, spent.tool_calls, spent.seconds) == (1000, 1000, 10**6)
    assert budget.seconds_left() is None
    assert budget.newly_near() == []


def test_model_calls_are_counted_before_they_are_made() -> None:
    budget = RunBudget(Limits(model_calls=2))
    budget.reserve_model_call()
    budget.reserve_model_call()
    with pytest.raises(LimitReached, match=r"limit of 2 model_calls.*--budget-model-calls") as hit:
        budget.reserve_model_call()
    assert hit.value.limit == "model_calls"
    assert budget.spent().model_calls == 2
    budget.reserve_tool_call()  # the other counts go on


def test_tool_calls_are_counted_before_they_are_made() -> None:
    budget = RunBudget(Limits(tool_calls=1))
    budget.reserve_tool_call()
    with pytest.raises(LimitReached, match="--budget-tool-calls") as hit:
        budget.reserve_tool_call()
    assert hit.value.limit == "tool_calls"
    assert budget.spent().tool_calls == 1


def test_a_limit_of_none_at_all_refuses_the_first() -> None:
    budget = RunBudget(Limits(model_calls=0, tool_calls=0))
    with pytest.raises(LimitReached):
        budget.reserve_model_call()
    with pytest.raises(LimitReached):
        budget.reserve_tool_call()


def test_tokens_of_both_kinds_count_together() -> None:
    budget = RunBudget(Limits(tokens=100))
    budget.charge(Usage(input_tokens=60, cached_tokens=50, output_tokens=39, reasoning_tokens=30))
    budget.reserve_model_call()
    budget.charge(Usage(input_tokens=1))
    with pytest.raises(LimitReached, match=r"100 tokens.*--budget-tokens") as hit:
        budget.reserve_model_call()
    assert hit.value.limit == "tokens"
    assert budget.spent().model_calls == 1


def test_money_is_summed_over_calls() -> None:
    budget = RunBudget(Limits(cost_usd=1.0))
    budget.charge(Usage(10, 0, 10, cost_usd=0.6))
    budget.check()
    budget.charge(Usage(10, 0, 10, cost_usd=0.4))
    with pytest.raises(LimitReached, match=r"1 cost_usd is reached.*--budget-usd") as hit:
        budget.check()
    assert hit.value.limit == "cost_usd"


def test_a_cost_limit_cannot_be_kept_with_an_unknown_price() -> None:
    budget = RunBudget(Limits(cost_usd=1.0))
    budget.reserve_model_call()  # nothing is known before the first reply
    budget.charge(Usage(10, 0, 10))
    with pytest.raises(LimitReached, match="the price of this model is unknown") as hit:
        budget.reserve_model_call()
    assert hit.value.limit == "cost_usd"


def test_one_unpriced_call_among_priced_ones_is_not_free() -> None:
    budget = RunBudget(Limits(cost_usd=1.0))
    budget.charge(Usage(10, 0, 10, cost_usd=0.1))
    budget.charge(Usage(10, 0, 10))
    assert budget.spent().usage.cost_usd is None
    with pytest.raises(LimitReached, match="unknown"):
        budget.check()


def test_time_ends_calls_of_both_kinds() -> None:
    clock = Clock()
    budget = RunBudget(Limits(seconds=10), clock)
    clock.now_s += 9.5
    budget.reserve_model_call()
    assert budget.seconds_left() == pytest.approx(0.5)
    clock.now_s += 2
    assert budget.seconds_left() == 0
    for reserve in (budget.reserve_model_call, budget.reserve_tool_call, budget.check):
        with pytest.raises(LimitReached, match="--budget-seconds") as hit:
            reserve()
        assert hit.value.limit == "seconds"


def test_work_cut_off_by_time_is_told_as_the_limit() -> None:
    clock = Clock()
    budget = RunBudget(Limits(seconds=10), clock)
    clock.now_s += 9.999  # the timer that cut may run ahead of this clock
    error = budget.out_of_time()
    assert error.limit == "seconds"
    assert str(error).startswith("the limit of 10 seconds is reached (used 10); raise it with")


def test_each_limit_is_told_once_when_four_fifths_are_spent() -> None:
    clock = Clock()
    budget = RunBudget(
        Limits(model_calls=5, tokens=100, cost_usd=2.0, seconds=50, tool_calls=5), clock
    )
    assert budget.newly_near() == []
    for _ in range(3):
        budget.reserve_model_call()
        budget.reserve_tool_call()
    assert budget.newly_near() == []
    budget.reserve_model_call()
    assert budget.newly_near() == [("model_calls", 4.0, 5.0)]
    budget.reserve_tool_call()
    budget.charge(Usage(70, 0, 10, cost_usd=1.6))
    clock.now_s += 40
    assert budget.newly_near() == [
        ("tool_calls", 4.0, 5.0),
        ("tokens", 80.0, 100.0),
        ("cost_usd", 1.6, 2.0),
        ("seconds", 40.0, 50.0),
    ]
    budget.reserve_model_call()
    assert budget.newly_near() == []


def test_calls_beside_each_other_cannot_spend_the_same_tokens() -> None:
    budget = RunBudget(Limits(tokens=100))
    with budget.hold(40, 30) as first, budget.hold(10, 50) as second:
        assert (first, second) == (30, 20)
        with pytest.raises(LimitReached) as error, budget.hold(1, 1):
            pass
        assert error.value.limit == "tokens"
    assert budget.spent().model_calls == 2
    with budget.hold(90, 50) as again:
        assert again == 10


def test_a_call_gets_no_more_output_than_the_money_left_pays_for() -> None:
    budget = RunBudget(Limits(cost_usd=1.0))
    price = Price(input_usd=1.0, output_usd=10.0)
    with budget.hold(500_000, 1_000_000, price) as allowed:
        assert allowed == 50_000
        with pytest.raises(LimitReached), budget.hold(1, 1, price):
            pass


def test_no_money_means_that_a_paid_model_is_not_asked_once() -> None:
    budget = RunBudget(Limits(cost_usd=0.0))
    with pytest.raises(LimitReached), budget.hold(10, 10, Price(1.0, 1.0)):
        pass
    with budget.hold(10, 10, Price(0.0, 0.0)) as allowed:
        assert allowed == 10
    assert budget.spent().model_calls == 1


def test_commands_are_counted_before_they_start() -> None:
    budget = RunBudget(Limits(processes=2))
    budget.reserve_process()
    budget.reserve_process()
    with pytest.raises(LimitReached, match="--budget-processes"):
        budget.reserve_process()
    assert budget.spent().processes == 2
