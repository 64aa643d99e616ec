"""The end of a search: nobody's edits are lost, and what breaks the tests does not stay."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
import pytest

from kodo.agent.strategies.search.ending.merge import merge
from kodo.agent.strategies.search.strategy import NOT_ISOLATED
from kodo.core.events import Noted
from kodo.core.sandbox import ExecResult
from kodo.sandboxes.jail import Jail
from kodo.sandboxes.local import Local
from tests.agent.strategies.search.bench import Bench, RuleModel, block

pytestmark = pytest.mark.anyio

TITLE = {
    "titles.py": (
        "LIMIT = 3\n\n\ndef shout(text):\n    return text.upper()\n\n\n"
        'def title(words):\n    """Join words."""\n    return ""\n'
    ),
    "test_titles.py": (
        "from titles import shout, title\n\n\ndef test_title():\n"
        '    assert title(["the", "war"]) == "The War"\n\n\n'
        'def test_shout():\n    assert shout("a") == "A"\n'
    ),
}
RIGHT = 'def title(words):\n    return " ".join(word.capitalize() for word in words)\n'
GREEN = {
    "sums.py": (
        'def total(items):\n    """Add up.\n\n    >>> total([2])\n    2\n    """\n'
        "    return sum(items)\n"
    ),
    "test_sums.py": (
        "from sums import total\n\n\ndef test_total():\n    assert total([1, 2]) == 3\n"
    ),
}


class Meddling(Local):
    """A jail in which somebody acts before a command runs."""

    def __init__(self, jail: Jail, act: Callable[[], Awaitable[None]]) -> None:
        super().__init__(jail)
        self._act = act

    async def exec(self, *arguments: object, **options: object) -> ExecResult:  # pyright: ignore[reportIncompatibleMethodOverride]
        await self._act()
        return await super().exec(*arguments, **options)  # pyright: ignore[reportArgumentType]


def edits(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_changes_that_do_not_touch_are_merged() -> None:
    base = "a\nb\nc\nd\ne\n"
    assert merge(base, "A\nb\nc\nd\ne\n", "a\nb\nc\nd\nE\nf\n") == "A\nb\nc\nd\nE\nf\n"
    assert merge(base, "A\nb\nc\nd\ne\n", "a\nB\nc\nd\ne\n") is None
    assert merge(base, "A\nb\nc\nd\ne\n", "x\na\nb\nc\nd\ne\n") is None
    assert merge(base, "a\nx\nb\nc\nd\ne\n", "a\ny\nb\nc\nd\ne\n") is None


async def test_an_edit_made_meanwhile_elsewhere_in_the_file_stays(workspace: Path) -> None:
    def answer(_prompt: object) -> str:
        edits(workspace / "titles.py", "LIMIT = 3", "LIMIT = 4")
        return block(RIGHT)

    bench = Bench(workspace, TITLE, RuleModel(answer), seconds=30)
    ended = await bench.play("title() gives an empty text. Fix it.")
    assert ended.outcome == "verified"
    assert "LIMIT = 4" in bench.read("titles.py")
    assert "capitalize" in bench.read("titles.py")
    assert "both changes together in a fresh copy" in bench.notes()


async def test_an_edit_of_the_same_lines_is_not_overwritten(workspace: Path) -> None:
    def answer(_prompt: object) -> str:
        edits(workspace / "titles.py", 'return ""', 'return "mine"')
        return block(RIGHT)

    bench = Bench(workspace, TITLE, RuleModel(answer), seconds=30)
    ended = await bench.play("title() gives an empty text. Fix it.")
    assert ended.outcome == "failed"
    assert bench.read("titles.py") == TITLE["titles.py"].replace('return ""', 'return "mine"')
    assert "titles.py changed meanwhile" in ended.summary
    assert "+    return" in ended.summary
    assert bench.results() == []


async def test_two_changes_that_break_together_are_not_brought_in(workspace: Path) -> None:
    def answer(_prompt: object) -> str:
        edits(workspace / "titles.py", "text.upper()", "text.lower()")
        return block(RIGHT)

    bench = Bench(workspace, TITLE, RuleModel(answer), seconds=30)
    ended = await bench.play("title() gives an empty text. Fix it.")
    assert ended.outcome == "failed"
    assert bench.read("titles.py") == TITLE["titles.py"].replace("text.upper()", "text.lower()")


async def test_a_file_that_appears_meanwhile_is_not_overwritten(workspace: Path) -> None:
    def answer(_prompt: object) -> str:
        (workspace / "hello.py").write_text("# mine\n", encoding="utf-8")
        return block("print('hello')\n")

    bench = Bench(workspace, {}, RuleModel(answer))
    ended = await bench.play("Write a script hello.py that prints hello.")
    assert ended.outcome == "failed"
    assert bench.read("hello.py") == "# mine\n"


async def test_a_change_of_no_test_that_turns_the_suite_red_is_taken_back(workspace: Path) -> None:
    other = block("def total(items):\n    return sum(list(items))\n")
    bench = Bench(workspace, GREEN, RuleModel(lambda _prompt: other))

    async def act() -> None:
        if "list(items)" in bench.read("sums.py"):
            (workspace / "test_sums.py").write_text("def test_red():\n    assert False\n")

    # The suite is green in the copy, and red once the change stands in the workspace.
    bench.agent.sandbox = Meddling(Jail(workspace=workspace, home=workspace), act)
    ended = await bench.play("total() is not as fast as it could be; improve sums.py.")
    assert ended.outcome == "failed"
    assert ended.evidence[0].exit_code != 0
    assert "taken back" in ended.summary
    assert bench.read("sums.py") == GREEN["sums.py"]


async def test_what_a_cancelled_proof_leaves_is_taken_back(workspace: Path) -> None:
    bench = Bench(workspace, TITLE, RuleModel(lambda _prompt: block(RIGHT)), seconds=30)
    proving = anyio.Event()

    async def act() -> None:
        if "capitalize" in bench.read("titles.py"):
            proving.set()
            await anyio.sleep_forever()

    bench.agent.sandbox = Meddling(Jail(workspace=workspace, home=workspace), act)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(bench.play, "title() gives an empty text. Fix it.")
        await proving.wait()
        tasks.cancel_scope.cancel()
    assert bench.read("titles.py") == TITLE["titles.py"]


async def test_people_are_told_that_nothing_is_isolated(workspace: Path) -> None:
    bench = Bench(workspace, GREEN, RuleModel(lambda _prompt: "no idea"), tick_s=2)
    await bench.play("total() is slow, improve sums.py.")
    warnings = [
        body.text
        for body in bench.stored()
        if isinstance(body, Noted) and body.kind == "warning" and body.text == NOT_ISOLATED
    ]
    assert warnings == [NOT_ISOLATED]


async def test_the_examples_that_passed_are_counted(workspace: Path) -> None:
    files = {"sums.py": GREEN["sums.py"].replace("sum(items)", "sum(items) - 1")}
    bench = Bench(workspace, files, RuleModel(lambda _prompt: block(GREEN["sums.py"])))
    ended = await bench.play("total() is wrong, fix it.")
    assert ended.outcome == "unverified"
    assert "1 of 1 stated examples pass." in ended.summary


async def test_no_examples_are_claimed_where_none_were_stated(workspace: Path) -> None:
    files = {"sums.py": "def total(items):\n    return sum(items) - 1\n"}
    right = "def total(items):\n    return sum(items)\n"
    bench = Bench(workspace, files, RuleModel(lambda _prompt: block(right)))
    ended = await bench.play("total() is wrong, fix it.")
    assert ended.outcome == "unverified"
    assert "example" not in ended.summary
