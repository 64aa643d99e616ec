"""What the runner understands of test commands, and what it leaves to them."""

import pytest

from kodo.agent.projects.testcommand import TestCommand
from kodo.agent.strategies.search.trials.javascript.plan import JavascriptPlan, plan_javascript

NPM = TestCommand(("npm", "test", "--silent"), "javascript")


@pytest.mark.parametrize(
    ("script", "framework", "arguments", "flags"),
    [
        ("node --test", "node", (), ()),
        ("node --test test/*.test.js", "node", ("test/*.test.js",), ()),
        ("node --import tsx --test a.ts", "node", ("a.ts",), ("--import", "tsx")),
        ("tsx --test a.ts", "node", ("a.ts",), ("--import", "tsx")),
        ("jest", "jest", (), ()),
        ("jest --ci --silent", "jest", ("--ci", "--silent"), ()),
        ("npx jest src", "jest", ("src",), ()),
        ("eslint . && jest", "jest", (), ()),
        ("c8 mocha --recursive", "mocha", ("--recursive",), ()),
        ("node node_modules/jest/bin/jest.js", "jest", (), ()),
        ("NODE_OPTIONS=--experimental-vm-modules jest", "jest", (), ("--experimental-vm-modules",)),
        ("vitest run", "vitest", (), ()),
        ("node test.js", "plain", ("test.js",), ()),
        ("node a.js && node b.js", "plain", ("a.js", "b.js"), ()),
        ("npm run unit", "mocha", (), ()),
    ],
)
def test_scripts_that_the_runner_stands_in_for(
    script: str, framework: str, arguments: tuple[str, ...], flags: tuple[str, ...]
) -> None:
    package = f'{{"scripts": {{"test": "{script}", "unit": "mocha"}}}}'
    assert plan_javascript(NPM, package) == JavascriptPlan(framework, arguments, flags)


@pytest.mark.parametrize(
    "script",
    [
        "",
        "tsc && node --test dist",
        "jest --watch",
        "node --test | tap-spec",
        "node -e 1",
        "mocha & wait",
        "npm test",
        "node --test --test-only",
        "ava",
        "node test.js --fast",
    ],
)
def test_scripts_that_are_left_alone(script: str) -> None:
    assert plan_javascript(NPM, f'{{"scripts": {{"test": "{script}"}}}}') is None


def test_commands_without_a_script() -> None:
    files = TestCommand(("node", "--test", "a.test.js"), "javascript")
    assert plan_javascript(files) == JavascriptPlan("node", ("a.test.js",))
    local = TestCommand('PATH="$PWD/node_modules/.bin:$PATH"; jest', "javascript")
    assert plan_javascript(local) == JavascriptPlan("jest")
    assert plan_javascript(NPM, "{ not json") is None


def test_settings_of_the_environment_are_kept() -> None:
    plan = plan_javascript(NPM, '{"scripts": {"test": "TZ=UTC cross-env A=b node --test"}}')
    assert plan is not None
    assert plan.env == {"TZ": "UTC", "A": "b"}
