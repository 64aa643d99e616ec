"""Children: their output in order and capped, their end told, and none outlives its call."""

import os
import signal
import sys
from pathlib import Path

import anyio
import pytest

from kodo.base.process import Completed, kill_group, run_process

pytestmark = pytest.mark.anyio

# Prints the child's and its background grandchild's ids, then stays.
FAMILY = "sleep 1000 & echo $$ $!; wait"


async def gone(pids: list[int]) -> None:
    """Wait until none of the processes runs."""
    for pid in pids:
        try:
            watched = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        try:
            with anyio.fail_after(10):
                await anyio.wait_readable(watched)
        finally:
            os.close(watched)


async def test_output_and_exit_code_come_back() -> None:
    done = await run_process(["sh", "-c", "echo out; echo err >&2; exit 3"])
    assert (done.exit_code, done.output) == (3, b"out\nerr\n")
    assert (done.omitted_bytes, done.timed_out) == (0, False)


async def test_a_signal_is_a_negative_exit_code() -> None:
    done = await run_process(["sh", "-c", "kill -TERM $$"])
    assert done.exit_code == -signal.SIGTERM


async def test_stdin_env_and_cwd_reach_the_child(tmp_path: Path) -> None:
    done = await run_process(
        ["sh", "-c", "cat; echo $WORD; pwd"],
        stdin=b"fed\n",
        env={"WORD": "given", "PATH": os.defpath},
        cwd=tmp_path,
    )
    assert done.output == f"fed\ngiven\n{tmp_path}\n".encode()


async def test_a_child_that_does_not_read_its_input_is_no_error() -> None:
    done = await run_process(["true"], stdin=b"x" * 1_000_000)
    assert done.exit_code == 0


async def test_without_stdin_the_child_reads_an_end() -> None:
    assert (await run_process(["cat"])).output == b""


async def test_long_output_keeps_its_ends_and_counts_the_rest() -> None:
    script = "print('first'); print('x' * 300_000); print('last')"
    done = await run_process([sys.executable, "-c", script], max_output_bytes=1000)
    head, _, rest = done.output.partition(b"\n[")
    assert head.startswith(b"first\nxxx")
    assert done.output.endswith(b"xxx\nlast\n")
    assert done.omitted_bytes == 300_000 + 12 - 1000
    assert f"{done.omitted_bytes} bytes left out".encode() in rest


async def test_output_that_just_fits_is_whole() -> None:
    done = await run_process(["printf", "%s", "y" * 1000], max_output_bytes=1000)
    assert (done.output, done.omitted_bytes) == (b"y" * 1000, 0)


async def test_output_is_heard_while_the_child_runs() -> None:
    heard = b""

    async def hear(piece: bytes) -> None:
        nonlocal heard
        heard += piece
        if heard == b"ready\n":
            scope.cancel()

    with anyio.CancelScope() as scope:
        await run_process(["sh", "-c", "echo ready; sleep 1000"], on_output=hear)
    assert scope.cancelled_caught


async def test_the_time_limit_ends_the_whole_group() -> None:
    done = await run_process(["sh", "-c", FAMILY], timeout_s=0.5)
    assert done.timed_out
    assert done.exit_code == -signal.SIGKILL
    await gone([int(pid) for pid in done.output.split()])


async def test_cancelling_ends_the_whole_group() -> None:
    pids: list[int] = []

    async def hear(piece: bytes) -> None:
        pids.extend(int(pid) for pid in piece.split())
        scope.cancel()

    with anyio.CancelScope() as scope:
        await run_process(["sh", "-c", FAMILY], on_output=hear)
    assert len(pids) == 2
    await gone(pids)


async def test_a_background_child_that_keeps_the_pipe_does_not_hold_the_call() -> None:
    done: Completed | None = None
    with anyio.fail_after(30):
        done = await run_process(["sh", "-c", "sleep 1000 & echo $!"])
    assert done.exit_code == 0
    assert not done.timed_out
    await gone([int(done.output)])


async def test_a_program_that_is_not_there_is_an_os_error() -> None:
    with pytest.raises(FileNotFoundError):
        await run_process(["kodo-no-such-program"])


async def test_killing_a_group_that_has_gone_is_no_error() -> None:
    process = await anyio.open_process(["true"], start_new_session=True)
    async with process:
        await process.wait()
    kill_group(process.pid)
