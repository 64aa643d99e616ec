"""What a command writes passes through the edit checks: blocked files are put back."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BAD = (
    "import sqlite3\\nfrom flask import request\\n\\n\\ndef view():\\n"
    "    name = request.args.get('name')\\n    cursor = sqlite3.connect('a').cursor()\\n"
    "    cursor.execute('SELECT ' + name)\\n"
)


def run(workspace: Path, tmp_path: Path, command: str, *options: str) -> str:
    path = tmp_path / "script.jsonl"
    replies = [
        {"calls": [{"name": "shell", "arguments": {"command": command}}]},
        {"text": "done"},
    ]
    path.write_text("\n".join(json.dumps(reply) for reply in replies))
    words = ["exec", "-m", f"scripted/{path}", "--rung", "local", *options, "write it"]
    done = subprocess.run(
        [sys.executable, "-m", "kodo", *words],
        cwd=workspace,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def test_a_weakness_that_a_command_writes_is_put_back_and_told(
    workspace: Path, tmp_path: Path
) -> None:
    said = run(workspace, tmp_path, f'printf "{BAD}" > app.py; echo fine > notes.txt')
    assert not (workspace / "app.py").exists()
    assert (workspace / "notes.txt").read_text() == "fine\n"
    assert "put back: app.py" in said


@pytest.mark.parametrize(("edit", "there"), [("note", True), ("off", True), ("ask", False)])
def test_the_configuration_decides_how_strong_the_answer_is(
    workspace: Path, tmp_path: Path, edit: str, there: bool
) -> None:
    said = run(workspace, tmp_path, f'printf "{BAD}" > app.py', "-c", f"scan.edit={edit}")
    assert (workspace / "app.py").exists() is there
    assert ("python.sql-injection" in said or "SQL" in said) is (edit != "off")
