"""Scratch copies: seen in the workspace's place, thrown away, and never too large."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from kodo.base.errors import SandboxError, ToolError
from kodo.sandboxes.copy import CopyLimits
from kodo.sandboxes.jail import Jail
from kodo.sandboxes.ladder import Rung, open_copy

pytestmark = pytest.mark.anyio
SMALL = CopyLimits(total_bytes=100_000, total_files=50, folder_bytes=1_000, folder_files=5)


@pytest.fixture
def project(workspace: Path) -> Path:
    """Return a workspace with sources, a repository and a large dependency folder."""
    (workspace / "src").mkdir()
    (workspace / "src/a.py").write_text("one")
    (workspace / "src/a.py").chmod(0o750)
    os.utime(workspace / "src/a.py", ns=(10**18, 10**18))
    (workspace / "link").symlink_to("src/a.py")
    (workspace / "absolute").symlink_to(workspace / "src/a.py")
    (workspace / ".git").mkdir()
    (workspace / ".git/HEAD").write_text("ref: refs/heads/main\n")
    (workspace / "node_modules/big").mkdir(parents=True)
    (workspace / "node_modules/big/index.js").write_bytes(b"x" * 5_000)
    os.mkfifo(workspace / "pipe")
    return workspace


async def test_commands_see_the_copy_at_the_workspace(
    rung: Rung, make_jail: Callable[..., Jail], project: Path
) -> None:
    scratch = await open_copy(rung, make_jail(), SMALL)
    sandbox = scratch.sandbox
    assert scratch.root != project
    result = await sandbox.exec("echo two > src/a.py; echo new > new; cat link; pwd")
    where = project if rung in ("bwrap", "userns") else scratch.root
    assert result.output.decode() == f"two\n{where}\n"
    assert (scratch.root / "src/a.py").read_text() == "two\n"
    assert await sandbox.read(project / "src/a.py") == b"two\n"
    assert await sandbox.read(scratch.root / "src/a.py") == b"two\n"
    assert await sandbox.read(project / "absolute") == b"two\n"
    await sandbox.write(project / "src/a.py", b"three")
    assert (await sandbox.exec("cat src/a.py")).output == b"three"
    assert (project / "src/a.py").read_text() == "one"
    assert not (project / "new").exists()
    await scratch.aclose()
    assert not scratch.root.exists()


async def test_the_copy_keeps_modes_times_and_links(
    rung: Rung, make_jail: Callable[..., Jail], project: Path
) -> None:
    scratch = await open_copy(rung, make_jail(), SMALL)
    found = (scratch.root / "src/a.py").stat()
    assert (found.st_mode & 0o777, found.st_mtime_ns) == (0o750, 10**18)
    assert (scratch.root / "link").is_symlink()
    assert not (scratch.root / "pipe").exists()
    await scratch.aclose()


async def test_large_dependencies_are_shared_read_only(
    rung: Rung, make_jail: Callable[..., Jail], project: Path
) -> None:
    scratch = await open_copy(rung, make_jail(), SMALL)
    assert "node_modules" in scratch.copied.shared
    sandbox = scratch.sandbox
    result = await sandbox.exec("wc -c < node_modules/big/index.js; cat .git/HEAD")
    assert result.output == b"5000\nref: refs/heads/main\n"
    inside = project / "node_modules/big/index.js"
    assert await sandbox.read(inside) == b"x" * 5_000
    with pytest.raises(ToolError, match="shared and read-only"):
        await sandbox.write(inside, b"y")
    if rung == "bwrap":
        denied = await sandbox.exec("echo y > node_modules/big/index.js; rm .git/HEAD")
        assert denied.output.count(b"Read-only file system") == 2
    elif rung == "landlock":
        denied = await sandbox.exec("echo y > node_modules/big/index.js")
        assert b"Permission denied" in denied.output
    await scratch.aclose()
    assert inside.read_bytes() == b"x" * 5_000


async def test_a_workspace_over_the_cap_is_refused(
    rung: Rung, make_jail: Callable[..., Jail], project: Path, tmp_path: Path
) -> None:
    (project / "video.bin").write_bytes(b"x" * 200_000)
    with pytest.raises(SandboxError, match="too large for a scratch copy"):
        await open_copy(rung, make_jail(), SMALL)
    for number in range(60):
        (project / f"{number}.txt").write_text("")
    (project / "video.bin").unlink()
    with pytest.raises(SandboxError, match="too large for a scratch copy"):
        await open_copy(rung, make_jail(), SMALL)


async def test_a_copy_with_closed_folders_is_removed(
    rung: Rung, make_jail: Callable[..., Jail], project: Path
) -> None:
    scratch = await open_copy(rung, make_jail(), SMALL)
    await scratch.sandbox.exec(
        "mkdir -p closed/deep; touch closed/deep/x; chmod 0 closed/deep closed"
    )
    await scratch.aclose()
    assert not scratch.root.parent.exists()


async def test_the_copy_of_a_read_only_run_can_be_written(
    rung: Rung, make_jail: Callable[..., Jail], project: Path
) -> None:
    scratch = await open_copy(rung, make_jail(profile="read-only"), SMALL)
    await scratch.sandbox.write(project / "src/a.py", b"three")
    assert (await scratch.sandbox.exec("echo x > new; cat src/a.py new")).output == b"threex\n"
    assert (project / "src/a.py").read_text() == "one"
    await scratch.aclose()
