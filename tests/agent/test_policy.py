"""The policy: what the jail contains runs unasked, the rest is asked or denied with a reason."""

from typing import Literal

import pytest

from kodo.agent.policy import CONTAINS_EXEC, judge
from kodo.core.sandbox import Guarantee
from kodo.core.tool import Effect
from kodo.sandboxes.memory import Memory
from tests.agent.stage import MadeTool

JAIL = frozenset[Guarantee](CONTAINS_EXEC)
NOTHING = frozenset[Guarantee]()


class Rung(Memory):
    """A sandbox that declares what the test says."""

    def __init__(self, guarantees: frozenset[Guarantee]) -> None:
        super().__init__()
        self._declared = guarantees

    @property
    def guarantees(self) -> frozenset[Guarantee]:
        return self._declared


def decide(
    effect: Effect,
    guarantees: frozenset[Guarantee],
    *,
    allow_net: bool = False,
    mode: Literal["ask", "auto"] = "auto",
    trusted: bool = False,
) -> tuple[str, str]:
    sandbox = Rung(guarantees)
    tool = MadeTool("t", effect=effect)
    ruling = judge(tool, sandbox, allow_net=allow_net, mode=mode, trusted=trusted)
    return ruling.decision, ruling.reason


@pytest.mark.parametrize("effect", ["read", "write"])
@pytest.mark.parametrize("mode", ["ask", "auto"])
def test_reading_and_editing_are_never_asked(effect: Effect, mode: Literal["ask", "auto"]) -> None:
    assert decide(effect, NOTHING, mode=mode) == ("allow", "")


@pytest.mark.parametrize("mode", ["ask", "auto"])
def test_commands_run_in_a_jail_that_contains_them(mode: Literal["ask", "auto"]) -> None:
    assert decide("exec", JAIL, mode=mode) == ("allow", "")


@pytest.mark.parametrize("missing", sorted(CONTAINS_EXEC))
def test_one_missing_guarantee_is_enough_to_ask(missing: Guarantee) -> None:
    decision, reason = decide("exec", JAIL - {missing})
    assert decision == "ask"
    assert "--rung local" in reason


def test_with_the_network_allowed_the_jail_need_not_deny_it() -> None:
    held = frozenset[Guarantee]({"write_outside_denied"})
    assert decide("exec", held, allow_net=True) == ("allow", "")
    assert decide("exec", NOTHING, allow_net=True)[0] == "ask"


def test_a_rung_that_the_user_chose_is_trusted_in_auto_mode_only() -> None:
    assert decide("exec", NOTHING, trusted=True) == ("allow", "")
    assert decide("exec", NOTHING, trusted=True, mode="ask")[0] == "ask"


def test_the_network_is_denied_with_the_way_out() -> None:
    decision, reason = decide("net", JAIL)
    assert decision == "deny"
    assert "--allow-host" in reason
    assert decide("net", JAIL, allow_net=True) == ("allow", "")
