"""The stand-in for `node:test` against Node's own, and what happens where they differ."""

from pathlib import Path

import pytest

from kodo.agent.projects.testreport import FailingTest
from kodo.agent.strategies.search.trials.command import CommandGround
from kodo.agent.strategies.search.trials.javascript.ground import JavascriptGround
from kodo.agent.strategies.search.trials.javascript.opening import agree
from kodo.agent.strategies.search.trials.javascript.plan import JavascriptPlan
from kodo.agent.strategies.search.trials.proposal import Proposal, Trial
from tests.agent.strategies.search.trials.javascript.projects import (
    needs_node,
    opened,
    package,
    plant,
)

pytestmark = pytest.mark.anyio

EVERYTHING = """\
const test = require('node:test');
const { describe, it, before, after, beforeEach, afterEach, mock } = test;
const assert = require('node:assert');

const seen = [];
before(() => { seen.push('before'); });

test('hooks of the file', () => { assert.deepEqual(seen, ['before']); });
test('skipped', { skip: true }, () => { throw new Error('never'); });
test.skip('skipped too', () => { throw new Error('never'); });
test.todo('to do');
test('to do, and fails', { todo: true }, () => { throw new Error('known'); });
test('with a callback', (t, done) => { setTimeout(done, 1); });
test('fails in a callback', (t, done) => { setTimeout(() => done(new Error('late')), 1); });
test('fails later', async () => { await null; assert.equal(1, 2); });
test('skips itself', (t) => { t.skip(); });
test('takes too long', { timeout: 20 }, () => new Promise((end) => { setTimeout(end, 900); }));
test('throws in a timer', (t, done) => {
  setTimeout(() => { throw new Error('nobody catches'); }, 1);
});

test('with subtests', async (t) => {
  t.beforeEach(() => { seen.push('inner'); });
  await t.test('one', () => { assert.ok(seen.includes('inner')); });
  await t.test('two', async (t) => {
    await t.test('deep', () => { assert.equal(t.name, 'two'); });
  });
});
test('with a subtest that fails', async (t) => {
  await t.test('good', () => {});
  await t.test('bad', () => { assert.fail('bad'); });
});

describe('a suite', () => {
  const order = [];
  before(() => { order.push('before'); });
  beforeEach(() => { order.push('each'); });
  afterEach(() => { order.push('end'); });
  after(() => { order.length = 0; });
  it('is first', () => { assert.deepEqual(order, ['before', 'each']); });
  it('is second', () => { assert.deepEqual(order, ['before', 'each', 'end', 'each']); });
  describe('inside', () => {
    it('has the outer hooks', () => { assert.equal(order.at(-1), 'each'); });
    it('fails', () => { assert.ok(false); });
  });
});
describe.skip('a skipped suite', () => { it('never', () => { throw new Error('never'); }); });
describe('a suite with a bad hook', () => {
  before(() => { throw new Error('no'); });
  it('cannot run', () => {});
});

test('mocks', (t) => {
  const call = t.mock.fn((value) => value + 1);
  assert.equal(call(1), 2);
  assert.equal(call.mock.calls.length, 1);
  mock.method(Math, 'abs', () => 7);
  assert.equal(Math.abs(-1), 7);
});
"""


@needs_node
async def test_the_stand_in_tells_what_node_tells(workspace: Path) -> None:
    plant(workspace, {"package.json": package("node --test"), "a.test.js": EVERYTHING})
    async with opened(workspace) as (ground, baseline):
        assert isinstance(ground, JavascriptGround)
        plainly = (await ground.slow.measure(Proposal({}, "baseline"), seconds=60)).trial
    failing = {test.name.removeprefix("a.test.js::") for test in baseline.trial.failing}
    assert failing == {
        "fails in a callback",
        "fails later",
        "takes too long",
        "throws in a timer",
        "with a subtest that fails > bad",
        "a suite > inside > fails",
        "a suite with a bad hook > cannot run",
    }
    assert (baseline.trial.passed, baseline.trial.failed) == (plainly.passed, plainly.failed)


@needs_node
async def test_after_a_promise_that_never_ends_no_test_runs(workspace: Path) -> None:
    waiting = "const test = require('node:test');\ntest('good', () => {});\n"
    waiting += "test('waits', () => new Promise(() => {}));\ntest('next', () => {});\n"
    plant(workspace, {"package.json": package("node --test"), "a.test.js": waiting})
    async with opened(workspace) as (ground, baseline):
        assert isinstance(ground, JavascriptGround)
    assert [test.name for test in baseline.trial.failing] == ["a.test.js::waits", "a.test.js::next"]


@needs_node
async def test_what_the_stand_in_cannot_do_goes_the_slow_way(workspace: Path) -> None:
    planned = "require('node:test')('a', (t) => { t.plan(1); t.assert.ok(true); });\n"
    own = "const assert = require('assert');\n" + planned.replace("t.plan(1); t.assert", "assert")
    plant(
        workspace,
        {
            "package.json": package("node --test"),
            "a.test.js": f"{own}require('node:test')('b', () => {{\n"
            "  require('assert').ok(process.execArgv.includes('--require'));\n});\n",
        },
    )
    async with opened(workspace) as (ground, baseline):
        assert isinstance(ground, CommandGround)
    assert (baseline.trial.passed, baseline.trial.failed) == (1, 1)


def test_agreement() -> None:
    nothing = Proposal({}, "baseline")
    plan = JavascriptPlan("jest")

    def trial(passed: int, *failing: str, broken: str = "") -> Trial:
        tests = tuple(FailingTest(name) for name in failing)
        green = not failing and not broken
        return Trial(nothing, passed, len(tests), tests, broken, green=green)

    assert agree(plan, trial(3, "a.js::x > sums up"), trial(3, "x › sums up"))
    assert agree(plan, trial(3, "a.js::x > sums up"), trial(2, "sums up"))
    assert not agree(plan, trial(3, "a.js::sums"), trial(3, "sums", "adds"))
    assert not agree(plan, trial(0, broken="no jest"), trial(3, "sums"))
    assert agree(plan, trial(0, "a.js", broken="SyntaxError"), trial(0, broken="SyntaxError"))
    assert not agree(plan, trial(0), trial(0))
    assert agree(JavascriptPlan("plain"), trial(0, "t.js::t.js"), trial(0, ""))
    assert not agree(JavascriptPlan("plain"), trial(1), trial(0, ""))
