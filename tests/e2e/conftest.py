"""Drives the real `kodo` process: its exit code, its JSON lines, and what it left on disk."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from kodo.cli.exec_events import ExecLine, ItemCompleted, ItemStarted, TurnFailed
from kodo.core.events import MessageAdded, RunEnded
from kodo.core.messages import Assistant, ToolResult
from kodo.core.thread import Entry
from kodo.sandboxes.jail import Jail
from kodo.sandboxes.ladder import choose_rung
from kodo.store.paths import project_store
from kodo.store.store import open_store

TIMEOUT_S = 120

Line = dict[str, Any]
Call = tuple[str, dict[str, object]]


@dataclass(frozen=True, slots=True)
class Ran:
    """How a process ended."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[Line]:
        """The JSON lines, each proven to be of the schema and in a valid order."""
        check_stream(self.out)
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def end(self) -> Line:
        """What kodo adds to the last line of the turn."""
        return next(line for line in reversed(self.lines) if line["type"].startswith("turn."))[
            "kodo"
        ]

    def error(self) -> str:
        """Return the one error line. Nothing else is on stderr."""
        assert self.err.count("\n") == 1, self.err
        assert self.err.startswith("kodo: error: "), self.err
        assert "fault of kodo" not in self.err
        return self.err.removeprefix("kodo: error: ").rstrip("\n")


def check_stream(text: str) -> None:
    """Assert that the lines are a valid stream: known shapes, items closed, turns ended once."""
    assert not text or text.endswith("\n")
    open_items: set[str] = set()
    in_turn = False
    for number, raw in enumerate(text.splitlines()):
        line = msgspec.json.decode(raw, type=ExecLine)
        kind = json.loads(raw)["type"]
        assert (kind == "thread.started") == (number == 0), text
        if kind == "turn.started":
            assert not in_turn
            in_turn = True
        elif kind in ("turn.completed", "turn.failed"):
            assert in_turn
            assert not open_items
            in_turn = False
            if isinstance(line, TurnFailed):
                assert line.error.message
        elif isinstance(line, ItemStarted):
            assert line.item.id not in open_items
            open_items.add(line.item.id)
        elif isinstance(line, ItemCompleted):
            open_items.discard(line.item.id)
    assert not in_turn, text


