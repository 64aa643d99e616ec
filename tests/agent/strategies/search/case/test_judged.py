"""Checks of edits judge what a search found before it is taken."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import pytest

from kodo.core.check import Change, Finding, Verdict
from kodo.core.events import FindingRaised
from tests.agent.strategies.search.bench import Bench, RuleModel

pytestmark = pytest.mark.anyio

CLAMP = {
    "clamp.py": (
        "def above(value, most):\n    if value > 0:\n        return most\n    return value\n"
    ),
    "test_clamp.py": (
        "from clamp import above\n\n\ndef test_above():\n    assert above(9, 5) == 5\n\n\n"
        "def test_below():\n    assert above(3, 5) == 3\n\n\n"
        "def test_zero():\n    assert above(0, 5) == 0\n"
    ),
}


class Refusing:
    """Blocks every edit whose result holds `word`; "" blocks all."""

    name = "refusing"
    when: Literal["edit", "finish"] = "edit"

    def __init__(self, word: str) -> None:
        self.word = word

    async def run(self, changes: Sequence[Change]) -> Verdict:
        found = [
            Finding(change.path, 2, f"no {self.word}", "words", "error")
            for change in changes
            if not self.word or self.word.encode() in (change.after or b"")
        ]
        return Verdict("block" if found else "pass", tuple(found))


async def test_the_next_candidate_is_taken_where_a_check_blocks_one(workspace: Path) -> None:
    bench = Bench(workspace, CLAMP, RuleModel(lambda _prompt: "no idea"))
    bench.agent.checks = (Refusing("value > most"),)
    ended = await bench.play("above(3, 5) gives 5. Fix clamp.py.")
    assert ended.outcome == "verified"
    assert "value > most" not in bench.read("clamp.py")
    assert "a check blocks it: clamp.py:2: no value > most [words]" in bench.notes()
    assert any(isinstance(body, FindingRaised) for body in bench.stored())


async def test_a_search_whose_every_pass_is_blocked_says_so(workspace: Path) -> None:
    bench = Bench(workspace, CLAMP, RuleModel(lambda _prompt: "no idea"), seconds=30)
    bench.agent.checks = (Refusing(""),)
    ended = await bench.play("above(3, 5) gives 5. Fix clamp.py.")
    assert ended.outcome == "failed"
    assert bench.read("clamp.py") == CLAMP["clamp.py"]
    assert "a check blocks them: clamp.py:2: no " in ended.summary
