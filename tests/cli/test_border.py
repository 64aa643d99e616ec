"""The border: words that look like options and are prose."""

import pytest

from kodo.cli.border import load_command, make_parser


@pytest.mark.parametrize(
    "task",
    ["--verbose=false is parsed as true", "-v=1 is refused; mend it", "- first\n- second", "-x y"],
)
def test_a_task_may_begin_with_a_dash(task: str) -> None:
    module = load_command("kodo.cli.exec")
    parser = make_parser("exec", module, "do one task")
    words = parser.prose_last(["--json", task, "-m", "scripted/x", "-c", "checks=['a b']"])
    arguments = parser.parse_args(words)
    assert arguments.task == task
    assert arguments.model == "scripted/x"
    assert arguments.assignments == ["checks=['a b']"]


def test_values_with_blanks_stay_with_their_option() -> None:
    parser = make_parser("exec", load_command("kodo.cli.exec"), "do one task")
    argv = ["--output=my answer.txt", "-i", "-odd name.png", "do it"]
    assert parser.prose_last(argv) == argv
