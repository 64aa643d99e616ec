"""One build for many proposals, with real cargo."""

import os
import shutil
from pathlib import Path

import pytest

from kodo.agent.projects.project import detect_project
from kodo.agent.strategies.search.trials.command import CommandGround
from kodo.agent.strategies.search.trials.proposal import Proposal
from kodo.agent.strategies.search.trials.schemata.ground import SchemataGround
from kodo.agent.strategies.search.trials.toolchains import toolchain_for
from kodo.sandboxes.jail import Jail
from kodo.sandboxes.ladder import open_copy

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(shutil.which("cargo") is None, reason="cargo is not installed"),
]

LIB = """\
pub const STEP: i32 = 1;

pub fn clamp(value: i32, low: i32, high: i32) -> i32 {
    if value < low {
        return low;
    }
    if value > low { high } else { value }
}

pub fn count(most: i32) -> i32 {
    let mut at = 0;
    while at < most {
        at += STEP;
    }
    at
}
"""
TESTS = """\
use clamp::{clamp, count};

#[test]
fn below() { assert_eq!(clamp(1, 2, 5), 2); }
#[test]
fn inside() { assert_eq!(clamp(3, 2, 5), 3); }
#[test]
fn above() { assert_eq!(clamp(9, 2, 5), 5); }
#[test]
fn counts() { assert_eq!(count(4), 4); }
"""


@pytest.mark.full
async def test_many_bodies_in_one_build(workspace: Path) -> None:
    files = {
        "Cargo.toml": '[package]\nname = "clamp"\nversion = "0.1.0"\nedition = "2021"\n',
        "src/lib.rs": LIB,
        "tests/clamp.rs": TESTS,
    }
    for path, text in files.items():
        (workspace / path).parent.mkdir(parents=True, exist_ok=True)
        (workspace / path).write_text(text)
    environment = {"PATH": os.environ.get("PATH", "")}
    cargo = shutil.which("cargo")
    if cargo is not None and (Path(cargo).parent.parent / "env").exists():
        home = Path(cargo).parent.parent
        environment |= {"CARGO_HOME": str(home), "RUSTUP_HOME": str(home.parent / ".rustup")}
    jail = Jail(workspace=workspace, home=workspace, environment=environment)
    scratch = await open_copy("local", jail)
    try:
        command = detect_project(workspace, which=shutil.which).test_commands[0]
        tools = toolchain_for(command)
        assert tools is not None
        ground = SchemataGround(scratch, tools, CommandGround(scratch, command))
        baseline = await ground.measure(Proposal({}, "baseline"), seconds=120)
        assert (baseline.trial.passed, baseline.trial.failed) == (3, 1)
        ran = {one.test: one for one in baseline.coverage}
        assert {test: one.passed for test, one in ran.items()} == {
            "above": True,
            "below": True,
            "counts": True,
            "inside": False,
        }
        assert ran["inside"].lines["src/lib.rs"] == {4, 6, 7}
        pairs = [
            ("value > low", "value > high"),
            ("value > low", "value < high"),
            ("at += STEP", "at += 0"),
            ("{ high }", "{ missing }"),
            ("return low;", "return &low;"),
            ("STEP: i32 = 1", "STEP: i32 = 2"),
            ("{ high }", "{ low }"),
        ]
        proposals = [Proposal({"src/lib.rs": LIB.replace(*pair)}, "test") for pair in pairs]
        tried = await ground.try_all(proposals, seconds=200, first=["inside"])
        assert ground.fast
        found = {trial.proposal.files["src/lib.rs"]: trial for trial in tried}
        trials = [found.get(proposal.files["src/lib.rs"]) for proposal in proposals]
        right, wrong, looping, missing, mismatched, constant, other = trials
        assert right is not None
        assert (right.green, right.passed) == (True, 4)
        assert wrong is not None
        assert not wrong.green
        assert looping is not None
        assert not looping.green
        assert missing is not None
        assert "missing" in missing.broken
        assert mismatched is not None
        assert "mismatched types" in mismatched.broken
        assert constant is None  # not in the body of a function, and there was a pass before
        assert other is not None
        assert not other.green
        assert (scratch.root / "src/lib.rs").read_text() == LIB
        alone = await ground.try_all([proposals[5]], seconds=100)
        assert [trial.green for trial in alone] == [False]
    finally:
        await scratch.aclose()
