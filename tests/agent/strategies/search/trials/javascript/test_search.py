"""A whole search in a JavaScript project, and what a model is shown of its failing tests."""

from pathlib import Path

import pytest

from kodo.agent.projects.testreport import FailingTest, Frame
from kodo.agent.strategies.search.faults.failure import describe_failures
from kodo.agent.strategies.search.trials.proposal import Proposal, Trial
from tests.agent.strategies.search.bench import Bench, RuleModel
from tests.agent.strategies.search.trials.javascript.projects import (
    CHECKS,
    REQUIRED,
    RIGHT,
    needs_node,
    package,
)


@needs_node
@pytest.mark.anyio
async def test_a_wrong_name_is_found_without_the_model(workspace: Path) -> None:
    files = {
        "package.json": package("node --test"),
        "lib/math.js": REQUIRED,
        "test/math.test.js": (
            "const { describe, it } = require('node:test');\nconst assert = require('assert');\n"
            "const { clamp, sum } = require('../lib/math.js');\n"
            f"describe('math', () => {{\n{CHECKS}}});\n"
        ),
    }
    bench = Bench(workspace, files, RuleModel(lambda _prompt: "no idea"), seconds=240, tick_s=0.1)
    ended = await bench.play("clamp(3, 2, 5) gives 5. Please fix.")
    assert ended.outcome == "verified"
    assert RIGHT in bench.read("lib/math.js")
    assert ended.evidence[0].passed == 4
    assert not (workspace / ".kodo-search").exists()


def test_the_call_around_the_line_that_failed_is_shown() -> None:
    text = (
        "const x = 1;\n\ntest('adds', () => {\n  const y = add(x, 1);\n  expect(y).toBe(2);\n});\n"
    )
    failing = FailingTest(
        "a.test.js::adds", "a.test.js", 5, "Received: 3", (Frame("a.test.js", 5),)
    )
    shown = describe_failures(
        Trial(Proposal({}, "x"), failed=1, failing=(failing,)), {"a.test.js": text}
    )
    assert shown == (
        "test('adds', () => {\n  const y = add(x, 1);\n  expect(y).toBe(2);\nReceived: 3"
    )
