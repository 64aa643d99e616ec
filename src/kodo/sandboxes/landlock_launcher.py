"""The way into a Landlock jail: a child of the zygote shuts itself in and becomes the command.

The rules are records ended by NUL: a letter, then a value. Loads in a millisecond and knows no more
of kodo than the kernel's calls. Guards that a step that fails ends the process with code 125 before
the command begins, and that all descendants of a command end with it.
"""

import ctypes
import os
import select
import sys

from kodo.sandboxes.confine import (
    FAILED,
    Stopped,
    become,
    check,
    die_with_parent,
    drop_capabilities,
    install_filter,
    libc,
    limit,
    refuse_new_privileges,
)

PREFIX = "kodo-landlock: "

_OLDEST_ABI = 3  # before it files anywhere could be cut short
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same numbers everywhere
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_MAKE_CHAR, _MAKE_BLOCK, _TRUNCATE, _IOCTL_DEVICE = 1 << 6, 1 << 11, 1 << 14, 1 << 15
_FILE_RIGHTS = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEVICE


class _Ruleset(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("files", "net", "scoped")]


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = [("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32)]


def abi() -> int:
    """Return the kernel's Landlock version, 0 where it has none or it is switched off."""
    return max(0, libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), 1))


def enter(rules: bytes, words: list[str]) -> None:
    """Enter the jail that the rules describe and become `words`; returns never."""
    supervise()
    try:
        records = [(item[:1], item[1:]) for item in rules.split(b"\0") if item]
        for letter, value in records:
            if letter == b"L":
                name, _, amount = value.decode().partition("=")
                limit(name, int(amount))
        filters = [bytes.fromhex(value.decode()) for letter, value in records if letter == b"F"]
        if filters:
            drop_capabilities()
            refuse_new_privileges()
            _restrict_files(records)
            for steps in filters:
                install_filter(steps)
    except (OSError, ValueError, KeyError, Stopped) as problem:
        print(f"{PREFIX}{problem}", file=sys.stderr, flush=True)  # noqa: T201
        os._exit(FAILED)
    become(words)


def supervise() -> None:
    """Stand around the command, so that all its descendants end with it, whatever they did.

    Returns in a new process, which is to become the command. Two more stand around it: the outer
    one leads the group that the caller may kill; the inner one, in a session of its own, inherits
    orphans, and ends everything when the command or the outer one has ended.
    """
    here, there = os.pipe()
    keeper = os.fork()
    if keeper:
        os.close(here)  # and `there` stays open for as long as this process lives
        os._exit(_code(os.waitpid(keeper, 0)[1]))
    os.close(there)
    os.setsid()
    check("subreaper", libc.prctl(36, 1, 0, 0, 0))
    command = os.fork()
    if command == 0:
        die_with_parent()
        return
    ended = os.pidfd_open(command)
    watch = select.poll()
    watch.register(ended, select.POLLIN)
    watch.register(here, select.POLLIN)
    while not (seen := watch.poll()) or all(handle != ended for handle, _ in seen):
        if seen:
            _kill_descendants()
            os._exit(FAILED)
    status = os.waitpid(command, 0)[1]
    _kill_descendants()
    os._exit(_code(status))


def _kill_descendants() -> None:
    """Kill children until there are none: those of a killed one become children of this process."""
    while True:
        found = _children()
        for pid in found:
            try:
                os.kill(pid, 9)
            except (ProcessLookupError, PermissionError):
                continue
        try:
            os.waitpid(-1, 0 if found else os.WNOHANG)
        except ChildProcessError:
            return


def _children() -> list[int]:
    """Return the children of this process; a kernel without that list is asked for all."""
    mine = os.getpid()
    try:
        with open(f"/proc/self/task/{mine}/children", "rb") as stream:  # noqa: PTH123
            return [int(word) for word in stream.read().split()]
    except OSError:
        pass
    found: list[int] = []
    for name in filter(str.isdigit, os.listdir("/proc")):  # noqa: PTH208
        try:
            with open(f"/proc/{name}/stat", "rb") as stream:  # noqa: PTH123
                if int(stream.read().rpartition(b")")[2].split()[1]) == mine:
                    found.append(int(name))
        except OSError:
            continue
    return found


def _code(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _restrict_files(records: list[tuple[bytes, bytes]]) -> None:
    version = abi()
    if version < _OLDEST_ABI:
        has = f"only Landlock ABI {version}" if version else "no Landlock, or it is switched off"
        raise Stopped(f"this kernel has {has}; ABI {_OLDEST_ABI} is needed (Linux 6.2)")
    handled = (1 << (16 if version >= 5 else 15)) - 1
    no_net = version >= 4 and (b"N", b"") in records
    ruleset = _Ruleset(handled, 3 if no_net else 0, 3 if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    handle = libc.syscall(_CREATE_RULESET, ctypes.byref(ruleset), ctypes.c_size_t(size), 0)
    check("landlock_create_ruleset", handle)
    rights = {
        b"S": _READ_DIR,
        b"R": _EXECUTE | _READ_FILE | _READ_DIR,
        b"D": (_READ_FILE | _WRITE_FILE | _TRUNCATE | _IOCTL_DEVICE) & handled,
        b"W": handled & ~(_MAKE_CHAR | _MAKE_BLOCK | _IOCTL_DEVICE),
    }
    rule = _Beneath(0, 0)
    for letter, path in records:
        if letter not in rights:
            continue
        try:
            rule.folder = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            continue  # gone since the rules were made: then there is nothing to allow
        is_folder = os.fstat(rule.folder).st_mode & 0o170000 == 0o040000
        rule.allowed = rights[letter] if is_folder else rights[letter] & _FILE_RIGHTS
        done = libc.syscall(_ADD_RULE, handle, 1, ctypes.byref(rule), 0)
        check(f"landlock_add_rule {path!r}", done)
        os.close(rule.folder)
    check("landlock_restrict_self", libc.syscall(_RESTRICT_SELF, handle, 0))
    os.close(handle)
