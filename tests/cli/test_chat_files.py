"""/diff, /undo and /redo of a chat take a step, on a real store."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from kodo.base.errors import ConfigError
from kodo.cli.chat_files import FileCommands
from kodo.core.messages import user
from kodo.runtime.build import open_session
from kodo.runtime.config import Settings, load_settings, read_environment
from kodo.store.store import open_store
from kodo.tui.ansi import Paint

pytestmark = pytest.mark.anyio


def write(path: str, content: str) -> dict[str, Any]:
    return {"calls": [{"name": "write", "arguments": {"path": path, "content": content}}]}


@pytest.fixture
def settings(workspace: Path, tmp_path: Path) -> Settings:
    replies = [
        write("a.py", "x = 1\n"),
        write("a.py", "x = 2\n"),
        write("b.py", "y = 1\n"),
        {"text": "made both"},
    ]
    script = tmp_path / "script.jsonl"
    script.write_text("".join(json.dumps(reply) + "\n" for reply in replies))
    home = str(tmp_path / "home")
    environment = {"HOME": home, "KODO_HOME": home, "PATH": "/usr/bin:/bin"}
    return load_settings(
        read_environment(environment),
        workspace,
        assignments=(f"model=scripted/{script}", "rung=local"),
    )


@pytest.fixture
async def files(settings: Settings, workspace: Path) -> AsyncIterator[FileCommands]:
    async with (
        open_session(settings) as session,
        open_store(settings.paths.store(workspace)) as store,
    ):
        await session.run(user("make both"))
        yield FileCommands(session, store.snapshots(workspace), Paint(colour=False))


async def test_a_diff_of_a_step(files: FileCommands) -> None:
    steps = await files.diff("steps")
    assert [line.split()[0] for line in steps[:3]] == ["1", "2", "3"]
    second = "\n".join(await files.diff("2"))
    assert "-x = 1" in second
    assert "+x = 2" in second
    assert "b.py" not in second
    assert "b.py" in "\n".join(await files.diff(""))


async def test_undo_from_a_step_on(files: FileCommands, workspace: Path) -> None:
    done = await files.undo("2")
    assert done[0] == "undone: make both"
    assert (workspace / "a.py").read_text() == "x = 1\n"
    assert not (workspace / "b.py").exists()
    assert "(undone)" in (await files.diff("steps"))[1]
    assert (await files.redo(""))[0] == "redone: make both"
    assert (workspace / "b.py").read_text() == "y = 1\n"
    await files.undo("")
    assert not (workspace / "a.py").exists()


@pytest.mark.parametrize("words", ["0", "-1", "9", "2 3", "two", "--hard", "steps"])
async def test_what_is_not_understood_moves_nothing(
    files: FileCommands, workspace: Path, words: str
) -> None:
    with pytest.raises(ConfigError):
        await files.undo(words)
    assert (workspace / "a.py").read_text() == "x = 2\n"


async def test_redo_takes_no_step(files: FileCommands) -> None:
    await files.undo("")
    with pytest.raises(ConfigError):
        await files.redo("2")
