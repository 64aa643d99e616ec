"""Small JavaScript projects with one bug, and grounds opened on them with real Node."""

import os
import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from kodo.agent.projects.project import detect_project
from kodo.agent.projects.testcommand import TestCommand
from kodo.agent.strategies.search.trials.ground import Baseline, Ground
from kodo.agent.strategies.search.trials.javascript.opening import open_javascript, plan_for
from kodo.agent.strategies.search.trials.proposal import Proposal
from kodo.core.sandbox import Scratch
from kodo.sandboxes.jail import Jail
from kodo.sandboxes.ladder import open_copy

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")

MATH = """\
function clamp(value, low, high) {
  if (value < low) {
    return low;
  }
  return value > low ? high : value;
}

function sum(values) {
  let total = 0;
  for (let at = 0; at < values.length; at++) {
    total += values[at];
  }
  return total;
}
"""
CHECKS = """\
  it('clamps below', () => { assert.equal(clamp(1, 2, 5), 2); });
  it('keeps what is inside', () => { assert.equal(clamp(3, 2, 5), 3); });
  it('clamps above', () => { assert.equal(clamp(9, 2, 5), 5); });
  it('sums', async () => { assert.equal(await sum([1, 2, 3]), 6); });
"""
REQUIRED = f"{MATH}\nmodule.exports = {{ clamp, sum }};\n"
IMPORTED = f"{MATH}\nexport {{ clamp, sum }};\n"
WRONG, RIGHT = "value > low ? high", "value > high ? high"


def package(script: str, kind: str = "commonjs") -> str:
    """Return a package.json."""
    return f'{{"name": "x", "type": "{kind}", "scripts": {{"test": "{script}"}}}}'


def proposals(path: str, text: str, *pairs: tuple[str, str]) -> list[Proposal]:
    """Return one proposal for each replacement in a text."""
    return [Proposal({path: text.replace(old, new)}, "test", new) for old, new in pairs]


def installed(name: str) -> Path:
    """Return a folder of modules that has `name`; skips the test where there is none."""
    given = os.environ.get("KODO_TEST_NODE_MODULES", "").split(":")
    program = shutil.which(name)
    near = [str(parent) for parent in Path(program).resolve().parents] if program else []
    for folder in [*given, *near]:
        if folder.endswith("node_modules") and (Path(folder) / name / "package.json").is_file():
            return Path(folder)
    pytest.skip(f"{name} is not installed; KODO_TEST_NODE_MODULES may name a folder that has it")


def plant(root: Path, files: dict[str, str], modules: Path | None = None) -> None:
    """Write a project's files, with its installed modules as a symlink."""
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    if modules is not None:
        (root / "node_modules").symlink_to(modules)


@asynccontextmanager
async def copied(root: Path) -> AsyncGenerator[tuple[Scratch, TestCommand]]:
    """Give a scratch copy and the project's test command."""
    jail = Jail(workspace=root, home=root, environment={"PATH": os.environ.get("PATH", "")})
    scratch = await open_copy("local", jail)
    try:
        yield scratch, detect_project(root, which=shutil.which).test_commands[0]
    finally:
        await scratch.aclose()


@asynccontextmanager
async def opened(root: Path) -> AsyncGenerator[tuple[Ground, Baseline]]:
    """Give the ground that fits a project, and how its tests stand."""
    async with copied(root) as (scratch, command):
        plan = await plan_for(scratch, command)
        assert plan is not None
        yield await open_javascript(scratch, plan, command, seconds=60)
