"""Folders that cannot be written and disks that are full: one clear line, and an intact tree."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import Kodo, check_results, says, shell, tree, write

pytestmark = pytest.mark.anyio


@pytest.fixture
def locked(kodo: Kodo) -> Iterator[Path]:
    """Return a folder that nobody can write to."""
    if os.geteuid() == 0:
        if shutil.which("mount") is None:
            pytest.skip("root writes everywhere, and there is no mount here")
        mounted = subprocess.run(
            ["mount", "--bind", kodo.workspace, kodo.workspace], capture_output=True, check=False
        )
        if mounted.returncode != 0:
            pytest.skip("root writes everywhere, and nothing can be mounted here")
        try:
            remount = ["mount", "-o", "remount,ro,bind", str(kodo.workspace)]
            if subprocess.run(remount, capture_output=True, check=False).returncode != 0:
                pytest.skip("nothing can be mounted read-only here")
            yield kodo.workspace
        finally:
            subprocess.run(["umount", str(kodo.workspace)], check=True)
    else:
        kodo.workspace.chmod(0o555)
        try:
            yield kodo.workspace
        finally:
            kodo.workspace.chmod(0o755)


async def test_a_folder_that_cannot_be_written(
    kodo: Kodo, files: dict[str, bytes], locked: Path
) -> None:
    ran = kodo.exec(write("new.txt", "x"), says("I could not"))
    assert ran.code == 0, ran.err
    (entries,) = (await kodo.threads()).values()
    (result,) = check_results(entries)
    assert result.outcome == "error"
    assert "new.txt" in result.text
    assert "Read-only" in result.text or "Permission denied" in result.text
    assert tree(locked) == files


def test_a_home_that_cannot_be_used(kodo: Kodo, files: dict[str, bytes], tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file, not a folder")
    ran = kodo.run("exec", "-m", kodo.script(says("never")), "x", env={"KODO_HOME": str(blocked)})
    assert ran.code in (2, 4)
    assert str(blocked) in ran.error()
    assert tree(kodo.workspace) == files


def test_files_may_not_grow(kodo: Kodo, files: dict[str, bytes]) -> None:
    """The disk refuses to take more: the run stops, says so, and leaves the tree alone."""
    code = (
        "import os, resource, sys\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, 1 << 16))\n"
        "os.execv(sys.argv[1], sys.argv[1:])\n"
    )
    ran = kodo.run(
        *("exec", "--json", "-m", kodo.script(write("big.txt", "x" * 200_000), says("never"))),
        "x",
        prefix=[kodo.argv()[0], "-c", code],
    )
    assert ran.code == 4, ran.out
    assert "store" in ran.err.rstrip("\n").splitlines()[-1]
    assert "Traceback" not in ran.err
    assert tree(kodo.workspace) == files


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a folder on a disk of one and a half megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1536k", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("only root can mount a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_no_space_for_the_store(kodo: Kodo, files: dict[str, bytes], small_disk: Path) -> None:
    replies = [shell(f"head -c 400000 /dev/urandom | base64; echo {at}") for at in range(8)]
    model = kodo.script(*replies, says("never"))
    ran = kodo.run("exec", "--json", "-m", model, "x", env={"KODO_HOME": str(small_disk)})
    assert ran.code == 4, ran.out
    last = ran.err.rstrip("\n").splitlines()[-1]
    assert str(small_disk) in last
    assert "full" in last or "space" in last.lower()
    assert tree(kodo.workspace) == files


async def test_no_space_in_the_workspace(kodo: Kodo, small_disk: Path) -> None:
    kodo.workspace = small_disk / "project"
    kodo.workspace.mkdir()
    (kodo.workspace / "app.py").write_text("print('hello')\n")
    ran = kodo.exec(write("app.py", "x" * 3_000_000), says("there is no room"))
    assert ran.code == 0, ran.err
    (entries,) = (await kodo.threads()).values()
    (result,) = check_results(entries)
    assert "No space left on device" in result.text
    assert tree(kodo.workspace) == {"app.py": b"print('hello')\n"}
