"""Nothing gets out of a jail, within what its rung declares."""

import os
from pathlib import Path

import anyio
import pytest
from tests.escape.attempts import (
    ATTEMPTS,
    SURVIVORS,
    SURVIVORS_WITHOUT_A_TRACE,
    Attempt,
)
from tests.escape.conftest import CANARY, Scene

from kodo.sandboxes.jail import Jail
from kodo.sandboxes.local import Local

pytestmark = pytest.mark.anyio


def variables(scene: Scene) -> dict[str, str]:
    """Return what every attempt knows about the host."""
    return {
        "OUTSIDE": str(scene.outside),
        "REAL_HOME": str(scene.home),
        "BYSTANDER": str(scene.bystander),
        "KODO": str(os.getpid()),
        "PORT": str(scene.port),
        "ABSTRACT": scene.abstract,
        "SOCKET": str(scene.socket_path),
    }


def picture(scene: Scene, *, status: bool) -> dict[str, object]:
    """Return what must not change: names, content, and modes and times where `status`."""
    found: dict[str, object] = {}
    folders = (scene.outside, scene.home, scene.workspace / ".git", scene.workspace / ".kodo")
    waiting = [*folders]
    while waiting:
        path = waiting.pop()
        if path.is_symlink():
            found[str(path)] = path.readlink()
        elif path.is_file():
            found[str(path)] = path.read_bytes()
        elif path.is_dir():
            found[str(path)] = "folder"
            waiting += path.iterdir()
        else:
            found[str(path)] = "other"
    if status and (scene.outside / "file").exists():
        file = (scene.outside / "file").lstat()
        found["status"] = (file.st_mode, file.st_mtime_ns)
    return found


def lives(pid: int) -> bool:
    """Whether a process runs (not stopped, not a zombie)."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] in "SRD"


def strangers(token: str) -> list[int]:
    """Return the processes of this host whose command line holds a word."""
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if token.encode() in words:
                found.append(int(entry.name))
    return found


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=lambda a: f"{a.against}-{a.name}")
async def test_nothing_gets_out(scene: Scene, attempt: Attempt) -> None:
    rung = scene.sandbox.name
    if attempt.against not in scene.sandbox.guarantees:
        pytest.skip(f"{rung} does not promise {attempt.against}")
    if rung in attempt.not_on:
        pytest.skip(f"{rung} documents this as not covered")
    about_git = attempt.against == "repository_protected" or rung in {"bwrap", "userns"}
    before = picture(scene, status=not attempt.not_on)
    done = await scene.sandbox.exec(attempt.words, env=variables(scene), timeout_s=60)
    output = done.output.decode("utf-8", "replace")
    assert not done.timed_out, output
    assert "ESCAPED" not in output
    assert CANARY not in output
    after = picture(scene, status=not attempt.not_on)
    if not about_git:
        after = {path: value for path, value in after.items() if "/.git" not in path}
        before = {path: value for path, value in before.items() if "/.git" not in path}
    assert after == before
    assert lives(scene.bystander)


@pytest.mark.parametrize(
    "attempt", [a for a in ATTEMPTS if a.proven], ids=lambda a: f"{a.against}-{a.name}"
)
async def test_the_attempts_are_real(scene: Scene, attempt: Attempt) -> None:
    """Without a jail the same programs do get through: an attempt that cannot proves nothing."""
    if scene.sandbox.name != "local":
        pytest.skip("only without a jail")
    before = picture(scene, status=True)
    done = await scene.sandbox.exec(attempt.words, env=variables(scene), timeout_s=60)
    output = done.output.decode("utf-8", "replace")
    got_through = "ESCAPED" in output or CANARY in output or picture(scene, status=True) != before
    assert got_through, output


@pytest.mark.parametrize("name", [*SURVIVORS, *SURVIVORS_WITHOUT_A_TRACE])
async def test_nothing_lives_on(scene: Scene, name: str) -> None:
    if scene.sandbox.name == "local" and name in SURVIVORS_WITHOUT_A_TRACE:
        pytest.skip("local finds survivors by their environment")
    token = f"7471.{scene.bystander}"
    program = {**SURVIVORS, **SURVIVORS_WITHOUT_A_TRACE}[name].replace("7471", token)
    await scene.sandbox.exec(program, timeout_s=1 if name == "past-its-time" else 60)
    with anyio.move_on_after(5):
        while strangers(token):  # noqa: ASYNC110 - a killed process takes a moment to go
            await anyio.sleep(0.02)
    assert not strangers(token)


async def test_what_a_jail_is_asked_to_hide_is_there(tmp_path: Path, workspace: Path) -> None:
    """The canary can be read where there is no jail, so its absence says something."""
    secret = tmp_path / "secret"
    secret.write_text(CANARY)
    done = await Local(Jail(workspace, tmp_path)).exec(["cat", str(secret)])
    assert CANARY.encode() in done.output


def test_there_are_enough_attempts_and_every_guarantee_has_some() -> None:
    assert len(ATTEMPTS) + len(SURVIVORS) >= 60
    assert len({(a.against, a.name) for a in ATTEMPTS}) == len(ATTEMPTS)
