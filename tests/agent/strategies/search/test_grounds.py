"""Examples run together with the project's own tests, by the project's own framework."""

from pathlib import Path

import pytest

from kodo.agent.strategies.search.grounds import examples_plans
from kodo.agent.strategies.search.trials.python.ground import PythonPlan
from tests.agent.strategies.search.bench import Bench, RuleModel, block

pytestmark = pytest.mark.anyio

SHAPES = (
    "def area(a, b):\n    return size(a, b)\n\n\n"
    "def size(a, b):\n"
    '    """The size.\n\n    >>> size(2, 3)\n    5\n    """\n    return a * b\n'
)


def test_plans_take_the_projects_own_tests_along() -> None:
    tested = examples_plans(PythonPlan("python3", "unittest", ["discover", "tests"]), [])
    assert tested[0].framework == "unittest"
    assert tested[0].selection == ["test_kodo_examples", "discover", "tests"]
    bare = examples_plans(PythonPlan("python3", "pytest", []), ["tests/test_a.py"])
    assert bare[0].selection == ["test_kodo_examples.py", "tests/test_a.py"]
    assert [plan.framework for plan in examples_plans(None, [])] == ["pytest", "unittest"]


async def test_an_example_may_not_break_a_unittest_that_passes(workspace: Path) -> None:
    files = {
        "shapes.py": SHAPES,
        "tests/__init__.py": "",
        "tests/test_shapes.py": (
            "import unittest\nfrom shapes import area\n\n\nclass Area(unittest.TestCase):\n"
            "    def test_area(self):\n        self.assertEqual(area(2, 3), 6)\n"
        ),
    }
    # Only size() as a sum passes the example, and the test that passes today would break.
    wrong = SHAPES.replace("a * b", "a + b")
    bench = Bench(workspace, files, RuleModel(lambda _prompt: block(wrong)), tick_s=1.5)
    ended = await bench.play("size() is wrong, fix it; python3 -m unittest discover -s tests")
    assert ended.outcome == "failed"
    assert bench.read("shapes.py") == SHAPES
    assert "pass here" not in ended.summary
    assert bench.results() == []
