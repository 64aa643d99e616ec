"""Exercises: a file is written from instructions, stub and tests, and corrected until they pass."""

import shutil
from pathlib import Path

import pytest

from tests.agent.strategies.search.bench import Bench, RuleModel, block, text_of

pytestmark = pytest.mark.anyio

EXERCISE = {
    "README.md": "# Two fer\n\nSay `One for NAME, one for me.`; without a name it is `you`.\n",
    "two_fer.py": "def two_fer(name):\n    pass\n",
    "two_fer_test.py": (
        "import unittest\nfrom two_fer import two_fer\n\n\nclass TwoFerTest(unittest.TestCase):\n"
        "    def test_name(self):\n"
        '        self.assertEqual(two_fer("Al"), "One for Al, one for me.")\n\n'
        "    def test_nobody(self):\n"
        '        self.assertEqual(two_fer(), "One for you, one for me.")\n'
    ),
}
TASK = (
    "Implement the exercise described in README.md so that the tests pass. It goes into two_fer.py."
)
HALF = 'def two_fer(name):\n    return f"One for {name}, one for me."\n'
RIGHT = 'def two_fer(name="you"):\n    return f"One for {name}, one for me."\n'


async def test_a_draft_that_passes_is_kept(workspace: Path) -> None:
    model = RuleModel(lambda _prompt: "Here it is:\n\n" + block(RIGHT))
    bench = Bench(workspace, EXERCISE, model)
    ended = await bench.play(TASK)
    assert ended.outcome == "verified"
    assert bench.read("two_fer.py") == RIGHT
    assert "one for me" in text_of(model.prompts[0])
    assert "test_nobody" in text_of(model.prompts[0])


async def test_the_real_failure_is_fed_back(workspace: Path) -> None:
    def answer(prompt: object) -> str:
        shown = text_of(prompt)  # pyright: ignore[reportArgumentType]
        return block(RIGHT if "missing 1 required positional argument" in shown else HALF)

    bench = Bench(workspace, EXERCISE, RuleModel(answer))
    ended = await bench.play(TASK)
    assert ended.outcome == "verified"
    assert bench.read("two_fer.py") == RIGHT
    assert "correct the best draft" in bench.notes()


async def test_a_draft_that_nearly_passes_is_polished_by_rule(workspace: Path) -> None:
    files = {
        "README.md": "Count the items that are above the limit.\n",
        "above.py": "def above(items, limit):\n    pass\n",
        "above_test.py": (
            "from above import above\n\n\ndef test_some():\n"
            "    assert above([1, 5, 9], 4) == 2\n\n\n"
            "def test_equal():\n    assert above([4, 5], 4) == 1\n\n\n"
            "def test_none():\n    assert above([], 4) == 0\n"
        ),
    }
    nearly = "def above(items, limit):\n    return len([i for i in items if i >= limit])\n"
    bench = Bench(workspace, files, RuleModel(lambda _prompt: block(nearly)))
    ended = await bench.play("Implement above.py as README.md says.")
    assert ended.outcome == "verified"
    assert "i > limit" in bench.read("above.py")


async def test_partial_progress_is_kept_and_told(workspace: Path) -> None:
    bench = Bench(workspace, EXERCISE, RuleModel(lambda _prompt: block(HALF)), tick_s=1)
    ended = await bench.play(TASK)
    assert ended.outcome == "failed"
    assert bench.read("two_fer.py") == HALF
    assert ended.evidence[0].passed == 1
    assert bench.read("two_fer_test.py") == EXERCISE["two_fer_test.py"]


async def test_without_tests_the_answer_is_unverified(workspace: Path) -> None:
    files = {path: text for path, text in EXERCISE.items() if "test" not in path}
    bench = Bench(workspace, files, RuleModel(lambda _prompt: block(RIGHT)))
    ended = await bench.play("Implement two_fer.py as README.md says.")
    assert ended.outcome == "unverified"
    assert bench.read("two_fer.py") == RIGHT
    assert "not verified" in ended.summary


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
async def test_javascript_is_judged_by_its_own_runner(workspace: Path) -> None:
    files = {
        "package.json": '{"name": "x", "type": "module", "scripts": {"test": "node --test"}}\n',
        "README.md": "Reverse a text.\n",
        "reverse.js": "export const reverse = () => {\n  throw new Error('Remove this line and "
        "implement the function');\n};\n",
        "reverse.test.js": (
            "import test from 'node:test';\nimport assert from 'node:assert';\n"
            "import { reverse } from './reverse.js';\n"
            "test('reverses', () => assert.equal(reverse('abc'), 'cba'));\n"
        ),
    }
    right = "export const reverse = (text) => [...text].reverse().join('');\n"
    wrong = "export const reverse = (text) => text;\n"
    model = RuleModel(
        lambda prompt: block(right if "not right yet" in text_of(prompt) else wrong, "js")
    )
    bench = Bench(workspace, files, model)
    ended = await bench.play("Implement reverse.js as README.md says. npm test has to pass.")
    assert ended.outcome == "verified"
    assert bench.read("reverse.js") == right


@pytest.mark.skipif(shutil.which("cargo") is None, reason="needs cargo")
async def test_a_compile_error_is_fed_back(workspace: Path) -> None:
    files = {
        "Cargo.toml": '[package]\nname = "twice"\nversion = "0.1.0"\nedition = "2021"\n',
        "README.md": "Double a number.\n",
        "src/lib.rs": "pub fn twice(n: u32) -> u32 {\n    todo!()\n}\n",
        "tests/twice.rs": "#[test]\nfn doubles() {\n    assert_eq!(twice::twice(4), 8);\n}\n",
    }
    wrong = "pub fn twice(n: u32) -> u32 {\n    n * two\n}\n"
    right = "pub fn twice(n: u32) -> u32 {\n    n * 2\n}\n"
    model = RuleModel(
        lambda prompt: block(right if "cannot find value" in text_of(prompt) else wrong, "rust")
    )
    bench = Bench(workspace, files, model, seconds=120)
    ended = await bench.play("Implement src/lib.rs as README.md says. cargo test has to pass.")
    assert ended.outcome == "verified"
    assert bench.read("src/lib.rs") == right
