"""Attempts to get out of the bubblewrap jail, and what it must show all the same."""

import os
import shutil
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path

import anyio
import pytest

from kodo.base.errors import SandboxError
from kodo.sandboxes.jail import Jail, JailLimits
from kodo.sandboxes.namespaces import bubblewrap
from kodo.sandboxes.namespaces.bubblewrap import Bubblewrap

pytestmark = pytest.mark.anyio


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a home with credentials and a toolchain."""
    home = tmp_path / "home"
    for name in (
        ".ssh/id_ed25519",
        ".aws/credentials",
        ".config/gh/hosts.yml",
        ".gem/credentials",
        ".netrc",
        ".env",
    ):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text("SECRET")
    (home / "kodo").mkdir()
    (home / "kodo/store.db").write_text("SECRET")
    tool = home / ".pyenv/bin/tool"
    tool.parent.mkdir(parents=True)
    tool.write_text("#!/bin/sh\necho tool runs\n")
    tool.chmod(0o755)
    return home


@pytest.fixture
async def jail(
    working_rungs: dict[str, str | None],
    make_jail: Callable[..., Jail],
    workspace: Path,
    home: Path,
) -> AsyncIterator[Bubblewrap]:
    """Return the jail that the attempts start from: a repository, in a home with secrets."""
    if (why := working_rungs["bwrap"]) is not None:
        pytest.skip(f"bwrap: {why}")
    (workspace / ".git").mkdir()
    (workspace / ".git/config").write_text("[core]\n")
    (workspace / ".kodo").mkdir()
    (workspace / "sub/repository/.git").mkdir(parents=True)
    (workspace / "sub/worktree").mkdir()
    (workspace / "sub/worktree/.git").write_text("gitdir: ../../.git/worktrees/a\n")
    (workspace.parent / "outside").mkdir()
    (workspace.parent / "outside/file").write_text("whole")
    made = Bubblewrap(make_jail(secrets=(home / "kodo",)))
    yield made
    await made.aclose()


@pytest.mark.parametrize(
    "attempt",
    [
        "echo x > ../outside/file",
        "ln -s {outside} link; echo x > link/file",
        "mount -o remount,rw / && echo x > ../outside/file",
        "mount --bind /tmp {outside} && echo in > {outside}/file && cat /proc/1/root{outside}/file",
        "unshare -Urm true",
        ": >> /proc/sys/kernel/core_pattern",  # opened, never written: a miss must do no harm
        "find /proc /sys -writable -type f -not -path '/proc/[0-9]*' 2>/dev/null | grep .",
        "nsenter -t 1 -m true && cat ../../home/.ssh/id_ed25519 | grep SECRET",
        "mknod disk b 254 0 && head -c1 disk",
        "mv .git moved",
        "mkdir .git/hooks; echo x > .git/hooks/pre-commit",
        "git config core.fsmonitor /bin/true",
        "echo x > .git/config",
        "echo /tmp > .git/commondir",
        "mkdir -p .git/modules/a && echo x > .git/modules/a/config",
        "rm -rf .git",
        "echo x > sub/repository/.git/config",
        "mv sub sub2; mkdir -p sub/repository/.git && echo x > sub/repository/.git/config",
        "echo 'gitdir: /tmp' > sub/worktree/.git",
        "rm sub/worktree/.git",
        "mv sub/worktree elsewhere",
        "mkdir -p .kodo && echo x > .kodo/config.toml",
        "rm -rf .kodo && mkdir .kodo && touch .kodo/config.toml",
        "cat {home}/.ssh/id_ed25519 {home}/.aws/credentials | grep SECRET",
        "cat {home}/.gem/credentials | grep SECRET",
        "cat {home}/.netrc {home}/.env {home}/.config/gh/hosts.yml | grep SECRET",
        "cat {home}/kodo/store.db | grep SECRET",
        "cat /proc/1/root{home}/.ssh/id_ed25519 | grep SECRET",
        "echo x >> {home}/.pyenv/bin/tool",
        "umount {home} && cat {home}/.ssh/id_ed25519",
        "chroot /proc/1/root true",
        "chmod u+s {home}/.pyenv/bin/tool",
        "test -S /run/docker.sock -o -S /var/run/docker.sock",
        "head -c1 /etc/shadow | grep .",
        "kill -0 {pid}",
        "tail -n +3 /proc/net/dev | grep -v lo:",
        "exec 3<>/dev/udp/192.0.2.1/53 && echo q >&3",
    ],
)
async def test_an_attempt_to_get_out_fails(
    jail: Bubblewrap, workspace: Path, home: Path, attempt: str
) -> None:
    outside = workspace.parent / "outside"
    command = attempt.format(outside=outside, home=home, pid=os.getpid())
    result = await jail.exec(command)
    assert result.exit_code != 0, result.output
    assert b"SECRET" not in result.output
    assert (outside / "file").read_text() == "whole"
    assert not (workspace / ".git/hooks/pre-commit").exists()
    assert [path.name for path in (workspace / ".git").iterdir()] == ["config"]
    assert (workspace / ".git/config").read_text() == "[core]\n"
    assert not list((workspace / "sub/repository/.git").iterdir())
    assert (workspace / "sub/worktree/.git").read_text().startswith("gitdir: ..")
    assert not list((workspace / ".kodo").glob("*"))


async def test_abstract_sockets_of_the_host_are_out_of_reach(jail: Bubblewrap) -> None:
    name = f"\0kodo-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(name)
        listener.listen(1)
        program = (
            "import socket; s = socket.socket(socket.AF_UNIX);"
            f" s.connect({name!r}); print('connected')"
        )
        result = await jail.exec(["python3", "-c", program])
    assert b"connected" not in result.output


async def test_only_a_few_processes_can_be_seen(jail: Bubblewrap) -> None:
    result = await jail.exec("ls /proc | grep -c '^[0-9]'")
    assert int(result.output) < 8


async def test_no_privilege_can_be_gained(jail: Bubblewrap) -> None:
    result = await jail.exec("grep -E 'NoNewPrivs|CapEff|CapBnd' /proc/self/status")
    assert result.output.split() == [
        b"CapEff:", b"0" * 16, b"CapBnd:", b"0" * 16, b"NoNewPrivs:", b"1"
    ]  # fmt: skip


async def test_toolchains_of_the_home_run_and_the_home_can_be_written(
    jail: Bubblewrap, home: Path
) -> None:
    result = await jail.exec(f"{home}/.pyenv/bin/tool; echo $HOME; touch ~/.new && ls -A ~")
    words = result.output.decode().split()
    assert words == ["tool", "runs", str(home), ".gem", ".new", ".pyenv", "kodo"]
    assert not (home / ".new").exists()


async def test_home_is_kept_where_a_folder_for_it_is_given(
    jail: Bubblewrap, make_jail: Callable[..., Jail], tmp_path: Path
) -> None:
    for expected in (b"", b"kept\n"):
        other = Bubblewrap(make_jail(cache_home=tmp_path / "cache"))
        result = await other.exec(
            "cat ~/.cache/note 2>/dev/null; mkdir -p ~/.cache; echo kept > ~/.cache/note"
        )
        assert result.output == expected
        await other.aclose()


async def test_a_workspace_that_is_the_home_still_hides_its_keys(
    jail: Bubblewrap, home: Path
) -> None:
    whole = Bubblewrap(Jail(home, home, {"PATH": os.environ["PATH"]}))
    result = await whole.exec(
        "cat .ssh/* .netrc .config/gh/*; echo x > .ssh/key; touch ok; echo $HOME"
    )
    assert b"SECRET" not in result.output
    assert result.output.endswith(b"/tmp/home\n")
    assert (home / "ok").exists()
    assert [path.name for path in (home / ".ssh").iterdir()] == ["id_ed25519"]
    await whole.aclose()


async def test_credentials_inside_the_workspace_cannot_be_moved_into_sight(
    jail: Bubblewrap, home: Path
) -> None:
    for workspace in (home, home / ".config"):
        whole = Bubblewrap(Jail(workspace, home, {"PATH": os.environ["PATH"]}))
        moved = await whole.exec("mv .config moved; mv gh moved; mv .ssh keys")
        assert moved.exit_code != 0
        found = await whole.exec("grep -rs SECRET . && echo found")
        assert b"hosts.yml" not in found.output
        assert b".ssh" not in found.output
        await whole.aclose()


async def test_credentials_behind_a_symlink_are_hidden_where_they_lie(
    jail: Bubblewrap, make_jail: Callable[..., Jail], home: Path
) -> None:
    (home / "dotfiles").mkdir()
    (home / ".ssh").rename(home / "dotfiles/ssh")
    (home / ".ssh").symlink_to("dotfiles/ssh")
    for made in (Bubblewrap(make_jail()), Bubblewrap(Jail(home, home, dict(os.environ)))):
        result = await made.exec(f"cat {home}/dotfiles/ssh/id_ed25519; ls {home}/dotfiles")
        assert result.output.endswith(b"No such file or directory\nssh\n")
        await made.aclose()


async def test_a_repository_can_be_read_and_one_elsewhere_written(
    jail: Bubblewrap, make_jail: Callable[..., Jail], workspace: Path
) -> None:
    made = Bubblewrap(make_jail(profile="full"))
    commit = "git add a && git -c user.name=a -c user.email=a@b commit -qm one"
    await made.exec(f"rm -rf .git && git init -q && echo a > a && {commit}")
    await made.aclose()
    result = await jail.exec("echo b > a; git status --short a; git diff --stat; git log --oneline")
    assert result.exit_code == 0
    assert result.output.startswith(b" M a\n")
    assert result.output.endswith(b" one\n")
    assert not (workspace / ".git/index.lock").exists()
    denied = await jail.exec("git add a")
    assert b"Read-only file system" in denied.output
    there = await jail.exec(f"git init -q /tmp/r && cd /tmp/r && echo a > a && {commit} && git log")
    assert there.output.endswith(b"one\n")


async def test_size_of_files_is_limited(
    jail: Bubblewrap, make_jail: Callable[..., Jail], workspace: Path
) -> None:
    small = Bubblewrap(make_jail(limits=JailLimits(file_bytes=1 << 20, memory_bytes=256 << 20)))
    result = await small.exec("head -c 3000000 /dev/zero > big")
    assert result.exit_code != 0
    assert (workspace / "big").stat().st_size <= 1 << 20
    hungry = await small.exec(["python3", "-c", "x = bytearray(1 << 30)"])
    assert b"MemoryError" in hungry.output
    await small.aclose()


async def test_number_of_processes_is_limited(
    jail: Bubblewrap, make_jail: Callable[..., Jail]
) -> None:
    if "pids_limited" not in jail.guarantees:
        pytest.skip("the number of processes is not limited for root")
    few = Bubblewrap(make_jail(limits=JailLimits(processes=20)))
    result = await few.exec("for i in $(seq 60); do sleep 600 & done; echo all")
    assert b"Resource temporarily unavailable" in result.output
    await few.aclose()


async def test_guarantees_follow_the_profile(make_jail: Callable[..., Jail]) -> None:
    program = "/usr/bin/bwrap"
    strict = Bubblewrap(make_jail(), program=program).guarantees
    open_net = Bubblewrap(make_jail(allow_net=True), program=program).guarantees
    full = Bubblewrap(make_jail(profile="full"), program=program).guarantees
    assert strict - open_net == {"network_denied"}
    assert {"write_outside_denied", "network_denied", "privileges_denied"} & full == set()
    assert full >= {"processes_ended", "host_processes_hidden", "memory_limited"}


async def test_full_profile_writes_where_it_wants(
    jail: Bubblewrap, make_jail: Callable[..., Jail], tmp_path: Path
) -> None:
    full = Bubblewrap(make_jail(profile="full"))
    result = await full.exec(f"echo x > {tmp_path}/free")
    assert (result.exit_code, (tmp_path / "free").read_text()) == (0, "x\n")
    await full.aclose()


async def test_network_reaches_loopback_where_allowed(
    jail: Bubblewrap, make_jail: Callable[..., Jail]
) -> None:
    connected = Bubblewrap(make_jail(allow_net=True))
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        result = await connected.exec(f"exec 3<>/dev/tcp/127.0.0.1/{port} && echo connected")
    assert result.output == b"connected\n"
    await connected.aclose()


async def test_nothing_is_left_behind(
    jail: Bubblewrap, make_jail: Callable[..., Jail], workspace: Path
) -> None:
    shutil.rmtree(workspace / ".kodo")
    before = sorted(workspace.rglob("*"))
    other = Bubblewrap(make_jail())
    await other.exec("true")
    await jail.exec("echo x > /tmp/x")
    await other.aclose()
    assert (await jail.exec("true")).exit_code == 0
    private = jail.session_folder
    assert private is not None
    assert private.exists()
    await jail.aclose()
    assert not private.exists()
    assert sorted(workspace.rglob("*")) == before


async def test_what_is_guarded_may_go_while_the_jail_stands(
    jail: Bubblewrap, workspace: Path, home: Path
) -> None:
    await jail.exec("true")
    shutil.rmtree(workspace / "sub")
    (workspace / "sub").symlink_to(home / ".ssh")
    shutil.rmtree(workspace / ".kodo")
    (workspace / ".kodo").symlink_to("../home/.ssh")
    result = await jail.exec("mkdir -p ~/.ssh; cat sub/* .kodo/* ~/.ssh/*; echo end")
    assert b"SECRET" not in result.output
    assert result.output.endswith(b"end\n")


async def test_a_program_that_is_not_bwrap_is_found_out(
    make_jail: Callable[..., Jail], tmp_path: Path
) -> None:
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace'; exit 1\n")
    broken.chmod(0o755)
    why = await bubblewrap.probe(make_jail(), program=str(broken))
    assert why == "No permissions to create new namespace"
    with pytest.raises(SandboxError, match="No permissions to create new namespace"):
        async with aclosing(Bubblewrap(make_jail(), program=str(broken))) as made:
            await made.exec("true")
    open_jail = tmp_path / "open"
    open_jail.write_text('#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done; shift; exec "$@"\n')
    open_jail.chmod(0o755)
    why = await bubblewrap.probe(make_jail(), program=str(open_jail))
    assert why is not None
    assert "can be" in why


async def test_a_command_that_talks_like_bwrap_is_only_a_result(jail: Bubblewrap) -> None:
    result = await jail.exec("echo 'bwrap: broken'; exit 1")
    assert (result.exit_code, result.output) == (1, b"bwrap: broken\n")
