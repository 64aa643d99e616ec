"""The sandbox for tests."""

from pathlib import Path

import pytest

from kodo.base.errors import SandboxError, ToolError
from kodo.core.sandbox import ExecResult, Sandbox
from kodo.sandboxes.memory import Memory

pytestmark = pytest.mark.anyio


async def test_written_results_come_in_order_and_are_recorded() -> None:
    memory = Memory()
    sandbox: Sandbox = memory
    memory.expect([ExecResult(0, b"one", 0.1), ExecResult(3, b"two", 0.1)])
    seen: list[bytes] = []

    async def hear(piece: bytes) -> None:
        seen.append(piece)

    assert (await sandbox.exec("make", stdin=b"in", on_output=hear)).output == b"one"
    assert (await sandbox.exec(["make", "test"])).exit_code == 3
    assert seen == [b"one"]
    assert [(ran.command, ran.stdin) for ran in memory.ran] == [
        ("make", b"in"),
        (["make", "test"], b""),
    ]
    with pytest.raises(SandboxError, match="no result for 'ls'"):
        await sandbox.exec("ls")


async def test_files_live_in_a_dict() -> None:
    memory = Memory({"a.txt": b"a"})
    await memory.write(Path("sub/../b.txt"), b"b")
    assert await memory.read(memory.workspace / "b.txt") == b"b"
    await memory.write(Path("a.txt"), None)
    assert memory.files == {"b.txt": b"b"}
    with pytest.raises(ToolError, match="outside the workspace"):
        await memory.read(Path("../x"))
    with pytest.raises(ToolError, match="does not exist"):
        await memory.read(Path("a.txt"))
