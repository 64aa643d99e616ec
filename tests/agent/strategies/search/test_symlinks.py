"""Symlinks that a project brings or its tests plant lead neither the search's eye nor hand out."""

import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kodo.agent.projects.project import detect_project
from kodo.agent.projects.testcommand import TestCommand
from kodo.agent.strategies.search.case.understand import understand
from kodo.agent.strategies.search.trials.command import CommandGround
from kodo.agent.strategies.search.trials.proposal import Proposal
from kodo.agent.strategies.search.trials.python.ground import PythonGround, PythonPlan
from kodo.agent.strategies.search.writing.smoke import smoke_run
from kodo.base.errors import SandboxError
from kodo.core.sandbox import Scratch
from kodo.sandboxes.jail import Jail
from kodo.sandboxes.ladder import open_copy

pytestmark = pytest.mark.anyio


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """Return a file of the user's outside the workspace."""
    file = tmp_path / "bashrc"
    file.write_text("whole")
    return file


@pytest.fixture
async def scratch(workspace: Path, tmp_path: Path) -> AsyncIterator[Scratch]:
    """Return a copy of a small project on the rung that keeps nothing in."""
    (workspace / "a.py").write_text("old")
    path = f"{Path(sys.executable).parent}:{os.environ.get('PATH', '/usr/bin:/bin')}"
    jail = Jail(workspace, tmp_path / "home", {"PATH": path})
    made = await open_copy("local", jail, parent=tmp_path)
    yield made
    await made.aclose()


async def test_files_are_put_back_after_a_trial(scratch: Scratch) -> None:
    ground = CommandGround(scratch, TestCommand("cat a.py new/b.py; rm new/b.py"))
    trial = await ground.measure(Proposal({"a.py": "one ", "new/b.py": "two"}, "test"), seconds=20)
    assert not trial.trial.broken
    assert (scratch.root / "a.py").read_text() == "old"
    assert not (scratch.root / "new/b.py").exists()


async def test_a_trial_writes_through_no_symlink(scratch: Scratch, victim: Path) -> None:
    planting = CommandGround(scratch, TestCommand(f"rm a.py; ln -s {victim} a.py"))
    with pytest.raises(SandboxError, match="spoiled the scratch copy"):
        await planting.measure(Proposal({"a.py": "new"}, "test"), seconds=20)
    later = await CommandGround(scratch, TestCommand("true")).measure(
        Proposal({"a.py": "new"}, "test"), seconds=20
    )
    assert "outside the workspace" in later.trial.broken
    assert victim.read_text() == "whole"


async def test_the_runner_is_written_through_no_symlink(scratch: Scratch, victim: Path) -> None:
    ground = PythonGround(scratch, PythonPlan(sys.executable, "unittest", []), {})
    (scratch.root / ".kodo-search").mkdir()
    (scratch.root / ".kodo-search/runner.py").symlink_to(victim)
    assert (await ground.measure(Proposal({}, "test"), seconds=5)).trial.broken
    (scratch.root / ".kodo-search/runner.py").unlink()
    (scratch.root / ".kodo-search").rmdir()
    (scratch.root / ".kodo-search").symlink_to(victim.parent)
    assert (await ground.measure(Proposal({}, "test"), seconds=5)).trial.broken
    assert victim.read_text() == "whole"
    assert not (victim.parent / "runner.py").exists()


async def test_a_new_program_is_written_through_no_symlink(scratch: Scratch, victim: Path) -> None:
    (scratch.root / "program.py").symlink_to(victim)
    smoke = await smoke_run(scratch, {"program.py": "print(1)\n"})
    assert smoke is not None
    assert "outside the workspace" in smoke.problem
    assert victim.read_text() == "whole"


def test_what_lies_outside_is_not_read_for_the_model(workspace: Path, tmp_path: Path) -> None:
    (tmp_path / "credentials").write_text("SECRET = 1\n")
    for name in ("README.md", "leak.py", "test_leak.py"):
        (workspace / name).symlink_to(tmp_path / "credentials")
    (workspace / "real.py").write_text("x = 1\n")
    (workspace / "same.py").symlink_to("real.py")
    (workspace / "loop.py").symlink_to("loop.py")
    project = detect_project(workspace, which=lambda _: None)
    assert "leak.py" not in project.source_files
    assert not project.test_files
    found = understand(workspace, "Fix leak.py, see README.md", project)
    assert sorted(found.sources) == ["real.py", "same.py"]
    assert (found.document, found.tests) == ("", {})
