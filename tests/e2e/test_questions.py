"""An ordinary session of 50 steps in auto mode asks at most once, in each of four languages."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

STEPS = 50
LANGUAGES: dict[str, tuple[str, str, str, str]] = {
    # language: program, source, text, how it is tested, how a package is installed
    "python": ("lib.py", "x = {n}\n", "python3 -m unittest -q", "pip install --no-index six"),
    "javascript": ("lib.js", "exports.x = {n};\n", "node lib.js", "npm install --offline left-pad"),
    "ruby": ("lib.rb", "X = {n}\n", "ruby -c lib.rb", "gem install --local rake"),
    "c": ("lib.c", "int x = {n};\n", "cc -c lib.c -o lib.o", "make -n all"),
}
PROGRAMS = {"python": "python3", "javascript": "node", "ruby": "ruby", "c": "cc"}
PRESETS = {"python": "@python", "javascript": "@javascript", "ruby": "@ruby", "c": "@cpp"}


def session(language: str) -> list[tuple[str, Mapping[str, object]]]:
    """Return what a model does in 50 steps: read, search, edit, test, install, git."""
    source, text, test, install = LANGUAGES[language]
    calls: list[tuple[str, Mapping[str, object]]] = []
    for n in range(STEPS // 10):
        calls += [
            ("read", {"path": source}),
            ("grep", {"pattern": "x", "path": "."}),
            ("write", {"path": source, "content": text.format(n=n + 1)}),
            ("shell", {"command": test}),
            ("shell", {"command": "git status --short && git diff | head -50"}),
            ("shell", {"command": install if n == 0 else "ls -la && cat .git/HEAD"}),
            ("shell", {"command": f"mkdir -p build && cp {source} build/ && rm -rf build"}),
            ("shell", {"command": f"find . -name '{source}' | xargs wc -l"}),
            ("shell", {"command": f"git add -A && git commit -qm 'step {n}'"}),
            ("shell", {"command": "git log --oneline | head -3"}),
        ]
    return calls


@pytest.mark.full
@pytest.mark.parametrize("language", LANGUAGES)
def test_at_most_one_question(language: str, workspace: Path, tmp_path: Path) -> None:
    if shutil.which(PROGRAMS[language]) is None:
        pytest.skip(f"{PROGRAMS[language]} is not installed")
    source, text, _, _ = LANGUAGES[language]
    (workspace / source).write_text(text.format(n=0))
    subprocess.run(["git", "init", "-q", str(workspace)], check=True)
    calls = session(language)
    replies = [{"calls": [{"name": n, "arguments": a}]} for n, a in calls]
    script = tmp_path / "script.jsonl"
    script.write_text("".join(json.dumps(r) + "\n" for r in replies) + '{"text": "done"}\n')
    ran = subprocess.run(
        [
            *(sys.executable, "-m", "kodo", "exec", "-m", f"scripted/{script}", "--json"),
            *("--strategy", "tools", "--trust", "-c", 'scan.edit="off"'),
            *("--allow-host", PRESETS[language], "work"),
        ],
        cwd=workspace,
        env=dict(os.environ),
        capture_output=True,
        check=False,
        text=True,
    )
    assert len(calls) == STEPS
    assert ran.stdout.count('"item.completed"') >= STEPS, ran.stdout[-2000:] + ran.stderr[-2000:]
    # Headless, a question is a denial that names its rule.
    asked = [line for line in ran.stdout.splitlines() if '"status":"declined"' in line]
    assert len(asked) <= 1, asked
