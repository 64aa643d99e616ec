"""Projects that use jest and mocha, run with those where they are installed."""

from pathlib import Path

import pytest

from kodo.agent.strategies.search.trials.javascript.ground import JavascriptGround
from tests.agent.strategies.search.trials.javascript.projects import (
    CHECKS,
    IMPORTED,
    REQUIRED,
    RIGHT,
    WRONG,
    installed,
    needs_node,
    opened,
    package,
    plant,
    proposals,
)

pytestmark = [pytest.mark.anyio, needs_node, pytest.mark.full]

JEST = """\
const { clamp, sum } = require('./math');
jest.mock('./other', () => ({ two: () => 2 }), { virtual: true });
const { two } = require('./other');

describe('math', () => {
  beforeEach(() => { global.seen = (global.seen || 0) + 1; });
  test('is first', () => { expect(global.seen).toBe(1); });
  test('clamps below', () => { expect(clamp(1, two(), 5)).toBe(2); });
  test('keeps what is inside', () => { expect(clamp(3, 2, 5)).toBe(3); });
  test.each([[9, 5], [8, 5]])('clamps %i above', (value, high) => {
    expect(clamp(value, 2, high)).toBe(high);
  });
  test('sums', async () => { expect(await sum([1, 2, 3])).toBe(6); });
  test.skip('is skipped', () => { throw new Error('never'); });
  test('waits', () => {
    jest.useFakeTimers();
    const call = jest.fn();
    setTimeout(call, 1000);
    jest.advanceTimersByTime(1500);
    expect(call).toHaveBeenCalledTimes(1);
  });
});
"""


async def test_jest_with_its_surroundings_kept(workspace: Path) -> None:
    files = {"package.json": package("jest"), "math.js": REQUIRED, "math.test.js": JEST}
    plant(workspace, files, installed("jest"))
    async with opened(workspace) as (ground, baseline):
        assert isinstance(ground, JavascriptGround)
        assert (baseline.trial.passed, baseline.trial.failed) == (6, 1)
        failing = baseline.trial.failing[0]
        assert failing.name == "math.test.js::math › keeps what is inside"
        assert "Received: 5" in failing.message
        ran = {c.test: c.lines.get("math.js", frozenset()) for c in baseline.coverage}
        assert {2, 5} <= ran[failing.name]
        assert 3 not in ran[failing.name]
        tried = await ground.try_all(
            proposals(
                "math.js",
                REQUIRED,
                ("at++", "at += 0"),
                ("total += values[at]", "total +== values"),
                (WRONG, "value > low ? low"),
                (WRONG, RIGHT),
                (WRONG, "value < high ? high"),
            ),
            seconds=120,
            whole=True,
        )
    looping, broken, wrong, right, other = tried
    assert any("TestTimeout" in test.message for test in looping.failing)
    assert looping.passed == 5
    assert broken.broken
    assert (wrong.green, right.green, other.green) == (False, True, False)
    assert right.passed == 7


@pytest.mark.parametrize("kind", ["commonjs", "module"])
async def test_mocha_with_both_kinds_of_modules(workspace: Path, kind: str) -> None:
    loads = {
        "commonjs": "const assert = require('assert');\n"
        "const { clamp, sum } = require('../lib/math.js');\n",
        "module": "import assert from 'assert';\nimport { clamp, sum } from '../lib/math.js';\n",
    }
    source = REQUIRED if kind == "commonjs" else IMPORTED
    plant(
        workspace,
        {
            "package.json": package("mocha", kind),
            "lib/math.js": source,
            "test/math.test.js": f"{loads[kind]}describe('math', () => {{\n{CHECKS}}});\n",
        },
        installed("mocha"),
    )
    async with opened(workspace) as (ground, baseline):
        assert isinstance(ground, JavascriptGround)
        assert (baseline.trial.passed, baseline.trial.failed) == (3, 1)
        assert baseline.trial.failing[0].frames[-1].path == "test/math.test.js"
        tried = await ground.try_all(
            proposals("lib/math.js", source, ("at++", "at += 0"), (WRONG, RIGHT)), seconds=60
        )
    assert [trial.green for trial in tried] == [False, True]
