"""The scene of every attempt: a host with something to steal and to break, and a jail on a rung."""

import os
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path

import anyio
import msgspec
import pytest

from kodo.core.sandbox import Sandbox
from kodo.sandboxes.jail import Jail, JailLimits
from kodo.sandboxes.ladder import RUNGS, Rung, RungReport, make_sandbox, probe_rungs

CANARY = "canary-7f3a"


class Scene(msgspec.Struct, frozen=True):
    """The host as an attempt finds it. `bystander` is a process that must live on."""

    sandbox: Sandbox
    workspace: Path
    home: Path
    outside: Path
    bystander: int
    port: int
    abstract: str
    socket_path: Path


@pytest.fixture(scope="session")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, RungReport]:
    """Return what a probe says of every rung of this host."""
    folder = tmp_path_factory.mktemp("probe")
    jail = Jail(folder, folder, {"PATH": os.environ["PATH"]})
    return {report.name: report for report in anyio.run(probe_rungs, jail)}


@pytest.fixture(params=RUNGS)
def rung(request: pytest.FixtureRequest, reports: dict[str, RungReport]) -> Rung:
    """Return each rung in turn; one that does not work here is skipped, with the reason."""
    name: Rung = request.param
    if not (report := reports[name]).works:
        pytest.skip(f"{name}: {report.why_not}")
    return name


@pytest.fixture
def bystander() -> Iterator[int]:
    """Return a process of the user that no attempt may touch; it knows the canary."""
    environment = {"PATH": os.environ["PATH"], "TOKEN": CANARY}
    with subprocess.Popen(["sleep", "600"], env=environment) as process:
        yield process.pid
        process.kill()


@pytest.fixture
async def scene(
    rung: Rung, tmp_path: Path, workspace: Path, bystander: int
) -> AsyncIterator[Scene]:
    """Return the scene on a rung: a repository as workspace, a home with keys, listeners."""
    home, outside = tmp_path / "home", tmp_path / "outside"
    for path in (".ssh/id_ed25519", ".aws/credentials", ".config/gh/hosts.yml", ".netrc", ".env"):
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        (home / path).write_text(CANARY)
    (home / ".local/bin").mkdir(parents=True)
    (home / ".local/bin/tool").write_text("#!/bin/sh\necho tool\n")
    (home / ".local/bin/tool").chmod(0o755)
    (home / ".bashrc").write_text("# mine\n")
    outside.mkdir()
    (outside / "file").write_text("whole")
    (outside / "file").chmod(0o666)
    (outside / "secret").write_text(CANARY)
    (workspace / ".git/hooks").mkdir(parents=True)
    (workspace / ".git/HEAD").write_text("ref: refs/heads/main\n")
    (workspace / ".git/config").write_text("[core]\n")
    (workspace / ".kodo").mkdir()
    (workspace / ".kodo/config.toml").write_text("")
    environment = {
        "PATH": os.environ["PATH"],
        "AWS_SECRET_ACCESS_KEY": CANARY,
        "GITHUB_TOKEN": CANARY,
        "PIP_INDEX_URL": f"https://me:{CANARY}@example.org/simple",
        "LD_PRELOAD": "/nowhere.so",
    }
    limits = JailLimits(
        memory_bytes=1 << 30, processes=200, file_bytes=64 << 20, memory_sum_bytes=256 << 20
    )
    jail = Jail(workspace, home, environment, limits=limits, secrets=(outside / "secret",))
    abstract = f"kodo-escape-{os.getpid()}-{bystander}"
    socket_path = outside / "e.sock"
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(8)
        for kind, name in (
            (socket.SOCK_STREAM, f"\0{abstract}"),
            (socket.SOCK_DGRAM, f"\0{abstract}-d"),
            (socket.SOCK_STREAM, str(socket_path)),
        ):
            end = stack.enter_context(socket.socket(socket.AF_UNIX, kind))
            end.bind(name)
            if kind == socket.SOCK_STREAM:
                end.listen(8)
        made = make_sandbox(rung, jail)
        yield Scene(
            sandbox=made,
            workspace=workspace,
            home=home,
            outside=outside,
            bystander=bystander,
            port=listener.getsockname()[1],
            abstract=abstract,
            socket_path=socket_path,
        )
        await made.aclose()
