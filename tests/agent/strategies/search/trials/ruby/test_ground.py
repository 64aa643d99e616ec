"""Forks of a Ruby process try proposals, with real minitest."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from kodo.agent.projects.project import detect_project
from kodo.agent.projects.testcommand import TestCommand
from kodo.agent.strategies.search.trials.command import CommandGround
from kodo.agent.strategies.search.trials.proposal import Proposal
from kodo.agent.strategies.search.trials.ruby.ground import RubyGround
from kodo.agent.strategies.search.trials.ruby.plan import RSPEC, RubyPlan, plan_ruby
from kodo.sandboxes.jail import Jail
from kodo.sandboxes.ladder import open_copy

pytestmark = pytest.mark.anyio

CLAMP = """\
def clamp(value, low, high)
  return low if value < low
  return high if value > low
  value
end
"""
TESTS = """\
require "minitest/autorun"
require_relative "../lib/clamp"

class ClampTest < Minitest::Test
  def test_below
    assert_equal 2, clamp(1, 2, 5)
  end

  def test_inside
    assert_equal 3, clamp(3, 2, 5)
    assert_equal 5, clamp(9, 2, 5)
  end
end
"""


def has_minitest() -> bool:
    if shutil.which("ruby") is None:
        return False
    return subprocess.run(["ruby", "-e", "require 'minitest'"], capture_output=True).returncode == 0


@pytest.mark.parametrize(
    ("command", "plan"),
    [
        (
            ("ruby", "-Ilib:.", "-Itest", "test/a.rb", "-v"),
            RubyPlan("test/a.rb", ("-v",), ("lib", ".", "test")),
        ),
        ("rspec spec", RubyPlan("rspec", ("spec",), (), RSPEC, "rspec-core")),
        ("ruby -e 'p 1'", None),
        ("rake test", None),
        ("ruby test/a.rb && ruby test/b.rb", None),
    ],
)
def test_commands(command: tuple[str, ...] | str, plan: RubyPlan | None) -> None:
    assert plan_ruby(TestCommand(command, "ruby")) == plan


@pytest.mark.skipif(not has_minitest(), reason="ruby with minitest is not installed")
async def test_forks_try_proposals(workspace: Path) -> None:
    for path, text in {"lib/clamp.rb": CLAMP, "test/test_clamp.rb": TESTS}.items():
        (workspace / path).parent.mkdir()
        (workspace / path).write_text(text)
    environment = {"PATH": os.environ.get("PATH", "")}
    jail = Jail(workspace=workspace, home=workspace, environment=environment)
    scratch = await open_copy("local", jail)
    try:
        command = detect_project(workspace, which=shutil.which).test_commands[0]
        plan = plan_ruby(command)
        assert plan is not None
        ground = RubyGround(scratch, plan, CommandGround(scratch, command))
        baseline = await ground.measure(Proposal({}, "baseline"), seconds=60)
        assert ground.fast
        assert (baseline.trial.passed, baseline.trial.failed) == (1, 1)
        ran = {one.test: one for one in baseline.coverage}
        assert {test: one.passed for test, one in ran.items()} == {
            "ClampTest#test_below": True,
            "ClampTest#test_inside": False,
        }
        assert ran["ClampTest#test_below"].lines["lib/clamp.rb"] == {2}
        assert ran["ClampTest#test_inside"].lines["lib/clamp.rb"] == {2, 3}
        pairs = [
            ("value > low", "value < high"),
            ("return high", "return missing"),
            ("value > low", "value > high"),
            ("  value\nend", "  loop { }\nend"),
            ("return low", "exit(0)"),
        ]
        proposals = [Proposal({"lib/clamp.rb": CLAMP.replace(*pair)}, "test") for pair in pairs]
        tried = await ground.try_all(proposals, seconds=60)
        found = {id(trial.proposal): trial for trial in tried}
        assert [found[id(p)].green for p in proposals] == [False, False, True, False, False]
        assert (scratch.root / "lib/clamp.rb").read_text() == CLAMP
    finally:
        await scratch.aclose()
