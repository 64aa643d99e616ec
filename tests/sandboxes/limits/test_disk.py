"""A command that writes too much, or that would fill the disk, is ended."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from kodo.sandboxes.jail import Jail, JailLimits
from kodo.sandboxes.ladder import Rung, make_sandbox
from kodo.sandboxes.limits.disk import counts_writes, free_bytes, written_bytes

pytestmark = pytest.mark.anyio
FILL = "for i in $(seq 1 4000); do head -c 1000000 /dev/zero >f$((i % 8)); done; echo ESCAPED"


def on_a_disk(folder: Path) -> bool:
    """Whether the kernel counts what is written there: not in memory."""
    told = subprocess.run(["stat", "-f", "-c", "%T", folder], capture_output=True, check=False)
    return told.returncode == 0 and b"tmpfs" not in told.stdout and counts_writes()


async def test_who_writes_too_much_is_ended(
    rung: Rung, make_jail: Callable[..., Jail], workspace: Path
) -> None:
    sandbox = make_sandbox(rung, make_jail(limits=JailLimits(written_bytes=64 << 20)))
    if "disk_sum_limited" not in sandbox.guarantees:
        pytest.skip(f"{rung} does not promise it")
    if not on_a_disk(workspace):
        pytest.skip("the workspace is not on a disk whose writes are counted")
    done = await sandbox.exec(FILL, timeout_s=120)
    await sandbox.aclose()
    assert b"ESCAPED" not in done.output
    assert b"of the 64 MiB that a command may write (jail.written_mib)" in done.output
    assert done.exit_code != 0
    assert not done.timed_out


async def test_who_would_fill_the_disk_is_ended(
    rung: Rung, make_jail: Callable[..., Jail], workspace: Path
) -> None:
    free = free_bytes(workspace)
    limits = JailLimits(written_bytes=None, free_bytes=free)  # half of it is kept, then
    sandbox = make_sandbox(rung, make_jail(limits=limits))
    if "disk_sum_limited" not in sandbox.guarantees:
        pytest.skip(f"{rung} does not promise it")
    done = await sandbox.exec("sleep 0.6; echo whole")
    await sandbox.aclose()
    assert done.output == b"whole\n", "a disk that is nearly full already is not its fault"


def test_what_ended_children_wrote_counts(workspace: Path) -> None:
    if not on_a_disk(workspace):
        pytest.skip("the workspace is not on a disk whose writes are counted")
    before = written_bytes(os.getpid())
    subprocess.run(["dd", "if=/dev/zero", "of=f", "bs=1M", "count=8"], check=True, cwd=workspace)
    assert written_bytes(os.getpid()) - before >= 8 << 20
