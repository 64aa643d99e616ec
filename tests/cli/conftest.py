"""Running commands in this process, and in one of their own."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from kodo.cli.main import main


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command printed and its exit code."""

    code: int
    out: str
    err: str


class Kodo:
    """Runs kodo in a folder."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys

    def __call__(self, *argv: str) -> Ran:
        """Run in this process."""
        self._capsys.readouterr()
        code = main(list(argv))
        captured = self._capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    def process(self, *argv: str, stdin: str = "") -> Ran:
        """Run in a process of its own, as users do."""
        done = subprocess.run(
            [sys.executable, "-m", "kodo", *argv],
            cwd=self.folder,
            env=dict(os.environ),
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def kodo(
    workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Kodo:
    """Return a runner whose current folder is an empty workspace."""
    monkeypatch.chdir(workspace)
    return Kodo(workspace, capsys)
