"""Code is found in whatever a model wraps around it."""

import pytest

from kodo.agent.strategies.search.case.answers import Block, blocks, longest_block
from kodo.agent.strategies.search.writing.program import default_name, is_inside, name_blocks


def test_a_named_block_and_its_language() -> None:
    answer = "Save this as `src/app.py`:\n\n```python\nprint(1)\n```\nDone."
    assert blocks(answer) == [Block("print(1)\n", "python", "src/app.py")]


def test_an_unclosed_fence_counts() -> None:
    assert blocks("```js\nlet a = 1;\n") == [Block("let a = 1;\n", "js", "")]


def test_code_without_a_fence_counts_and_prose_does_not() -> None:
    assert longest_block("def f():\n    return 1") == "def f():\n    return 1\n"
    assert longest_block("I cannot do that.") is None


def test_inner_fences_of_another_kind_stay() -> None:
    found = blocks("````md\n```py\nx\n```\n````\n")
    assert [block.text for block in found] == ["```py\nx\n```\n"]


def test_blocks_get_names_from_the_task_or_the_language() -> None:
    found = blocks("index.html\n```html\n<html></html>\n```\n```css\nbody {}\n```\n")
    assert name_blocks(found, [], "build a page") == {
        "index.html": "<html></html>\n",
        "style.css": "body {}\n",
    }
    assert name_blocks(blocks("```\nprint(1)\n```"), ["tool.py"], "write tool.py") == {
        "tool.py": "print(1)\n"
    }
    assert default_name(Block("<!DOCTYPE html>"), "make a page", "") == "index.html"


@pytest.mark.parametrize("name", ["/etc/passwd", "../up.py", ".git/config"])
def test_names_that_leave_the_workspace_are_refused(name: str) -> None:
    assert not is_inside(name)
