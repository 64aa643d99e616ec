"""`kodo recall`: finds and reads across sessions and files, also where no session ever was."""

import json
from pathlib import Path

import msgspec
import pytest

from kodo.cli.recall import Found

from .conftest import Kodo

pytestmark = pytest.mark.usefixtures("script")


@pytest.fixture
def script(workspace: Path) -> Path:
    """Write two files and a script of one reply."""
    (workspace / "app.py").write_text("RETRY_BUDGET = 48213\n\n\ndef quartz():\n    return 1\n")
    (workspace / "notes.md").write_text("The tundra gate is closed.\n" * 3)
    path = workspace.parent / "script.jsonl"
    path.write_text(json.dumps({"text": "The basalt door is open."}) + "\n")
    return path


def hits(kodo: Kodo, *argv: str) -> list[Found]:
    """Run with --json and return the hits."""
    return msgspec.json.decode(kodo("recall", *argv, "--json").out, type=list[Found])


def test_a_folder_without_sessions_is_taken_in_then_and_there(kodo: Kodo) -> None:
    ran = kodo("recall", "what is the retry budget?")
    assert ran.code == 0
    assert ran.err == ""
    assert "app.py:1-" in ran.out
    assert "RETRY_BUDGET = 48213" in ran.out


def test_json_has_all_of_a_hit(kodo: Kodo) -> None:
    (hit, *_) = hits(kodo, "RETRY_BUDGET", "-k", "1")
    assert (hit.ref, hit.kind, hit.path) == ("f:app.py@1", "file", "app.py")
    assert hit.lines[0] == 1
    assert (hit.entry, hit.thread, hit.current, hit.anchored) == (0, "", True, True)
    assert hit.text.startswith("RETRY_BUDGET = 48213\n")


def test_nothing_found_is_exit_code_1(kodo: Kodo) -> None:
    ran = kodo("recall", "xylophone")
    assert (ran.code, ran.out) == (1, "")
    assert "nothing found for 'xylophone'" in ran.err
    ran = kodo("recall", "xylophone", "--json")
    assert (ran.code, ran.out) == (1, "[]\n")
    assert kodo("recall", "--history", "xylophone").code == 1


def test_earlier_sessions_are_found_and_read(kodo: Kodo, script: Path) -> None:
    kodo("exec", "-m", f"scripted/{script}", "remember the ember code 77135")
    (hit, *_) = hits(kodo, "ember code", "--kind", "user")
    assert hit.entry > 0
    assert "77135" in hit.text
    assert hits(kodo, "basalt door")[0].kind == "assistant"
    ran = kodo("recall", "--read", hit.ref)
    assert ran.code == 0
    assert hits(kodo, "ember", "--session", hit.thread)
    assert hits(kodo, "tundra gate", "--kind", "user") == []


def test_lines_of_a_reference_are_printed_as_they_are(kodo: Kodo) -> None:
    kodo("recall", "tundra")
    ran = kodo.process("recall", "--read", "f:app.py", "--lines", "4-5")
    assert ran.out == "def quartz():\n    return 1\n"
    assert kodo.process("recall", "--read", "f:app.py@1", "--lines", "1").out == (
        "RETRY_BUDGET = 48213\n"
    )


def test_exact_regex_path_and_history(kodo: Kodo, workspace: Path) -> None:
    assert [hit.path for hit in hits(kodo, "--exact", "GET = 48")] == ["app.py"]
    assert [hit.path for hit in hits(kodo, "--regex", r"gate \w+ closed")] == ["notes.md"]
    assert hits(kodo, "quartz", "--path", "*.md") == []
    (workspace / "app.py").write_text("RETRY_BUDGET = 5\n")
    assert [hit.text for hit in hits(kodo, "--history", "RETRY_BUDGET")] == [
        "RETRY_BUDGET = 48213",
        "RETRY_BUDGET = 5",
    ]
    assert [hit.ref for hit in hits(kodo, "--history", "app.py")] == ["f:app.py@1", "f:app.py@2"]


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("   ",), "QUERY is empty"),
        (("x", "-k", "0"), "k is 0"),
        (("x", "--session", "nobody-here"), "nobody-here"),
        (("--read", "nonsense"), "is no reference"),
        (("--read", "f:app.py", "--lines", "a-b"), "is no range of lines"),
        (("--regex", "("), "is not a regular expression"),
    ],
)
def test_what_is_wrong_is_one_line_and_exit_code_2(
    kodo: Kodo, argv: tuple[str, ...], said: str
) -> None:
    ran = kodo("recall", *argv)
    assert ran.code == 2
    assert said in ran.err
    assert ran.err.count("\n") == 1


def test_what_the_files_hold_cannot_steer_the_terminal(kodo: Kodo, workspace: Path) -> None:
    (workspace / "evil.txt").write_text("zanzibar \x1b[31mred\x1b]0;title\x07\n")
    assert "\x1b" not in kodo("recall", "zanzibar").out
