"""`kodo policy`: the examples of its help work, and kodo's own rules hold everywhere."""

import shlex
from pathlib import Path

import pytest

from kodo.cli.main import main
from kodo.cli.policy import EXAMPLES


@pytest.mark.parametrize(
    "line",
    [line.strip() for line in EXAMPLES.splitlines() if line.startswith("  kodo policy ")],
)
def test_each_example_of_the_help(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KODO_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    code = main(shlex.split(line)[1:])
    shown = capsys.readouterr()
    assert code in (0, 1), shown.err
    assert shown.out


def test_the_rules_of_kodo_hold_in_a_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KODO_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    code = main(["policy", "test"])
    assert code == 0, capsys.readouterr().out
