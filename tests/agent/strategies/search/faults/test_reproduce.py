"""Checks that a model writes: read from answers, kept where they show the fault."""

from pathlib import Path

import pytest

from kodo.agent.projects.testreport import FailingTest, Frame
from kodo.agent.strategies.search.faults.reproduce import checks_of, showing, shown_source
from kodo.agent.strategies.search.trials.proposal import Proposal, Trial
from kodo.core.model import Prompt
from tests.agent.strategies.search.bench import Bench, RuleModel, block, text_of

STACK = (
    "class Stack:\n    def __init__(self):\n        self.items = []\n        self.size = 0\n\n"
    "    def push(self, item):\n        self.items.append(item)\n        self.size += 1\n\n"
    "    def pop(self):\n        return self.items.pop()\n"
)
WRITTEN = (
    "from wrong_module import Stack\nimport math\n\ndef test_problem():\n    s = Stack()\n"
    "    s.push(1)\n    s.push(2)\n    assert s.size == 2\n    s.pop()\n    assert s.size == 1\n"
)


def test_a_check_imports_from_where_the_name_really_lies() -> None:
    (check,) = checks_of(WRITTEN, {"Stack": "pile.stack"})
    assert check.startswith("from pile.stack import Stack\n")
    assert "wrong_module" not in check
    assert "import math" not in check


@pytest.mark.parametrize(
    "code",
    [
        "def test_problem(:\n",
        "def test_problem():\n    Stack().push(1)\n",
        "def test_problem():\n    assert 1 == 1\n",
    ],
)
def test_what_is_no_check_of_the_project_is_dropped(code: str) -> None:
    assert checks_of(code, {"Stack": "stack"}) == []


def test_only_what_fails_as_the_task_says_shows_the_fault() -> None:
    def failing(number: int, message: str, path: str) -> FailingTest:
        frames = (Frame(path, 3, "f"),)
        name = f"test_kodo_written.Written.test_written_{number}"
        return FailingTest(name=name, file="", message=message, frames=frames)

    trial = Trial(
        Proposal({}, "baseline"),
        passed=1,
        failed=4,
        failing=(
            failing(0, "NameError: name 'x' is not defined", "test_kodo_written.py"),
            failing(1, "> assert s.size == 0\nAssertionError: assert 1 == 0", "stack.py"),
            failing(2, "KeyError: 'a'", "stack.py"),
            failing(4, "TypeError: bad", "stack.py"),
        ),
    )
    checks = ["zero", "one", "two", "three", "four"]
    assert showing(checks, trial, "pop ends in a KeyError") == ["one", "two"]
    assert showing(checks, trial, "wrong size") == ["one"]


def test_a_long_source_is_shown_by_what_the_task_names() -> None:
    filler = "".join(
        f"def other_{n}(x):\n    return x + {n}  # padding here\n\n" for n in range(400)
    )
    shown = shown_source(filler + STACK, "pop forgets the size")
    assert "def pop" in shown
    assert "class Stack:" in shown
    assert len(shown) < 5000


@pytest.mark.anyio
async def test_a_task_without_tests_is_searched_against_a_written_check(workspace: Path) -> None:
    def answer(prompt: Prompt) -> str:
        asked = text_of(prompt)
        if "test function" in asked:
            return block(WRITTEN)
        return "no idea"

    bench = Bench(workspace, {"stack.py": STACK}, RuleModel(answer), tick_s=0.1)
    ended = await bench.play("After pop() the size of the stack is wrong. Fix stack.py.")
    assert ended.outcome == "unverified"
    assert "self.size -= 1" in bench.read("stack.py")
    assert "return self.items.pop()" in bench.read("stack.py")
    assert "kodo wrote to show the problem" in ended.summary
    assert not (workspace / "test_kodo_written.py").exists()
