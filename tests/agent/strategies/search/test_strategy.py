"""Questions, new programs, and work that no test covers."""

from pathlib import Path

import pytest

from kodo.agent.projects.project import Project
from kodo.agent.strategies.search.case.understand import configures_tests, is_stub, understand
from tests.agent.strategies.search.bench import Bench, RuleModel, block

pytestmark = pytest.mark.anyio


async def test_a_question_changes_nothing(workspace: Path) -> None:
    bench = Bench(
        workspace, {"a.py": "def add(a, b):\n    return a + b\n"}, RuleModel(lambda _p: "Adds.")
    )
    ended = await bench.play("What does add() do?")
    assert (ended.outcome, ended.summary) == ("unverified", "Adds.")
    assert bench.results() == []


async def test_a_new_program_is_written_and_run_once(workspace: Path) -> None:
    program = "def main():\n    print('hello')\n\n\nif __name__ == '__main__':\n    main()\n"
    bench = Bench(workspace, {}, RuleModel(lambda _prompt: block(program)))
    ended = await bench.play("Write a CLI hello.py that prints hello.")
    assert ended.outcome == "unverified"
    assert bench.read("hello.py") == program
    assert "`python3 hello.py` ran to its end" in ended.summary


async def test_a_program_that_crashes_is_corrected(workspace: Path) -> None:
    answers = iter([block("print(missing)\n"), block("print('ok')\n")])
    bench = Bench(workspace, {}, RuleModel(lambda _prompt: next(answers)))
    await bench.play("Create ok.py, a script that prints ok.")
    assert bench.read("ok.py") == "print('ok')\n"


async def test_several_files_come_from_one_answer(workspace: Path) -> None:
    page = "index.html\n```html\n<!DOCTYPE html><html><body></body></html>\n```\n"
    style = "style.css\n```css\nbody { margin: 0; }\n```\n"
    bench = Bench(workspace, {}, RuleModel(lambda _prompt: page + style))
    ended = await bench.play("Build a small web page.")
    assert ended.outcome == "unverified"
    assert sorted(path.name for path in workspace.iterdir()) == ["index.html", "style.css"]


async def test_a_docstring_example_guides_a_repair_without_tests(workspace: Path) -> None:
    files = {
        "sums.py": (
            'def total(items):\n    """Add up.\n\n    >>> total([1, 2, 3])\n    6\n    """\n'
            "    result = 0\n"
            "    for item in items[1:]:\n        result += item\n    return result\n"
        )
    }
    right = files["sums.py"].replace("items[1:]", "items")
    bench = Bench(workspace, files, RuleModel(lambda _prompt: block(right)))
    ended = await bench.play("total() gives wrong results, fix it.")
    assert ended.outcome == "unverified"
    assert "[1:]" not in bench.read("sums.py")
    assert [path.name for path in workspace.glob("test*")] == []


def test_stubs_are_told_from_programs() -> None:
    assert is_stub("def f():\n    pass\n")
    assert is_stub("pub fn f() -> u32 {\n    todo!()\n}\n")
    assert is_stub("")
    assert not is_stub("def f():\n    return 1\n")
    assert not is_stub("# TODO: faster\n" + "x = 1\n" * 1000)


def test_what_configures_tests_is_never_a_source(workspace: Path) -> None:
    for name in ("a.py", "conftest.py", "jest.config.js", "test_a.py"):
        (workspace / name).write_text("x = 1\n")
    project = Project(
        source_files=("a.py", "conftest.py", "jest.config.js"), test_files=("test_a.py",)
    )
    found = understand(workspace, "Fix the bug in a.py", project)
    assert list(found.sources) == ["a.py"]
    assert found.kind == "repair"
    assert configures_tests("web/package.json")
