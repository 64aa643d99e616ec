"""Trials that patch loaded functions say what trials that import anew say."""

import sys
from pathlib import Path

import pytest

from kodo.agent.strategies.search.trials.proposal import Proposal, Trial
from kodo.agent.strategies.search.trials.python.ground import PythonGround, PythonPlan
from tests.agent.strategies.search.bench import Bench, RuleModel

pytestmark = pytest.mark.anyio

CODE = '''"""A module."""

LIMIT = 3


def decorate(function):
    def inner(*values):
        return function(*values)

    return inner


@decorate
def twice(x):
    return x + x + 1


class Base:
    def name(self):
        return "base"


class Box(Base):
    scale = 2

    def __init__(self, width, height=1):
        self.width, self.height = width, height

    @property
    def area(self):
        return self.width + self.height

    def name(self):
        return super().name() + "box"

    def scaled(self):
        return [v * self.scale for v in (self.width, self.height)]
'''
TESTS = """from box import Box, twice, LIMIT


def test_twice():
    assert twice(4) == 8


def test_area():
    assert Box(2, 3).area == 6


def test_name():
    assert Box(1).name() == "base-box"


def test_limit():
    assert LIMIT == 4


def test_scaled():
    assert Box(2, 3).scaled() == [4, 6]
"""
EDITS = {
    "decorated": ("x + x + 1", "x + x", "test_twice"),
    "property": ("self.width + self.height", "self.width * self.height", "test_area"),
    "super": ('super().name() + "box"', 'super().name() + "-box"', "test_name"),
    "module level": ("LIMIT = 3", "LIMIT = 4", "test_limit"),
    "no help": ("height=1", "height=2", ""),
    "raises": ("self.width + self.height", "self.missing", ""),
    "two lines": ("    return x + x + 1", "    y = x + x\n    return y", "test_twice"),
    "does not compile": ("return x + x + 1", "return x +", ""),
    "breaks what passed": ("v * self.scale", "v * self.scale + 1", ""),
}


@pytest.mark.parametrize("framework", ["pytest", "unittest"])
async def test_patched_and_imported_trials_agree(workspace: Path, framework: str) -> None:
    tests = TESTS
    if framework == "unittest":
        body = "\n".join("    " + line for line in TESTS.split("\n")[2:]).replace(
            "()", "(self)", 99
        )
        body = body.replace(".name(self)", ".name()").replace(".scaled(self)", ".scaled()")
        tests = (
            f"import unittest\n{TESTS.splitlines()[0]}\n\n\nclass T(unittest.TestCase):\n{body}\n"
        )
    files = {"box.py": CODE, "test_box.py": tests}
    bench = Bench(workspace, files, RuleModel(lambda _prompt: ""))
    scratch = await bench.agent.open_scratch()
    try:
        ground = PythonGround(scratch, PythonPlan(sys.executable, framework, []), {})
        baseline = await ground.measure(Proposal({}, "baseline"), seconds=30)
        assert (baseline.trial.passed, baseline.trial.failed) == (1, 4)
        first = [test.name for test in baseline.trial.failing]
        for name in first:
            proposals = [
                Proposal({"box.py": CODE.replace(old, new, 1)}, "edit", label)
                for label, (old, new, _) in EDITS.items()
            ]
            together = await ground.try_all(proposals, seconds=60, first=[name])
            alone: list[Trial] = []
            for proposal in proposals:  # fewer than four go the slow way
                alone += await ground.try_all([proposal], seconds=60, first=[name])
            assert len(together) == len(alone) == len(EDITS)
            by_label = {trial.proposal.note: trial for trial in together}
            for trial in alone:
                other = by_label[trial.proposal.note]
                # What passes `name` goes on to the whole suite, and fails something else there.
                fails = [name in [test.name for test in one.failing] for one in (other, trial)]
                assert fails[0] == fails[1], (name, trial.proposal.note)
                assert other.green == trial.green
    finally:
        await scratch.aclose()
