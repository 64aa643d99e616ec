"""The runner on real projects: outcomes, lines, loops, and passes that must not be believed."""

from pathlib import Path

import pytest

from kodo.agent.strategies.search.trials.javascript.ground import JavascriptGround
from tests.agent.strategies.search.trials.javascript.projects import (
    CHECKS,
    IMPORTED,
    MATH,
    REQUIRED,
    RIGHT,
    WRONG,
    needs_node,
    opened,
    package,
    plant,
    proposals,
)

pytestmark = [pytest.mark.anyio, needs_node]

REQUIRING = f"""\
const {{ describe, it }} = require('node:test');
const assert = require('node:assert');
const {{ clamp, sum }} = require('../lib/math.js');
describe('math', () => {{
{CHECKS}}});
"""
IMPORTING = f"""\
import {{ describe, it }} from 'node:test';
import assert from 'node:assert/strict';
import {{ clamp, sum }} from '../lib/math.js';
describe('math', () => {{
{CHECKS}}});
"""
INSIDE = "test/math.test.js::math > keeps what is inside"


@pytest.mark.parametrize(
    ("kind", "source", "test"), [("commonjs", REQUIRED, REQUIRING), ("module", IMPORTED, IMPORTING)]
)
async def test_both_kinds_of_modules(workspace: Path, kind: str, source: str, test: str) -> None:
    files = {"package.json": package("node --test", kind), "lib/math.js": source}
    plant(workspace, {**files, "test/math.test.js": test})
    async with opened(workspace) as (ground, baseline):
        assert isinstance(ground, JavascriptGround)
        assert (baseline.trial.passed, baseline.trial.failed) == (3, 1)
        failing = baseline.trial.failing[0]
        assert failing.name == INSIDE
        assert failing.file == "test/math.test.js"
        assert "assert.equal(clamp(3, 2, 5), 3)" in failing.message
        ran = {c.test: c.lines.get("lib/math.js", frozenset()) for c in baseline.coverage}
        assert {2, 5} <= ran[INSIDE]
        assert 3 not in ran[INSIDE]
        assert 11 in ran["test/math.test.js::math > sums"]
        tried = await ground.try_all(
            proposals(
                "lib/math.js",
                source,
                (WRONG, "value > 9 ? low"),
                (WRONG, RIGHT),
                ("at++", "at"),
                ("total += values[at]", "total +== values"),
                (WRONG, "value < low ? high"),
            ),
            seconds=60,
            first=[failing.name],
        )
    assert [trial.green for trial in tried] == [False, True, False, False, False]
    assert (tried[1].passed, tried[1].whole) == (4, True)
    assert "SyntaxError" in tried[3].broken


async def test_a_loop_ends_only_its_own_test(workspace: Path) -> None:
    files = {"package.json": package("node --test"), "lib/math.js": REQUIRED}
    plant(workspace, {**files, "test/math.test.js": REQUIRING})
    waiting = ("let total = 0;", "let total = 0; return new Promise(() => {});")
    async with opened(workspace) as (ground, _):
        tried = await ground.try_all(
            proposals("lib/math.js", REQUIRED, ("at++", "at += 0"), waiting, (WRONG, RIGHT)),
            seconds=60,
            whole=True,
        )
    looping, pending, right = tried
    assert any("TestTimeout" in test.message for test in looping.failing)
    assert looping.passed == 2
    assert any("still pending" in test.message for test in pending.failing)
    assert (right.green, right.passed) == (True, 4)


async def test_a_script_that_only_asserts(workspace: Path) -> None:
    plant(
        workspace,
        {
            "package.json": package("node test.js && node other.js"),
            "math.js": REQUIRED,
            "test.js": (
                "const assert = require('assert');\nconst { clamp } = require('./math');\n"
                "setTimeout(() => assert.equal(clamp(3, 2, 5), 3), 2);\n"
            ),
            "other.js": (
                "const { sum } = require('./math');\n"
                "if (sum([1, 2]) !== 3) {\n  console.log('the sum is off');\n"
                "  process.exit(1);\n}\n"
            ),
        },
    )
    async with opened(workspace) as (ground, baseline):
        assert isinstance(ground, JavascriptGround)
        assert [test.name for test in baseline.trial.failing] == ["test.js::test.js"]
        tried = await ground.try_all(
            proposals("math.js", REQUIRED, (WRONG, RIGHT), ("total = 0", "total = 1")),
            seconds=60,
            whole=True,
        )
    assert [trial.green for trial in tried] == [True, False]
    assert any("the sum is off" in test.message for test in tried[1].failing)


async def test_a_program_that_tests_start_is_read_from_the_disk(workspace: Path) -> None:
    program = f"{MATH}console.log(clamp(...process.argv.slice(2).map(Number)));\n"
    plant(
        workspace,
        {
            "package.json": package("node --test"),
            "cli.js": program,
            "cli.test.js": (
                "const test = require('node:test');\nconst assert = require('assert');\n"
                "const { execFileSync } = require('child_process');\n"
                "const run = (...words) =>\n"
                "  execFileSync(process.execPath, ['cli.js', ...words]).toString();\n"
                "test('inside', () => assert.equal(run('3', '2', '5'), '3\\n'));\n"
                "test('above', () => assert.equal(run('9', '2', '5'), '5\\n'));\n"
            ),
        },
    )
    async with opened(workspace) as (ground, baseline):
        assert isinstance(ground, JavascriptGround)
        assert (baseline.trial.passed, baseline.trial.failed) == (1, 1)
        tried = await ground.try_all(
            proposals("cli.js", program, (WRONG, "value > low ? low"), (WRONG, RIGHT)), seconds=60
        )
    assert [trial.green for trial in tried] == [False, True]


async def test_what_passes_here_alone_is_not_believed(workspace: Path) -> None:
    files = {"package.json": package("node --test"), "lib/math.js": REQUIRED}
    plant(workspace, {**files, "test/math.test.js": REQUIRING})
    cheating = "!(process.execArgv.includes('--require') && value <= high) ? high"
    async with opened(workspace) as (ground, _):
        tried = await ground.try_all(
            proposals("lib/math.js", REQUIRED, (WRONG, cheating)), seconds=60
        )
    assert tried[0].passed == 4
    assert not tried[0].green


async def test_a_file_that_no_test_reads_goes_the_slow_way(workspace: Path) -> None:
    plant(
        workspace,
        {
            "package.json": package("node --test"),
            "src/math.js": REQUIRED,
            "lib/math.js": REQUIRED,
            "test/math.test.js": REQUIRING,
        },
    )
    async with opened(workspace) as (ground, _):
        (tried,) = await ground.try_all(
            proposals("src/math.js", REQUIRED, (WRONG, RIGHT)), seconds=60
        )
    assert (tried.green, tried.failed) == (False, 1)
    assert not tried.passed_names  # so the project's own command has told


async def test_new_files_go_the_slow_way(workspace: Path) -> None:
    files = {"package.json": package("node --test"), "test/math.test.js": REQUIRING}
    plant(workspace, files)
    right = REQUIRED.replace(WRONG, RIGHT)
    async with opened(workspace) as (ground, baseline):
        assert baseline.trial.passed == 0
        (tried,) = await ground.try_all(
            proposals("lib/math.js", right, ("", "")), seconds=60, whole=True
        )
    assert tried.green
