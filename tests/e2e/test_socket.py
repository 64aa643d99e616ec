"""kodo asks kodo: `kodo exec` over the WebSocket mode of `kodo serve`, both as users run them."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

SCRIPT = [
    {"calls": [{"name": "shell", "arguments": {"command": "echo one"}}]},
    {"expect": "one", "calls": [{"name": "shell", "arguments": {"command": "echo two"}}]},
    {"expect": "two", "text": "All done."},
]


@contextmanager
def serving(script: Path) -> Generator[str]:
    """Run `kodo serve` on a free port; yields its address."""
    argv = [sys.executable, "-m", "kodo", "serve", "-m", f"scripted/{script}", "--port", "0"]
    with subprocess.Popen([*argv, "--json"], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield json.loads(server.stdout.readline())["url"]
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(30)


def test_exec_keeps_one_websocket_open_over_its_turns(workspace: Path, tmp_path: Path) -> None:
    script = tmp_path / "replies.jsonl"
    script.write_text("".join(f"{json.dumps(line)}\n" for line in SCRIPT))
    home = Path(os.environ["KODO_HOME"])
    home.mkdir(parents=True, exist_ok=True)
    with serving(script) as url:
        (home / "config.toml").write_text(
            f'[providers.mine]\nbase_url = "{url}/v1"\nwire = "responses"\n'
        )
        done = subprocess.run(
            [sys.executable, "-m", "kodo", "exec", "-m", "mine/default", "--json", "do it"],
            cwd=workspace,
            capture_output=True,
            text=True,
            check=False,
        )
        if "no sandbox" in done.stderr:
            pytest.skip(done.stderr)
        with urllib.request.urlopen(f"{url}/metrics") as answer:
            counted = answer.read().decode()
    assert done.returncode == 0, done.stderr
    assert '"text":"All done."' in done.stdout
    assert 'kodo_model_calls_total{endpoint="responses_ws"' in counted
    assert 'status="ok"} 3' in counted
