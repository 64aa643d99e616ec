"""Which tests and settings a task gives leave to edit."""

from pathlib import Path

import pytest

from kodo.agent.projects.project import Project
from kodo.agent.strategies.search.case.leave import edited_files
from kodo.agent.strategies.search.case.understand import understand
from tests.agent.strategies.search.bench import Bench, RuleModel, block

TEST = "tests/test_x.py"


@pytest.mark.parametrize(
    "task",
    [
        "Add a case to tests/test_x.py",
        "Please add one more test for negative numbers to `tests/test_x.py`.",
        "fix tests/test_x.py",
        "Update the file tests/test_x.py",
        "Rename the first test in tests/test_x.py.",
        "Add a failing test to tests/test_x.py",
    ],
)
def test_a_test_that_is_named_for_editing_may_be_edited(task: str) -> None:
    assert edited_files(task, [TEST], tests=[TEST]) == (TEST,)


@pytest.mark.parametrize(
    "task",
    [
        "Fix the failing test in tests/test_x.py",
        "Fix x.py so that tests/test_x.py passes",
        "Write the code so the tests in tests/test_x.py pass.",
        "Write total() to pass the tests in tests/test_x.py.",
        "Write the code for the tests in tests/test_x.py.",
        "Implement what is tested in tests/test_x.py",
        "Fix the bug, but do not edit tests/test_x.py",
        "Fix the bug without having to change tests/test_x.py",
        "tests/test_x.py fails, fix the bug.",
        "Update x.py. tests/test_x.py has to pass.",
    ],
)
def test_a_test_that_is_named_as_a_measure_is_left_alone(task: str) -> None:
    assert edited_files(task, ["x.py", TEST], tests=[TEST]) in ((), ("x.py",))


def test_settings_are_sources_only_where_the_task_says_so(workspace: Path) -> None:
    for name in ("a.py", "pyproject.toml", "test_a.py"):
        (workspace / name).write_text("x = 1\n")
    project = Project(source_files=("a.py",), test_files=("test_a.py",))
    found = understand(workspace, "fix pyproject.toml", project)
    assert "pyproject.toml" in found.sources
    assert found.guarded == ()
    found = understand(workspace, "Fix a.py as pyproject.toml and test_a.py say", project)
    assert list(found.sources) == ["a.py"]
    assert set(found.guarded) == {"pyproject.toml", "test_a.py"}
    found = understand(workspace, "Add a case to test_a.py; fix a.py", project)
    assert sorted(found.sources) == ["a.py", "test_a.py"]
    assert list(found.suspected()) == ["a.py"]


@pytest.mark.anyio
async def test_a_case_is_added_to_a_test_file(workspace: Path) -> None:
    files = {
        "sums.py": "def total(items):\n    return sum(items)\n",
        "test_sums.py": "from sums import total\n\n\ndef test_one():\n    assert total([1]) == 1\n",
    }
    more = files["test_sums.py"] + "\n\ndef test_none():\n    assert total([]) == 0\n"
    bench = Bench(workspace, files, RuleModel(lambda _prompt: block(more)))
    ended = await bench.play("Add a case for an empty list to test_sums.py")
    assert ended.outcome == "unverified"
    assert bench.read("test_sums.py") == more
    assert bench.read("sums.py") == files["sums.py"]


@pytest.mark.anyio
async def test_the_ending_says_why_a_test_was_left_alone(workspace: Path) -> None:
    files = {
        "sums.py": "def total(items):\n    return 7\n",
        "test_sums.py": (
            "from sums import total\n\n\ndef test_one():\n    assert total([1]) == 'a b'\n"
        ),
    }
    bench = Bench(workspace, files, RuleModel(lambda _prompt: "no idea"), tick_s=2)
    ended = await bench.play("Fix the failing test in test_sums.py")
    assert ended.outcome == "failed"
    assert "test_sums.py was left alone" in ended.summary