class Kodo:
    """Runs kodo in a workspace with a home of its own."""

    def __init__(self, workspace: Path, rung: str) -> None:
        self.workspace = workspace
        self._rung = rung
        self.home = Path(os.environ["KODO_HOME"])
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith("COV_")
        }
        self._scripts = 0

    def script(self, *replies: Line) -> str:
        """Write a script outside the workspace and return its model id."""
        self._scripts += 1
        path = self.home.parent / f"script-{self._scripts}.jsonl"
        path.write_text("".join(json.dumps(reply) + "\n" for reply in replies))
        return f"scripted/{path}"

    def argv(self, *words: str) -> list[str]:
        """Return the command line of the real process.

        Where nothing contains commands, the tests run them all the same: they are harmless.
        """
        chosen = ("--rung", "local") if self._rung == "local" and "--rung" not in words else ()
        if words[:1] == ("exec",):
            words = ("exec", *chosen, *words[1:])
        return [sys.executable, "-m", "kodo", *words]

    def run(
        self,
        *words: str,
        stdin: bytes | None = None,
        stdin_fd: int = subprocess.DEVNULL,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        prefix: Sequence[str] = (),
    ) -> Ran:
        """Run one command to its end."""
        done = subprocess.run(
            [*prefix, *self.argv(*words)],
            cwd=cwd or self.workspace,
            env={**self.environment, **(env or {})},
            input=stdin,
            stdin=stdin_fd if stdin is None else None,
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())

    def exec(self, *replies: Line, task: str = "do it", options: Sequence[str] = ()) -> Ran:
        """Run `kodo exec --json` with a scripted model."""
        return self.run("exec", "--json", "-m", self.script(*replies), *options, task)

    def start(self, *words: str) -> "subprocess.Popen[bytes]":
        """Start a command whose end the test decides."""
        return subprocess.Popen(
            self.argv(*words),
            cwd=self.workspace,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    @property
    def store(self) -> Path:
        """The store of the workspace."""
        return project_store(self.home, self.workspace)

    async def threads(self) -> dict[str, list[Entry]]:
        """Return all threads with their entries; every one of them opens and is whole."""
        async with open_store(self.store) as store:
            assert (await store.log.verify()).damages == ()
            assert await store.blobs.verify() == []
            found = await store.log.list(1000)
            return {item.header.id: (await store.log.load(item.header.id))[1] for item in found}

    async def messages(self) -> list[Assistant | ToolResult]:
        """Return what the model and the tools said in the only thread."""
        (entries,) = (await self.threads()).values()
        return [
            entry.event.body.message
            for entry in entries
            if isinstance(entry.event.body, MessageAdded)
            and isinstance(entry.event.body.message, Assistant | ToolResult)
        ]


def check_results(entries: Sequence[Entry]) -> list[ToolResult]:
    """Assert that every call has exactly one result; returns the results."""
    calls: list[str] = []
    results: list[ToolResult] = []
    for entry in entries:
        if isinstance(entry.event.body, MessageAdded):
            message = entry.event.body.message
            if isinstance(message, Assistant):
                calls += [call.id for call in message.calls]
            elif isinstance(message, ToolResult):
                results.append(message)
    assert sorted(calls) == sorted(result.call_id for result in results)
    assert len(set(calls)) == len(calls)
    return results


def outcomes(entries: Sequence[Entry]) -> list[str]:
    """Return how the runs of a thread ended."""
    bodies = [entry.event.body for entry in entries]
    return [body.outcome for body in bodies if isinstance(body, RunEnded)]


def calls(*asked: Call) -> Line:
    """Return a script line that calls tools."""
    return {"calls": [{"name": name, "arguments": arguments} for name, arguments in asked]}


def shell(command: str, **more: object) -> Line:
    """Return a script line that runs a command."""
    return calls(("shell", {"command": command, **more}))


def write(path: str, content: str) -> Line:
    """Return a script line that writes a file."""
    return calls(("write", {"path": path, "content": content}))


def says(text: str, **more: object) -> Line:
    """Return a script line that ends the turn."""
    return {"text": text, **more}


def tree(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder by name, for telling whether it is intact."""
    return {
        os.fsencode(path.relative_to(folder)).decode("latin-1"): (
            os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()
        )
        for path in sorted(folder.rglob("*"))
        if (path.is_symlink() or path.is_file()) and ".git" not in path.parts
    }


def wait_for(process: "subprocess.Popen[bytes]", pattern: str) -> list[bytes]:
    """Read lines until one matches, and return them all. Fails where the output ends first."""
    assert process.stdout is not None
    lines: list[bytes] = []
    for line in process.stdout:
        lines.append(line)
        if re.search(pattern, line.decode()):
            return lines
    raise AssertionError(f"no line matches {pattern!r}: {lines!r}")


def end(process: "subprocess.Popen[bytes]", signal_number: int) -> Ran:
    """Send a signal and return how the process ended, with the rest of its output."""
    process.send_signal(signal.Signals(signal_number))
    out, err = process.communicate(timeout=TIMEOUT_S)
    return Ran(process.returncode, out.decode(), err.decode())


def git(folder: Path, *words: str) -> str:
    """Run git with an identity of its own."""
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    done = subprocess.run(
        ["git", *identity, *words], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.fixture(scope="session")
def rung(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the name of the best sandbox that works on this host."""
    folder = tmp_path_factory.mktemp("probe")
    jail = Jail(workspace=folder, home=folder, environment=dict(os.environ))
    return anyio.run(choose_rung, "auto", jail).name


@pytest.fixture
def kodo(workspace: Path, rung: str) -> Kodo:
    """Return a driver of the real process in an empty workspace."""
    return Kodo(workspace, rung)


@pytest.fixture
def files(kodo: Kodo) -> dict[str, bytes]:
    """Fill the workspace and return what is in it."""
    (kodo.workspace / "app.py").write_text("print('hello')\n")
    (kodo.workspace / "data.bin").write_bytes(bytes(range(256)))
    return tree(kodo.workspace)
