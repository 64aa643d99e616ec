"""The contract of kodo.core.sandbox.Sandbox, on every rung."""

import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import anyio
import msgspec
import pytest
from anyio import to_thread

from kodo.base.errors import ToolError
from kodo.core.sandbox import Sandbox
from kodo.sandboxes.jail import Jail
from kodo.sandboxes.ladder import Rung, make_sandbox, open_copy

pytestmark = pytest.mark.anyio


def _needs(sandbox: Sandbox, guarantee: str) -> None:
    if guarantee not in sandbox.guarantees:
        pytest.skip(f"{sandbox.name} does not promise {guarantee}")


async def _closed_by_all(pipe: Path) -> bool:
    """Open a named pipe for reading and wait until every writer has gone."""

    def wait() -> bool:
        with pipe.open("rb") as stream:
            return stream.read() == b""

    with anyio.fail_after(20):
        return await to_thread.run_sync(wait, abandon_on_cancel=True)


@pytest.mark.parametrize("code", [0, 1, 2, 7, 129, 255])
async def test_exit_code_is_that_of_the_command(sandbox: Sandbox, code: int) -> None:
    result = await sandbox.exec(f"exit {code}")
    assert (result.exit_code, result.timed_out) == (code, False)


async def test_argv_is_not_touched_by_a_shell(sandbox: Sandbox) -> None:
    result = await sandbox.exec(["printf", "%s|", "a b", "$HOME", "*", "'"])
    assert result.output == b"a b|$HOME|*|'|"


async def test_an_unknown_program_is_a_result(sandbox: Sandbox) -> None:
    result = await sandbox.exec(["no-such-program-anywhere"])
    assert result.exit_code == 127
    assert b"no-such-program-anywhere" in result.output


async def test_a_signal_is_told(sandbox: Sandbox) -> None:
    result = await sandbox.exec("kill -9 $$")
    assert result.exit_code in {-9, 137}


async def test_output_keeps_the_order_of_both_streams(sandbox: Sandbox) -> None:
    result = await sandbox.exec("for i in 1 2 3 4; do echo out$i; echo err$i >&2; done")
    wanted = "".join(f"out{i}\nerr{i}\n" for i in range(1, 5))
    assert result.output.decode() == wanted


async def test_output_is_streamed_while_it_comes(sandbox: Sandbox) -> None:
    seen: list[bytes] = []
    first = anyio.Event()

    async def hear(piece: bytes) -> None:
        seen.append(piece)
        first.set()

    async def feed() -> AsyncIterator[bytes]:
        await first.wait()  # the command is still running, as it waits for this line
        yield b"go\n"

    result = await sandbox.exec("echo ready; read line; echo $line", stdin=feed(), on_output=hear)
    assert result.output == b"ready\ngo\n"
    assert b"".join(seen) == result.output


async def test_long_output_loses_its_middle_and_says_so(sandbox: Sandbox) -> None:
    result = await sandbox.exec(
        "echo first; head -c 300000 /dev/zero | tr '\\0' x; echo; echo last",
        max_output_bytes=10_000,
    )
    assert result.omitted_bytes > 280_000
    assert len(result.output) < 11_000
    assert result.output.startswith(b"first\n")
    assert result.output.endswith(b"last\n")
    assert str(result.omitted_bytes).encode() in result.output


async def test_bytes_that_are_not_utf8_come_through(sandbox: Sandbox, workspace: Path) -> None:
    name = b"caf\xe9 \xff.bin"
    (workspace / os.fsdecode(name)).write_bytes(b"\x00\xff\xfe")
    result = await sandbox.exec("printf '%s' *.bin; cat *.bin")
    assert result.output == name + b"\x00\xff\xfe"
    assert await sandbox.read(workspace / os.fsdecode(name)) == b"\x00\xff\xfe"


async def test_stdin_is_given_and_otherwise_empty(sandbox: Sandbox) -> None:
    assert (await sandbox.exec("cat", stdin=b"hello\x00\xff")).output == b"hello\x00\xff"
    assert (await sandbox.exec("cat; echo end")).output == b"end\n"


async def test_stdin_nobody_reads_is_no_error(sandbox: Sandbox) -> None:
    result = await sandbox.exec("exit 3", stdin=b"x" * 1_000_000)
    assert result.exit_code == 3


async def test_cwd_is_the_workspace_or_a_folder_in_it(sandbox: Sandbox, workspace: Path) -> None:
    (workspace / "sub dir").mkdir()
    assert (await sandbox.exec("pwd")).output.decode().strip() == str(workspace)
    inside = await sandbox.exec("pwd; echo $PWD", cwd=workspace / "sub dir")
    assert inside.output.decode() == f"{workspace}/sub dir\n" * 2


@pytest.mark.parametrize("cwd", ["/", "/usr", "..", "missing"])
async def test_cwd_elsewhere_is_refused(sandbox: Sandbox, cwd: str) -> None:
    with pytest.raises(ToolError, match=r"outside the workspace|does not exist"):
        await sandbox.exec("pwd", cwd=Path(cwd))


