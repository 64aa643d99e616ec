"""/recall, /rewind and /context in an open session, on a real store."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from kodo.base.errors import ConfigError, ToolError
from kodo.cli.chat import ChatCommands
from kodo.cli.context import window_lines
from kodo.cli.looking_back import SteppingBack, recall_lines
from kodo.core.messages import user
from kodo.runtime.build import open_session
from kodo.runtime.config import Settings, load_settings, read_environment
from kodo.runtime.past.windows import report_window
from kodo.runtime.session import Session
from kodo.store.store import open_store
from kodo.tui.ansi import Paint

pytestmark = pytest.mark.anyio

PLAIN = Paint(colour=False)


def write(path: str, content: str) -> dict[str, Any]:
    return {"calls": [{"name": "write", "arguments": {"path": path, "content": content}}]}


@pytest.fixture
def settings(workspace: Path, tmp_path: Path) -> Settings:
    replies = [
        write("a.py", "x = 1\n"),
        {"text": "made a.py"},
        write("a.py", "x = 2  # quartz-77\n"),
        {"text": "changed it"},
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
async def session(settings: Settings) -> AsyncIterator[Session]:
    async with open_session(settings) as opened:
        await opened.run(user("make a.py"))
        await opened.run(user("change it"))
        yield opened


async def test_recall_finds_by_words_and_reads_by_reference(session: Session) -> None:
    assert session.memory is not None
    found = await recall_lines(session.memory, "quartz-77", PLAIN)
    assert any("quartz-77" in line for line in found)
    ref = found[0].split()[0]
    assert "x = 2  # quartz-77" in "\n".join(await recall_lines(session.memory, ref, PLAIN))
    assert await recall_lines(session.memory, "f:a.py@1", PLAIN) == ["  x = 1"]
    assert await recall_lines(session.memory, "zorbax", PLAIN) == ["nothing is found for 'zorbax'"]
    with pytest.raises(ToolError):
        await recall_lines(session.memory, "e999", PLAIN)


async def test_a_step_back_is_shown_then_taken_and_can_be_undone(
    session: Session, settings: Settings, workspace: Path
) -> None:
    async with open_store(settings.paths.store(workspace)) as store:
        stepping = SteppingBack(settings, session, store.snapshots(workspace))
        title, place = await stepping.go("")
        assert title == "where to step back to, with /rewind ENTRY:"
        name = place.split()[0]
        assert place.endswith("before: change it")
        shown = await stepping.go(name)
        assert "  you said: change it" in shown
        assert "  changed a.py" in shown
        assert shown[-1] == f"to do it: /rewind {name} yes"
        assert (workspace / "a.py").read_text() == "x = 2  # quartz-77\n"

        (done,) = await stepping.go(f"{name} yes")
        assert (workspace / "a.py").read_text() == "x = 1\n"
        assert "change it" not in str(session.thread.messages())
        back = done.rpartition("/rewind ")[2]
        await stepping.go(back)
        assert (workspace / "a.py").read_text() == "x = 2  # quartz-77\n"
        assert "change it" in str(session.thread.messages())

        await stepping.go(f"{name} --messages yes")
        assert (workspace / "a.py").read_text() == "x = 2  # quartz-77\n"
        for wrong in ("e999", "nowhere", f"{name} --hard"):
            with pytest.raises(ConfigError):
                await stepping.go(wrong)


async def test_the_window_is_told_in_lines(session: Session) -> None:
    lines = window_lines(report_window(session.thread))
    text = "\n".join(lines)
    assert "pinned: the task" in text
    assert "of 1,000,000; 100,000 are kept free to reply" in text
    assert all("\x1b" not in line for line in lines)


async def test_the_chat_knows_the_commands(
    session: Session, settings: Settings, workspace: Path
) -> None:
    async with open_store(settings.paths.store(workspace)) as store:
        commands = ChatCommands(settings, session, store.snapshots(workspace))
        names = {item.name: item.while_working for item in commands.table()}
    assert (names["/context"], names["/recall"], names["/rewind"]) == (True, True, False)
