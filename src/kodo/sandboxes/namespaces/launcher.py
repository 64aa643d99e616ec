"""The way into a jail that kodo builds itself: makes the namespaces and the mounts.

Runs in a child of the zygote and becomes the parent of the command: one process outside waits, one
inside is number 1 and collects orphans, so that all end with it. Guards that a step which fails
raises before the command begins. Imports little, as it is loaded for every jail.
"""

import ctypes
import fcntl
import os
import stat
import struct

from kodo.sandboxes.confine import (
    become,
    check,
    die_with_parent,
    drop_capabilities,
    install_filter,
    libc,
    limit,
    refuse_new_privileges,
)
from kodo.sandboxes.namespaces.plan import Plan

_NEW_MOUNTS, _NEW_CGROUP, _NEW_UTS, _NEW_IPC = 0x20000, 0x2000000, 0x4000000, 0x8000000
_NEW_USER, _NEW_PIDS, _NEW_NET = 0x10000000, 0x20000000, 0x40000000
_READ_ONLY, _NO_SUID, _NO_DEV, _REMOUNT, _BIND, _REC, _PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18
_DETACH, _RECURSIVE, _HERE = 2, 0x8000, -100
_MOUNT_SETATTR, _PIVOT_ROOT = 442, {"x86_64": 155, "aarch64": 41}
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")


def enter(plan: bytes, words: list[str]) -> None:
    """Build the jail of a plan and run the words in it. Returns never."""
    wanted = Plan.load(plan)
    _leave_the_host(wanted)
    inner = os.fork()
    if inner == 0:
        _live_inside(wanted, words)
    os._exit(_code(os.waitpid(inner, 0)[1]))


def _leave_the_host(plan: Plan) -> None:
    user, group = os.geteuid(), os.getegid()
    flags = _NEW_USER | _NEW_MOUNTS | _NEW_PIDS | _NEW_IPC | _NEW_UTS | _NEW_CGROUP
    check("unshare", libc.unshare(flags | (0 if plan.network else _NEW_NET)))
    for name, line in (
        ("setgroups", "deny"),
        ("uid_map", f"{user} {user} 1"),
        ("gid_map", f"{group} {group} 1"),
    ):
        with open(f"/proc/self/{name}", "wb", buffering=0) as stream:  # noqa: PTH123
            stream.write(line.encode())


def _live_inside(plan: Plan, words: list[str]) -> None:
    die_with_parent()
    check("sethostname", libc.sethostname(b"kodo", 4))
    if not plan.network:
        _raise_loopback()
    _build(plan)
    os.chdir(plan.cwd)
    drop_capabilities()
    refuse_new_privileges()
    command = os.fork()
    if command == 0:
        _start(plan, words)
    while True:
        ended, status = os.wait()
        if ended == command:
            os._exit(_code(status))  # the kernel ends whoever is left


def _start(plan: Plan, words: list[str]) -> None:
    for name, amount in plan.limits:
        limit(name, amount)
    if plan.filter:
        install_filter(plan.filter)
    become(words)


def _build(plan: Plan) -> None:
    root = plan.root
    _mount(None, "/", None, _REC | _PRIVATE)
    for kind, target, source, optional in plan.steps:
        at = root + target
        if kind.endswith("bind"):
            if optional and not os.path.lexists(source):
                continue
            _make_place(source, at)
            _mount(source, at, None, _BIND | _REC)
            attributes = _NO_SUID | (0 if kind == "dev-bind" else _NO_DEV)
            _set_attributes(at, attributes | (_READ_ONLY if kind == "ro-bind" else 0))
        elif kind == "tmpfs":
            os.makedirs(at, exist_ok=True)  # noqa: PTH103
            options = f"mode=0755,size={plan.tmpfs_bytes}"
            _mount("tmpfs", at, "tmpfs", _NO_SUID | _NO_DEV, options)
        elif kind == "remount-ro":
            _mount(None, at, None, _REMOUNT | _BIND | _READ_ONLY | _NO_SUID | _NO_DEV)
        elif kind == "proc":
            _mount("proc", at, "proc", _NO_SUID | _NO_DEV | 8)
        elif kind == "dev":
            _make_devices(at)
    os.chdir(root)
    number = _PIVOT_ROOT[os.uname().machine]
    check("pivot_root", libc.syscall(number, b".", b"."))
    check("umount", libc.umount2(b".", _DETACH))
    os.chdir("/")


def _make_devices(at: str) -> None:
    _mount("tmpfs", at, "tmpfs", _NO_SUID, "mode=0755,size=67108864")
    for name in _DEVICES:
        place = f"{at}/{name}"
        _make_place(f"/dev/{name}", place)
        _mount(f"/dev/{name}", place, None, _BIND)
        _set_attributes(place, _NO_SUID)
    for name, target in (("fd", "/proc/self/fd"), ("ptmx", "pts/ptmx")):
        os.symlink(target, f"{at}/{name}")  # noqa: PTH211
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        os.symlink(f"/proc/self/fd/{number}", f"{at}/{name}")  # noqa: PTH211
    os.mkdir(f"{at}/shm")  # noqa: PTH102
    os.chmod(f"{at}/shm", 0o1777)  # noqa: PTH101
    os.mkdir(f"{at}/pts")  # noqa: PTH102
    _mount("devpts", f"{at}/pts", "devpts", _NO_SUID | 8, "newinstance,ptmxmode=0666,mode=620")


def _make_place(source: str, at: str) -> None:
    """Make what a mount needs below itself, in a folder that the jail made for itself."""
    if os.path.lexists(at):
        return
    if stat.S_ISDIR(os.stat(source).st_mode):  # noqa: PTH116
        # Commands at once share the jail's own /tmp: another may have made it just now.
        os.makedirs(at, exist_ok=True)  # noqa: PTH103
        return
    os.makedirs(os.path.dirname(at), exist_ok=True)  # noqa: PTH103, PTH120
    os.close(os.open(at, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600))


def _mount(source: str | None, at: str, kind: str | None, flags: int, options: str = "") -> None:
    words = [os.fsencode(word) if word is not None else None for word in (source, at, kind)]
    done = libc.mount(*words, ctypes.c_ulong(flags), options.encode() or None)
    check(f"mount {kind or source or ''} at {at!r}", done)


def _set_attributes(at: str, attributes: int) -> None:
    """Set flags of a mount and of all below it (Linux 5.12)."""
    values = (ctypes.c_uint64 * 4)(attributes, 0, 0, 0)
    path, size = os.fsencode(at), ctypes.c_size_t(32)
    done = libc.syscall(_MOUNT_SETATTR, _HERE, path, _RECURSIVE, ctypes.byref(values), size)
    check(f"mount_setattr {at!r}", done)


def _raise_loopback() -> None:
    handle = libc.socket(2, 2 | os.O_CLOEXEC, 0)
    check("socket", handle)
    fcntl.ioctl(handle, 0x8914, struct.pack("=16sh14x", b"lo", 1 | 64))
    os.close(handle)


def _code(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code