async def test_environment_is_scrubbed_and_added_to(sandbox: Sandbox) -> None:
    result = await sandbox.exec("env", env={"ADDED": "yes"})
    lines = result.output.decode().splitlines()
    assert "ADDED=yes" in lines
    assert "sk-secret" not in result.output.decode()
    assert any(line.startswith("PATH=") for line in lines)


async def test_time_limit_ends_children_and_grandchildren(
    sandbox: Sandbox, workspace: Path
) -> None:
    os.mkfifo(workspace / "alive")
    gone: list[bool] = []
    async with anyio.create_task_group() as tasks:

        async def watch() -> None:
            gone.append(await _closed_by_all(workspace / "alive"))

        tasks.start_soon(watch)
        result = await sandbox.exec(
            "exec 9>alive; (setsid sh -c 'sleep 600 & sleep 600' &) ; sleep 600 & sleep 600",
            timeout_s=1,
        )
        assert result.timed_out
    assert gone == [True]


async def test_what_runs_in_the_background_ends_with_the_call(
    sandbox: Sandbox, workspace: Path
) -> None:
    os.mkfifo(workspace / "alive")
    gone: list[bool] = []
    async with anyio.create_task_group() as tasks:

        async def watch() -> None:
            gone.append(await _closed_by_all(workspace / "alive"))

        tasks.start_soon(watch)
        result = await sandbox.exec(
            "exec 9>alive; nohup sleep 600 >/dev/null 2>&1 & setsid sleep 600 & echo done"
        )
        assert (result.exit_code, result.timed_out) == (0, False)
        assert b"done" in result.output
    assert gone == [True]


async def test_cancellation_ends_the_command(sandbox: Sandbox, workspace: Path) -> None:
    os.mkfifo(workspace / "alive")
    started = anyio.Event()
    running = anyio.CancelScope()
    ended: list[int] = []

    async def hear(_piece: bytes) -> None:
        started.set()

    async def run() -> None:
        with running:
            result = await sandbox.exec("exec 9>alive; echo on; sleep 600", on_output=hear)
            ended.append(result.exit_code)

    async def stop() -> None:
        await started.wait()
        running.cancel()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run)
        tasks.start_soon(stop)
        assert await _closed_by_all(workspace / "alive")
    assert ended == []


async def test_what_is_written_can_be_read(sandbox: Sandbox, workspace: Path) -> None:
    await sandbox.write(Path("new/deep/file.txt"), b"one")
    assert (workspace / "new/deep/file.txt").read_bytes() == b"one"
    assert await sandbox.read(workspace / "new/deep/file.txt") == b"one"
    assert (await sandbox.exec("cat new/deep/file.txt")).output == b"one"
    await sandbox.write(Path("new/deep/file.txt"), None)
    assert not (workspace / "new/deep/file.txt").exists()


async def test_a_write_keeps_the_mode_and_leaves_nothing_beside_it(
    sandbox: Sandbox, workspace: Path
) -> None:
    script = workspace / "run.sh"
    script.write_bytes(b"#!/bin/sh\n")
    script.chmod(0o755)
    await sandbox.write(script, b"#!/bin/sh\necho hi\n")
    assert script.stat().st_mode & 0o777 == 0o755
    assert [path.name for path in workspace.iterdir()] == ["run.sh"]


async def test_a_symlink_inside_is_followed_and_kept(sandbox: Sandbox, workspace: Path) -> None:
    (workspace / "real.txt").write_text("a")
    (workspace / "link.txt").symlink_to("real.txt")
    await sandbox.write(Path("link.txt"), b"b")
    assert (workspace / "link.txt").is_symlink()
    assert (workspace / "real.txt").read_text() == "b"


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../outside.txt", "out/file", "filelink", "sub/../../outside.txt"]
)
async def test_paths_that_lead_out_are_refused(
    sandbox: Sandbox, workspace: Path, path: str
) -> None:
    outside = workspace.parent / "elsewhere"
    outside.mkdir()
    (outside / "file").write_text("secret")
    (workspace.parent / "outside.txt").write_text("secret")
    (workspace / "sub").mkdir()
    (workspace / "out").symlink_to(outside)
    (workspace / "filelink").symlink_to(outside / "file")
    with pytest.raises(ToolError, match="outside the workspace"):
        await sandbox.read(Path(path))
    with pytest.raises(ToolError, match="outside the workspace"):
        await sandbox.write(Path(path), b"changed")
    assert (outside / "file").read_text() == "secret"
    assert (workspace.parent / "outside.txt").read_text() == "secret"


@pytest.mark.parametrize("name", [".git/hooks/pre-commit", ".git/config", ".kodo/config.toml"])
async def test_what_would_run_later_on_the_host_is_protected(
    sandbox: Sandbox, workspace: Path, name: str
) -> None:
    (workspace / ".git/hooks").mkdir(parents=True)
    with pytest.raises(ToolError, match="protected"):
        await sandbox.write(workspace / name, b"x")


