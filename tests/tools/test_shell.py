"""shell and shell_input on real processes."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import msgspec
import pytest
from anyio import to_thread
from tests.tools.bench import Bench, text_of

from kodo.base.errors import ToolError
from kodo.core.events import ToolProgress
from kodo.tools.background import MAX_RUNNING, Background
from kodo.tools.shell import MAX_SHOWN_BYTES, Shell, ShellDetails, exit_text
from kodo.tools.shell_input import ShellInput

pytestmark = pytest.mark.anyio


@pytest.fixture
async def background() -> AsyncIterator[Background]:
    """Return an open registry of background commands."""
    async with Background() as made:
        yield made


async def test_output_and_exit_code_are_shown(bench: Bench, background: Background) -> None:
    output = await bench.run(Shell(background), command="echo out; echo err >&2; exit 3")
    assert text_of(output).startswith("out\nerr\n[exit code 3, ")
    assert not output.failed
    details = msgspec.json.decode(output.details, type=ShellDetails)
    assert (details.command, details.exit_code) == ("echo out; echo err >&2; exit 3", 3)


async def test_output_is_streamed(bench: Bench, background: Background) -> None:
    await bench.run(Shell(background), command="printf one; printf two")
    assert all(isinstance(event, ToolProgress) for event in bench.events)
    texts = [event.text for event in bench.events if isinstance(event, ToolProgress)]
    assert "".join(texts) == "onetwo"


async def test_long_output_is_cut_and_kept_whole(bench: Bench, background: Background) -> None:
    output = await bench.run(Shell(background), command="seq 100000")
    text = text_of(output)
    assert len(text) < MAX_SHOWN_BYTES + 200
    assert text.startswith("1\n2\n")
    assert "100000\n[exit code 0" in text
    assert "bytes left out" in text
    assert output.kept is not None
    assert bench.blobs.kept[output.kept].split()[-1] == b"100000"


async def test_time_limit_is_told_with_a_way_out(bench: Bench, background: Background) -> None:
    text = await bench.text(Shell(background), command="echo on; sleep 60", timeout_s=1)
    assert text.startswith("on\n[killed at its time limit of 1 s")
    assert "background" in text


async def test_workdir_is_inside(bench: Bench, background: Background) -> None:
    (bench.workspace / "sub").mkdir()
    text = await bench.text(Shell(background), command="pwd", workdir="sub")
    assert text.startswith(f"{bench.workspace}/sub\n")
    with pytest.raises(ToolError, match="outside the workspace"):
        await bench.run(Shell(background), command="pwd", workdir="..")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (b"{}", "missing required field `command`"),
        (b'{"command": 3}', "field 'command': Expected `str`, got `int`"),
        (b'{"command": "ls", "timeout_s": "9"}', "field 'timeout_s': Expected `int`"),
        (b'{"command": "ls", "cwd": "x"}', "unknown field `cwd`"),
        (b'{"command": ', "Input data was truncated"),
        (b'{"command": "\xff"}', "shell:"),
    ],
)
async def test_wrong_arguments_are_explained(
    bench: Bench, background: Background, arguments: bytes, message: str
) -> None:
    with pytest.raises(ToolError, match=message) as caught:
        await Shell(background).run(arguments, bench.context())
    assert "command (string, required)" in str(caught.value)


async def test_background_command_is_spoken_to_and_stopped(
    bench: Bench, background: Background
) -> None:
    shell, talk = Shell(background), ShellInput(background)
    command = "echo ready; while read line; do echo got $line; done"
    started = await bench.text(shell, command=command, background=True)
    assert started.startswith("ready\n")
    assert "'bg1'" in started
    assert await bench.text(talk, id="bg1", text="one\n") == "got one\n['bg1' is running]"
    assert await bench.text(talk, id="bg1", wait_s=0) == "['bg1' is running]"
    assert await bench.text(talk, id="bg1", stop=True, wait_s=0) == "['bg1' was stopped]"
    with pytest.raises(ToolError, match="has ended"):
        await bench.run(talk, id="bg1", text="more\n")
    with pytest.raises(ToolError, match="no background command 'bg9'; there are: bg1"):
        await bench.run(talk, id="bg9")


async def test_background_command_that_ends_at_once(bench: Bench, background: Background) -> None:
    text = await bench.text(Shell(background), command="exit 4", background=True)
    assert "ended at once: exit code 4" in text


async def test_background_commands_are_limited(bench: Bench, background: Background) -> None:
    for _ in range(MAX_RUNNING):
        background.start(bench.sandbox, "sleep 600", None)
    with pytest.raises(ToolError, match="the limit is 16"):
        await bench.run(Shell(background), command="sleep 600", background=True)


async def test_background_commands_end_when_it_is_closed(bench: Bench) -> None:
    pipe = bench.workspace / "alive"
    os.mkfifo(pipe)
    gone: list[bytes] = []

    async def watch() -> None:
        gone.append(await to_thread.run_sync(Path.read_bytes, pipe))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch)
        async with Background() as background:
            command = "exec 9>alive; echo on; sleep 600 & sleep 600"
            text = await bench.text(Shell(background), command=command, background=True)
            assert text.startswith("on\n")
    assert gone == [b""]


async def test_background_needs_an_open_registry(bench: Bench) -> None:
    with pytest.raises(ToolError, match="not available"):
        await bench.run(Shell(Background()), command="sleep 1", background=True)


async def test_shell_in_the_jail(jailed_bench: Bench, background: Background) -> None:
    text = await jailed_bench.text(
        Shell(background), command="touch /usr/kodo-x; echo y > y; cat y"
    )
    assert "Read-only file system" in text
    assert "y\n[exit code 0" in text
    started = await jailed_bench.text(Shell(background), command="read a; echo $a", background=True)
    assert "'bg1'" in started
    text = await jailed_bench.text(ShellInput(background), id="bg1", text="hello\n")
    assert text.startswith("hello\n")


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (0, "exit code 0"),
        (-9, "exit code -9, killed by SIGKILL"),
        (137, "exit code 137, killed by SIGKILL"),
        (129, "exit code 129"),
        (255, "exit code 255"),
    ],
)
def test_exit_codes_in_words(code: int, text: str) -> None:
    assert exit_text(code) == text
