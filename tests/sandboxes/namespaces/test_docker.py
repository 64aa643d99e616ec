"""The words for a container engine, as text. Real runs: the rung takes part in all jail tests."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from kodo.base.errors import SandboxError
from kodo.sandboxes.jail import Jail, JailLimits
from kodo.sandboxes.namespaces.docker import IMAGE, Docker, container_words, lower_mounts, probe
from kodo.sandboxes.namespaces.jailed import Wanted
from kodo.sandboxes.namespaces.mounts import Mount

pytestmark = pytest.mark.anyio
MakeJail = Callable[..., Jail]


def words(jail: Jail, *mounts: Mount, program: str = "/usr/bin/docker") -> list[str]:
    """Return the words for `ls -l` with these mounts."""
    wanted = Wanted(mounts, jail.workspace, ["ls", "-l"], b"", None, ())
    return container_words(program, "kodo-1", jail, wanted, {"LANG": "C", "A": "x y"})


def test_nothing_is_given_that_is_not_needed(make_jail: MakeJail) -> None:
    found = words(make_jail())
    assert found[:2] == ["/usr/bin/docker", "run"]
    assert found[-3:] == [IMAGE, "ls", "-l"]
    for flag in (
        "--rm",
        "--network=none",
        "--read-only",
        "--cap-drop=ALL",
        "--security-opt=no-new-privileges",
        "--pull=never",
        f"--user={os.geteuid()}:{os.getegid()}",
        "--env=A=x y",
        "--name=kodo-1",
    ):
        assert flag in found
    assert not any("--privileged" in word or "docker.sock" in word for word in found)


def test_the_network_is_off_or_the_hosts_own(make_jail: MakeJail) -> None:
    assert "--network=host" in words(make_jail(allow_net=True))
    assert "--userns=keep-id" in words(make_jail(), program="/usr/bin/podman")


def test_limits_are_the_engines(make_jail: MakeJail) -> None:
    limits = JailLimits(
        memory_bytes=1 << 30,
        processes=64,
        file_bytes=None,
        memory_sum_bytes=2 << 30,
        processors=1.5,
        cpu_seconds=9,
    )
    found = words(make_jail(limits=limits))
    for flag in ("--pids-limit=64", f"--memory={2 << 30}", "--cpus=1.5", "--ulimit=cpu=9"):
        assert flag in found
    assert not any(word.startswith("--ulimit=fsize") for word in found)


def test_mounts_come_in_order_and_names_cannot_end_their_field(make_jail: MakeJail) -> None:
    found = words(
        make_jail(),
        Mount("ro-bind", "/", "/"),
        Mount("proc", "/proc"),
        Mount("dev", "/dev"),
        Mount("bind", "/tmp", "/host/tmp"),
        Mount("ro-bind", "/w/a,readonly=false", "/w/a,readonly=false"),
        Mount("ro-bind", "/gone", "/gone", optional=True),
        Mount("tmpfs", "/w/secret"),
        Mount("remount-ro", "/w/secret"),
    )
    mounts = [word for word in found if word.startswith(("--mount", "--tmpfs"))]
    assert "--mount=type=bind,source=/usr,target=/usr,readonly" in mounts
    assert not any("target=/proc" in mount or "target=/dev," in mount for mount in mounts)
    assert not any("/gone" in mount for mount in mounts)
    after = mounts[mounts.index("--mount=type=bind,source=/host/tmp,target=/tmp") + 1 :]
    assert after[0] == (
        '--mount=type=bind,"source=/w/a,readonly=false","target=/w/a,readonly=false",readonly'
    )
    assert after[-1] == "--tmpfs=/w/secret:ro,size=4096"
    assert sum("/w/secret" in mount for mount in mounts) == 1


async def test_what_is_missing_is_said(make_jail: MakeJail, tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="neither podman nor docker"):
        Docker(Jail(tmp_path, tmp_path, {"PATH": str(tmp_path)}))
    with pytest.raises(SandboxError, match="no profile 'full'"):
        Docker(make_jail(profile="full"), program="/usr/bin/docker")
    why = await probe(make_jail(), program="/nowhere/docker")
    assert why is not None
    assert "cannot start it" in why


def test_only_what_an_engine_holds_is_promised(make_jail: MakeJail) -> None:
    held = Docker(make_jail(), program="/usr/bin/docker").guarantees
    assert {"network_denied", "memory_sum_limited", "pids_limited", "private_tmp"} <= held
    assert not held & {"kernel_calls_limited", "disk_sum_limited", "cpu_limited", "hosts_limited"}


def table(*paths: str) -> str:
    """Return what the kernel would say of mounts at these places."""
    return "".join(f"36 35 98:0 / {path} rw,noatime - ext4 /dev/x rw\n" for path in paths)


def test_a_file_system_below_a_shown_folder_is_read_only_by_itself() -> None:
    # \\154 is how the kernel could write an `l`, as it does with blanks.
    found = table("/", "/usr", "/usr/\\154ib", "/usr/bin", "/proc/sys", "/dev/shm", "/gone/away")
    assert list(lower_mounts(found, ["/usr/bin"])) == [Mount("ro-bind", "/usr/lib", "/usr/lib")]
    assert not list(lower_mounts(found, ["/usr"]))


def test_the_lower_file_systems_stand_behind_the_root(make_jail: MakeJail) -> None:
    jail = make_jail()
    wanted = Wanted((Mount("ro-bind", "/", "/"),), jail.workspace, ["ls"], b"", None, ())
    found = container_words("docker", "kodo-1", jail, wanted, {}, table("/usr/lib"))
    root, lower = (
        f"--mount=type=bind,source={at},target={at},readonly" for at in ("/usr", "/usr/lib")
    )
    assert found.index(root) < found.index(lower)
