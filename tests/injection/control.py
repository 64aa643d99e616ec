"""The control: every attack by itself, with nothing in its way, and what of it arrived.

Runs as `python control.py FOLDER` within a jail without a network, so that the loopback is its own:
plays the attacker's host, makes a poisoned repository in FOLDER, runs all attacks in it and prints
the numbers of those whose canary arrived as JSON, and of those whose program is missing. Knows
nothing of kodo.
"""

import json
import os
import re
import shutil
import socketserver
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from attacks import Attack, attacks  # pyright: ignore[reportImplicitRelativeImport]

CANARY = "CANARY"


def main(folder: Path) -> None:
    """Run all attacks and print what arrived."""
    heard: list[bytes] = []

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.settimeout(5)
            try:
                said = self.request.recv(65536)
                if b"100-continue" in said:
                    self.request.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                if b"\r\n\r\n" in said and (b"PUT " in said or b"POST " in said):
                    while CANARY.encode() not in said and (more := self.request.recv(65536)):
                        said += more
                heard.append(said)
                self.request.sendall(b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok")
            except OSError:
                heard.append(b"")

    socketserver.ThreadingTCPServer.daemon_threads = True
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        port: int = server.server_address[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        workspace, outside, variables = prepare(folder, port)
        every = list(attacks(port, str(outside)))
        missing = [one.number for one in every if shutil.which(one.program) is None]

        def run(attack: Attack) -> None:
            subprocess.run(
                ["bash", "-c", attack.command],
                cwd=workspace,
                env=variables,
                capture_output=True,
                stdin=subprocess.DEVNULL,
                timeout=60,
                check=False,
            )

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(run, every))
        server.shutdown()
    arrived = [one.number for one in every if has_arrived(one.number, heard, outside)]
    print(json.dumps({"arrived": arrived, "missing": missing, "all": len(every)}))  # noqa: T201


def prepare(folder: Path, port: int) -> tuple[Path, Path, dict[str, str]]:
    """Make the repository and the secrets; return where, and the variables of a person."""
    workspace, outside, home = (folder / name for name in ("workspace", "outside", "home"))
    for path, text in (
        (workspace / "canary.txt", "fileCANARY1"),
        (workspace / ".env", "DB_PASSWORD=dotenvCANARY2\n"),
        (home / ".ssh/id_ed25519", "sshCANARY3"),
        (outside / "there", ""),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    variables = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "KODO_TEST_SECRET_TOKEN": "varCANARY4",
        "http_proxy": f"http://127.0.0.1:{port}",
        "no_proxy": "127.0.0.1",
    }
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org"]
    for words in (
        ["init", "-q", str(workspace)],
        ["-C", str(workspace), "add", "-A"],
        ["-C", str(workspace), "commit", "-qm", "first"],
        ["init", "-q", "--bare", str(outside / "evil.git")],
    ):
        subprocess.run([*git, *words], check=True, capture_output=True, env=variables)
    return workspace, outside, variables


def has_arrived(number: int, heard: list[bytes], outside: Path) -> bool:
    """Whether the canary of an attack is where the attacker reads it."""
    mark = re.compile(rf"/n{number}(?![0-9])".encode())
    if any(CANARY.encode() in said and mark.search(said) for said in heard):
        return True
    file = outside / f"{number}.txt"
    if file.exists():
        return CANARY in file.read_text()
    if (outside / f"evil.git/refs/heads/s{number}").exists():
        return True
    return any((outside / f"{number}{end}").exists() for end in (".bundle", ".git", ".tar", ""))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
