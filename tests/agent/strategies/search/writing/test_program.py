"""New programs: which names may be overwritten, and how a first run is told."""

from pathlib import Path

import pytest

from kodo.agent.strategies.search.case.answers import Block
from kodo.agent.strategies.search.writing.program import name_blocks
from kodo.agent.strategies.search.writing.smoke import how_ended
from kodo.core.sandbox import ExecResult
from tests.agent.strategies.search.bench import Bench, RuleModel

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("exit_code", "output", "timed_out", "told"),
    [
        (0, "usage of the disk: 3 %", False, "ran to its end"),
        (-9, "", True, "went on until it was stopped after 8 s"),
        (1, "EOFError: EOF when reading a line", False, "waits for input"),
        (2, "usage: a.py [-h] file", False, "stopped with a usage message"),
        (1, "Usage: a.py FILE", False, "stopped with a usage message"),
        (2, "can't open file", False, "failed"),
        (1, "Traceback (most recent call last):\n  usage()\nNameError", False, "failed"),
    ],
)
async def test_a_first_run_is_told_as_it_was(
    exit_code: int, output: str, timed_out: bool, told: str
) -> None:
    result = ExecResult(exit_code, output.encode(), 0.1, timed_out=timed_out)
    assert how_ended(result, output).startswith(told)


async def test_a_file_whose_name_ends_alike_is_not_overwritten(workspace: Path) -> None:
    answer = "main.py\n```python\nprint(1)\n```\ndomain.py\n```python\nprint(2)\n```\n"
    bench = Bench(workspace, {"main.py": "print('old')\n"}, RuleModel(lambda _prompt: answer))
    await bench.play("Create a new script domain.py that prints 2.")
    assert bench.read("main.py") == "print('old')\n"
    assert bench.read("domain.py") == "print(2)\n"


def test_a_block_for_another_file_does_not_use_up_a_name() -> None:
    found = [Block("a = 1\n", "python", "domain.py"), Block("b = 1\n", "python")]
    named = name_blocks(found, ["main.py"], "write main.py")
    assert named["main.py"] == "b = 1\n"
