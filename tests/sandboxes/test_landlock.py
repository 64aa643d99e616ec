"""Attempts to get out of the Landlock jail, and what must work in it all the same."""

import os
import platform
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import anyio
import pytest

from kodo.base.errors import SandboxError
from kodo.base.process import attend
from kodo.sandboxes import landlock, landlock_launcher
from kodo.sandboxes.jail import Jail, JailLimits
from kodo.sandboxes.landlock import Landlock
from kodo.sandboxes.zygote.client import Zygote

pytestmark = pytest.mark.anyio
OTHER = "aarch64" if platform.machine() == "x86_64" else "x86_64"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a home with credentials, a neighbour project, and toolchains."""
    home = tmp_path / "home"
    for name in (".ssh/id_ed25519", ".aws/credentials", ".config/gh/hosts.yml", ".netrc", ".env"):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text("SECRET")
    (home / "kodo").mkdir()
    (home / "kodo/store.db").write_text("SECRET")
    (home / ".gem").mkdir()
    (home / ".gem/credentials").write_text("SECRET")
    (home / ".gem/spec").write_text("a gem")
    (home / "neighbour").mkdir()
    (home / "neighbour/readme").write_text("hello")
    (home / "neighbour/keys").symlink_to(home / ".ssh")
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
) -> AsyncIterator[Landlock]:
    """Return the jail that the attempts start from, in a home with secrets."""
    if (why := working_rungs["landlock"]) is not None:
        pytest.skip(f"landlock: {why}")
    (workspace.parent / "outside").mkdir()
    (workspace.parent / "outside/file").write_text("whole")
    made = Landlock(make_jail(secrets=(home / "kodo",)))
    yield made
    await made.aclose()


@pytest.mark.parametrize(
    "attempt",
    [
        "echo x > {outside}/file",
        "echo x >> {outside}/file",
        "ln -s {outside} link; echo x > link/file",
        "ln {outside}/file hard && echo x > hard",
        "mv {outside}/file .",
        "touch {outside}/new",
        "mkdir {outside}/new",
        "rm -f {outside}/file",
        "truncate -s 0 {outside}/file",
        "python3 -c 'import os; os.truncate(\"{outside}/file\", 0)'",
        "mv {outside} {outside}2",
        "mkdir d; mv d {outside}/",
        "echo x > /proc/$$/root{outside}/file",
        "echo x > /proc/{pid}/cwd/made-by-a-test",
        "exec 3<{outside}/file; echo x > /proc/self/fd/3",
        "unshare -Urm true",
        "unshare -n true",
        "chroot / true",
        "nsenter -t {pid} -m true",
        "mknod disk b 254 0",
        "mknod null c 1 3",
        "head -c1 /dev/vda /dev/sda /dev/kmsg /dev/mem /proc/kcore | grep -a .",
        ": >> /proc/sys/kernel/core_pattern",  # opened, never written: a miss must do no harm
        "exec 3>>/dev/kmsg",
        "touch /dev/shm/kodo-test",
        "touch /tmp/kodo-test",
        "touch /var/tmp/kodo-test",
        "ls /tmp",
        "ls {home}",
        "ls {home}/.ssh",
        "cat {home}/.ssh/id_ed25519",
        "cat {home}/.netrc",
        "cat {home}/.config/gh/hosts.yml",
        "cat {home}/.gem/credentials",
        "cat {home}/neighbour/keys/id_ed25519",
        "cat {home}/kodo/store.db",
        "cat /proc/{pid}/root{home}/.netrc",
        "cp -r {home}/.ssh got && ls got/id_ed25519",
        "ln {home}/.netrc got && cat got",
        "cat /proc/{pid}/environ",
        "head -c1 /proc/{pid}/mem",
        "head -c1 /etc/shadow",
        "echo x >> {home}/.pyenv/bin/tool",
        "echo x >> ~/.pyenv/bin/tool",
        "echo x >> {home}/neighbour/readme",
        "cp /bin/true t; chmod u+s t",
        "chmod u+s {home}/.pyenv/bin/tool",
        "exec 3<>/dev/udp/127.0.0.1/53",
        "exec 3<>/dev/tcp/127.0.0.1/9",
        "python3 -c 'import socket; socket.socket(socket.AF_INET6)'",
        "python3 -c 'import socket; socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)'",
        "python3 -c 'import socket; socket.socket(40)'",  # to the host of a virtual machine
        "python3 -c 'import socket; socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)'",
        "python3 -c 'import socket; socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)'",
    ],
)
async def test_an_attempt_to_get_out_fails(
    jail: Landlock, workspace: Path, home: Path, attempt: str
) -> None:
    outside = workspace.parent / "outside"
    result = await jail.exec(attempt.format(outside=outside, home=home, pid=os.getpid()))
    assert result.exit_code != 0, result.output
    assert b"SECRET" not in result.output
    assert [path.name for path in outside.iterdir()] == ["file"]
    assert (outside / "file").read_text() == "whole"
    assert (home / "neighbour/readme").read_text() == "hello"
    assert (home / ".pyenv/bin/tool").stat().st_mode & 0o7777 == 0o755


_CALLS = """
import ctypes, errno, sys
libc = ctypes.CDLL(None, use_errno=True)
got = libc.syscall(*map(int, sys.argv[1:]))
print(errno.errorcode.get(ctypes.get_errno(), "") if got < 0 else "passed")
"""


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the numbers are those of x86_64")
@pytest.mark.parametrize(
    ("numbers", "answer"),
    [
        ("165 0 0 0 0 0", "EPERM"),  # mount of nothing to nowhere
        ("101 0 0 0 0", "EPERM"),  # ptrace: be traced by the parent
        ("298 0 0 0 0", "EPERM"),  # perf_event_open of no event
        ("321 99 0 0", "EPERM"),  # bpf of an unknown command
        ("250 0 -3 0", "EPERM"),  # keyctl: ask for the id of the session's keyring
        ("312 0 0 0", "EPERM"),  # kcmp
        ("438 -1 -1 0", "EPERM"),  # pidfd_getfd of no process
        ("30 -1 0 0", "EPERM"),  # shmat of no segment
        ("302 1 7 0 0", "EACCES"),  # prlimit64: look at another process
        ("425 0 0", "ENOSYS"),  # io_uring_setup
        ("435 0 0", "ENOSYS"),  # clone3
        ("9999", "ENOSYS"),
        ("1073741863", "ENOSYS"),  # getpid of the x32 interface
        ("188 0 0 0 0 0", "ENOTSUP"),  # setxattr of no path
        ("302 0 7 0 0", "passed"),
        ("39", "passed"),
    ],
)
async def test_calls_are_refused_by_number(jail: Landlock, numbers: str, answer: str) -> None:
    result = await jail.exec(["python3", "-c", _CALLS, *numbers.split()])
    assert result.output.decode().strip() == answer


async def test_sockets_of_the_host_are_out_of_reach(
    jail: Landlock, workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = (
        "import socket, sys; s = socket.socket(socket.AF_UNIX);"
        " s.connect(sys.argv[1].replace('@', chr(0))); print('connected')"
    )
    monkeypatch.chdir(tmp_path)  # a socket's path is short
    for name in (f"@kodo-test-{os.getpid()}", "sock", str(Path("workspace/sock"))):
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(name.replace("@", "\0"))
            listener.listen(1)
            where = name if name.startswith("@") else os.path.relpath(name, workspace)
            result = await jail.exec(["python3", "-c", program, where])
        assert b"Permission denied" in result.output
        assert b"connected" not in result.output


async def test_a_signal_does_not_leave_the_jail(jail: Landlock) -> None:
    result = await jail.exec(f"kill -0 $$ && kill -0 {os.getpid()}")
    if landlock_launcher.abi() < 6:
        pytest.skip("this kernel does not scope signals")
    assert b"Operation not permitted" in result.output


async def test_no_privilege_can_be_gained(jail: Landlock) -> None:
    result = await jail.exec("grep -E 'NoNewPrivs|CapEff|CapPrm|Seccomp:' /proc/self/status")
    assert result.output.split() == [
        b"CapPrm:", b"0" * 16, b"CapEff:", b"0" * 16, b"NoNewPrivs:", b"1", b"Seccomp:", b"2"
    ]  # fmt: skip


async def test_a_program_without_rights_of_its_own_cannot_lift_the_rules(jail: Landlock) -> None:
    again = await jail.exec(
        ["python3", "-c", "import ctypes; print(ctypes.CDLL(None).prctl(22, 0, 0, 0, 0))"]
    )
    assert again.output == b"-1\n"


async def test_toolchains_and_neighbours_of_the_home_are_there(jail: Landlock, home: Path) -> None:
    result = await jail.exec(
        f"{home}/.pyenv/bin/tool; ~/.pyenv/bin/tool; cat {home}/neighbour/readme ~/.gem/spec"
    )
    assert result.output == b"tool runs\ntool runs\nhelloa gem"


async def test_what_builds_and_tests_do_works(jail: Landlock, workspace: Path) -> None:
    result = await jail.exec(
        """
        set -e
        mkdir -p new/deep; echo a > new/deep/a; mv new/deep/a top; ln top hard; cp -p top t2
        ln -s top soft; chmod 755 t2; touch -d 2001-01-01 t2; rm -r new hard; mkfifo p
        echo x > /dev/null; cat <(echo sub); head -c2 /dev/urandom | wc -c; (sleep 0 & wait)
        mktemp | grep -c $TMPDIR; mv $(mktemp) here; cat <<< there; rm here
        git init -q; echo '*' > .gitignore; git add -f top
        git -c user.name=a -c user.email=a@b commit -qm one; git log --format=%s
        """
    )
    assert result.output == b"sub\n2\n1\nthere\none\n"
    assert result.exit_code == 0
    assert (workspace / "t2").stat().st_mtime < 1e9


async def test_settings_of_the_system_can_be_listed_but_not_its_passwords(jail: Landlock) -> None:
    result = await jail.exec("ls /etc | grep -x passwd; head -c1 /etc/passwd; head -c1 /etc/shadow")
    assert result.output.startswith(b"passwd\nr")
    assert b"/etc/shadow" in result.output


async def test_pipes_between_processes_work(jail: Landlock) -> None:
    program = (
        "import socket, subprocess, threading;"
        "a, b = socket.socketpair(); a.send(b'x'); print(b.recv(1));"
        "t = threading.Thread(target=print, args=('thread',)); t.start(); t.join();"
        "print(subprocess.run(['echo', 'child'], capture_output=True).stdout);"
        "s = socket.socket(socket.AF_UNIX); s.bind('s'); s.listen(); print('listens')"
    )
    result = await jail.exec(["python3", "-c", program])
    assert result.output == b"b'x'\nthread\nb'child\\n'\nlistens\n"


async def test_a_closed_pipe_ends_its_writer_as_usual(jail: Landlock) -> None:
    result = await jail.exec("set -o pipefail; yes | head -n1")
    assert (result.exit_code, result.output) == (141, b"y\n")


async def test_home_is_kept_where_a_folder_for_it_is_given(
    jail: Landlock, make_jail: Callable[..., Jail], tmp_path: Path, home: Path
) -> None:
    for expected in (b"", b"kept\n"):
        other = Landlock(make_jail(cache_home=tmp_path / "cache"))
        result = await other.exec("cat ~/note 2>/dev/null; echo kept > ~/note")
        assert result.output == expected
        await other.aclose()


async def test_a_kept_home_leads_nobody_out(
    jail: Landlock, make_jail: Callable[..., Jail], tmp_path: Path, home: Path
) -> None:
    (home / ".cargo/bin").mkdir(parents=True)
    first = Landlock(make_jail(cache_home=tmp_path / "cache"))
    await first.exec(f"rm -r ~/.cargo; ln -s {tmp_path}/outside ~/.cargo")
    await first.aclose()
    second = Landlock(make_jail(cache_home=tmp_path / "cache"))
    assert (await second.exec("true")).exit_code == 0
    assert [path.name for path in (tmp_path / "outside").iterdir()] == ["file"]
    await second.aclose()


async def test_a_workspace_that_is_the_home_still_hides_its_keys(
    jail: Landlock, home: Path
) -> None:
    whole = Landlock(Jail(home, home, {"PATH": os.environ["PATH"]}))
    result = await whole.exec(
        "cat .ssh/* .netrc .config/gh/*; echo x > .ssh/key; cat neighbour/readme"
    )
    assert b"SECRET" not in result.output
    assert result.output.endswith(b"hello")
    assert [path.name for path in (home / ".ssh").iterdir()] == ["id_ed25519"]
    await whole.aclose()


async def test_sizes_are_limited(
    jail: Landlock, make_jail: Callable[..., Jail], workspace: Path
) -> None:
    small = Landlock(make_jail(limits=JailLimits(file_bytes=1 << 20, memory_bytes=256 << 20)))
    result = await small.exec("head -c 3000000 /dev/zero > big")
    assert result.exit_code != 0
    assert (workspace / "big").stat().st_size <= 1 << 20
    hungry = await small.exec(["python3", "-c", "x = bytearray(1 << 30)"])
    assert b"MemoryError" in hungry.output
    await small.aclose()


async def test_network_reaches_loopback_where_allowed_and_nothing_else_opens(
    jail: Landlock, make_jail: Callable[..., Jail]
) -> None:
    connected = Landlock(make_jail(allow_net=True))
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        result = await connected.exec(f"exec 3<>/dev/tcp/127.0.0.1/{port} && echo connected")
    assert result.output == b"connected\n"
    for attempt in (
        "import socket; socket.socket(socket.AF_UNIX)",
        "import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
        "import socket; socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)",
    ):
        refused = await connected.exec(["python3", "-c", attempt])
        assert b"PermissionError" in refused.output
    await connected.aclose()


async def test_guarantees_follow_the_profile(make_jail: Callable[..., Jail]) -> None:
    strict = Landlock(make_jail()).guarantees
    assert strict >= {"write_outside_denied", "network_denied", "read_secrets_denied"}
    assert not strict & {"private_tmp", "host_processes_hidden"}
    assert strict - Landlock(make_jail(allow_net=True)).guarantees == {"network_denied"}
    full = Landlock(make_jail(profile="full")).guarantees
    assert not full & {"write_outside_denied", "network_denied", "privileges_denied"}


async def test_full_profile_writes_where_it_wants(
    jail: Landlock, make_jail: Callable[..., Jail], tmp_path: Path
) -> None:
    full = Landlock(make_jail(profile="full"))
    result = await full.exec(f"echo x > {tmp_path}/free")
    assert (result.exit_code, (tmp_path / "free").read_text()) == (0, "x\n")
    await full.aclose()


async def test_nothing_is_left_behind(jail: Landlock) -> None:
    await jail.exec("echo x > $TMPDIR/x")
    private = jail.session_folder
    assert private is not None
    assert (private / "tmp/x").exists()
    (private / "other").write_text("x")
    refused = await jail.exec(f"echo x >> {private}/other; cat {private}/other")
    assert refused.output.count(b"Permission denied") == 2
    await jail.aclose()
    assert not private.exists()


def test_the_trial_finds_an_open_jail(tmp_path: Path) -> None:
    trial = Path(landlock.__file__).with_name("landlock_trial.py")
    for name in ("outside", "secret"):
        (tmp_path / name).write_bytes(b"x")
    arguments = [str(tmp_path / "outside"), str(tmp_path / "secret"), str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(trial), *arguments], capture_output=True, check=True
    )
    assert done.stdout == b"a file outside can be written\n"


async def test_rules_that_the_launcher_cannot_keep_stop_the_command(
    jail: Landlock, workspace: Path
) -> None:
    zygote = Zygote("from kodo.sandboxes.landlock_launcher import enter", "kodo-landlock: ")
    variables = {"PATH": os.environ["PATH"]}
    child = await zygote.fork(b"Lnonsense=1\0F00", ["touch", "ran"], variables, cwd=str(workspace))
    done = await attend(child, timeout_s=60)
    zygote.close()
    assert (done.exit_code, done.output[:15]) == (125, b"kodo-landlock: ")
    assert not (workspace / "ran").exists()


async def test_an_unknown_machine_is_an_error_before_anything_runs(
    make_jail: Callable[..., Jail],
) -> None:
    with pytest.raises(SandboxError, match="not for linux on 'riscv64'"):
        Landlock(make_jail(), machine="riscv64")
    why = await landlock.probe(make_jail(), machine="riscv64")
    assert why is not None
    assert "riscv64" in why


async def test_a_filter_for_another_machine_fails_the_probe(
    jail: Landlock, make_jail: Callable[..., Jail]
) -> None:
    assert await landlock.probe(make_jail(), machine=OTHER) is not None


async def test_a_command_that_talks_like_the_launcher_is_only_a_result(jail: Landlock) -> None:
    result = await jail.exec("echo 'kodo-landlock: broken'; exit 125")
    assert (result.exit_code, result.output) == (125, b"kodo-landlock: broken\n")


def test_both_sides_mean_the_same() -> None:
    assert landlock.LAUNCHER_PREFIX == landlock_launcher.PREFIX
