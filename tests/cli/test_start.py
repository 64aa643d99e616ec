"""What a command has imported when it matters: at the first request, and at the help."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import json, sys, threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from kodo.cli.main import main

class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        print(json.dumps(sorted(sys.modules)), file=sys.stderr)
        self.send_error(400)
    def log_message(self, *words):
        pass

server = HTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_address[1]}/v1"
lab = ["-c", "providers.lab.transport=sse", "-c", f"providers.lab.base_url={url}"]
main(["exec", "-m", "lab/m", "--json", *lab, "-c", "providers.lab.wire=responses", "task"])
"""

LATER = (
    "h11",
    "httpcore2",
    "httpx2",
    "importlib.metadata",
    "kodo.agent.projects",
    "kodo.agent.strategies.search",
    "kodo.engine",
    "kodo.models.anthropic",
    "kodo.models.local",
    "kodo.models.openai_chat",
    "kodo.models.websocket",
    "kodo.scan",
    "kodo.server",
    "kodo.store.index",
    "kodo.syntax.graph",
    "kodo.tools.fetch",
    "numpy",
    "pathspec",
    "prompt_toolkit",
    "rich",
    "starlette",
    "tarfile",
    "tree_sitter_bash",
    "uvicorn",
    "websockets",
    "xllamacpp",
    "yaml",
)
"""What is loaded when it is needed, each of them dear; a start that waits for one is a mistake."""

MOST_MODULES = 500
"""The test's own http.server included. Lower it with every gain; raise it only with a reason."""


def is_of(module: str, package: str) -> bool:
    """Tell whether a module is the package or lies in it."""
    return module == package or module.startswith(f"{package}.")


@pytest.mark.skipif(sys.platform != "linux", reason="rungs of other systems load other files")
def test_what_is_not_needed_for_the_first_request_comes_after_it(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "work").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=tmp_path / "work",
        env={
            "HOME": str(tmp_path / "home"),
            "KODO_HOME": str(tmp_path / "home"),
            "PATH": os.environ["PATH"],
        },
        capture_output=True,
        text=True,
        check=True,
    )
    told = next((line for line in done.stderr.splitlines() if line.startswith("[")), "")
    assert told, f"nothing was asked: {done.stdout} {done.stderr}"
    loaded: list[str] = json.loads(told)
    early = [name for name in loaded if any(is_of(name, later) for later in LATER)]
    assert early == []
    assert len(loaded) <= MOST_MODULES