async def test_credentials_inside_the_workspace_are_refused(
    rung: Rung, make_jail: Callable[..., Jail], workspace: Path
) -> None:
    for name in (".aws/credentials", "kodo/trust.toml", "keys/id"):
        (workspace / name).parent.mkdir()
        (workspace / name).write_text("SECRET")
    (workspace / ".ssh").symlink_to("keys")
    (workspace / "readme").symlink_to(".aws/credentials")
    jail = msgspec.structs.replace(make_jail(), home=workspace, secrets=(workspace / "kodo",))
    sandbox = make_sandbox(rung, jail)
    scratch = await open_copy(rung, jail)
    for made in (sandbox, scratch.sandbox):
        for name in (".aws/credentials", "kodo/trust.toml", "keys/id", ".ssh/id", "readme"):
            with pytest.raises(ToolError, match="hidden"):
                await made.read(Path(name))
            with pytest.raises(ToolError, match="hidden"):
                await made.write(Path(name), b"x")
        with pytest.raises(ToolError, match="hidden"):
            await made.write(workspace / ".npmrc", b"x")
        if "read_secrets_denied" in made.guarantees:
            found = await made.exec("cat .aws/* kodo/* keys/* readme | grep SECRET")
            assert b"SECRET" not in found.output
    for name in (".aws", "kodo", "keys"):
        assert not list(scratch.root.glob(f"{name}/*"))
    await scratch.aclose()
    await sandbox.aclose()


async def test_folders_and_pipes_are_refused(sandbox: Sandbox, workspace: Path) -> None:
    (workspace / "folder").mkdir()
    os.mkfifo(workspace / "pipe")
    with pytest.raises(ToolError, match="is a folder"):
        await sandbox.read(Path("folder"))
    with pytest.raises(ToolError, match="a folder"):
        await sandbox.write(Path("folder"), b"")
    with pytest.raises(ToolError, match="not a regular file"):
        await sandbox.read(Path("pipe"))
    with pytest.raises(ToolError, match="not a regular file"):
        await sandbox.write(Path("pipe"), b"")
    with pytest.raises(ToolError, match="does not exist"):
        await sandbox.read(Path("missing"))
    with pytest.raises(ToolError, match="does not exist"):
        await sandbox.write(Path("missing"), None)
    with pytest.raises(ToolError, match=r"cannot be used|cannot read"):
        await sandbox.read(Path("nul\0byte"))
    with pytest.raises(ToolError, match="cannot"):
        await sandbox.read(Path("x" * 5000))


async def test_read_only_profile_writes_nothing(
    rung: Rung, make_jail: Callable[..., Jail], workspace: Path
) -> None:
    (workspace / "a.txt").write_text("a")
    sandbox = make_sandbox(rung, make_jail(profile="read-only"))
    with pytest.raises(ToolError, match="read-only"):
        await sandbox.write(Path("a.txt"), b"b")
    assert await sandbox.read(Path("a.txt")) == b"a"
    if "write_outside_denied" in sandbox.guarantees:
        result = await sandbox.exec(
            "echo b > a.txt; touch new; rm a.txt; echo x > ${TMPDIR:-/tmp}/y && echo ok"
        )
        denials = (b"Read-only file system", b"Permission denied")
        assert max(map(result.output.count, denials)) == 3
        assert result.output.endswith(b"ok\n")
    assert [path.name for path in workspace.iterdir()] == ["a.txt"]
    await sandbox.aclose()


async def test_writing_outside_is_denied(sandbox: Sandbox, tmp_path: Path) -> None:
    _needs(sandbox, "write_outside_denied")
    victim = tmp_path / "victim"
    victim.write_text("whole")
    result = await sandbox.exec(f"echo broken > {victim}; rm -rf {tmp_path}/victim; touch /usr/x")
    assert result.exit_code != 0
    assert victim.read_text() == "whole"


async def test_a_folder_for_temporary_files_and_a_home_can_be_written(sandbox: Sandbox) -> None:
    _needs(sandbox, "write_outside_denied")
    await sandbox.exec("echo kept > ${TMPDIR:-/tmp}/note; echo kept > ~/note")
    result = await sandbox.exec("cat ${TMPDIR:-/tmp}/note ~/note")
    assert result.output == b"kept\nkept\n"


async def test_network_is_denied(sandbox: Sandbox) -> None:
    _needs(sandbox, "network_denied")
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        result = await sandbox.exec(f"exec 3<>/dev/tcp/127.0.0.1/{port} && echo connected")
    assert result.exit_code != 0
    assert b"connected" not in result.output


async def test_tmp_lasts_from_command_to_command_and_is_private(sandbox: Sandbox) -> None:
    _needs(sandbox, "private_tmp")
    await sandbox.exec("echo kept > /tmp/kodo-test-note; echo kept > ~/note")
    assert (await sandbox.exec("cat /tmp/kodo-test-note ~/note")).output == b"kept\nkept\n"
    assert not Path("/tmp/kodo-test-note").exists()


async def test_commands_run_side_by_side(sandbox: Sandbox) -> None:
    outputs: dict[int, bytes] = {}

    async def run(number: int) -> None:
        outputs[number] = (await sandbox.exec(f"echo {number}")).output

    async with anyio.create_task_group() as tasks:
        for number in range(6):
            tasks.start_soon(run, number)
    assert outputs == {number: f"{number}\n".encode() for number in range(6)}
