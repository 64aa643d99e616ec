"""A seccomp filter as bytes: which system calls a jail without namespaces refuses.

Pure: it compiles numbers into instructions and touches no kernel. Guards what path rules cannot:
sockets, tracing, mounts, modules, keys, namespaces, set-user-id bits, and calls it does not know.
"""

import struct
from typing import Literal

Machine = Literal["x86_64", "aarch64"]

_AUDIT_ARCH: dict[Machine, int] = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_NEWEST_KNOWN = 469
"""Later calls answer "not implemented", as on an older kernel; so do those of the x32 interface."""

_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_EPERM, _EACCES, _ENOSYS, _EOPNOTSUPP = 1, 13, 38, 95
_LOAD, _AND, _RETURN = 0x20, 0x54, 0x06
_IF_EQUAL, _IF_GREATER, _IF_ANY_BIT = 0x15, 0x25, 0x45
_NUMBER_AT, _ARCH_AT, _ARGUMENTS_AT = 0, 4, 16

_UNIX, _INET, _INET6, _NETLINK = 1, 2, 10, 16
_STREAM, _SEQPACKET, _TYPE_MASK = 1, 5, 0xF
_NEW_NAMESPACES = 0x7E020000
_SET_USER_ID = 0o4000
_MAKES_A_FILE = 0o100 | 0o20000000  # O_CREAT, O_TMPFILE; without them the mode is anything
_TTY_INJECTION = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX

# name: x86_64, aarch64 (0: there is none)
_REFUSED = """
    pidfd_getfd 438 438, mount 165 40, umount2 166 39, pivot_root 155 41, chroot 161 51,
    move_mount 429 429, open_tree 428 428, fsopen 430 430, fsconfig 431 431, fsmount 432 432,
    fspick 433 433, mount_setattr 442 442, open_tree_attr 467 467, setns 308 268, unshare 272 97,
    kexec_load 246 104, kexec_file_load 320 294, init_module 175 105, finit_module 313 273,
    delete_module 176 106, reboot 169 142, swapon 167 224, swapoff 168 225, bpf 321 280,
    perf_event_open 298 241, userfaultfd 323 282, fanotify_init 300 262, add_key 248 217,
    request_key 249 218, keyctl 250 219, acct 163 89, settimeofday 164 170, clock_settime 227 112,
    adjtimex 159 171, clock_adjtime 305 266, sethostname 170 161, setdomainname 171 162,
    iopl 172 0, ioperm 173 0, syslog 103 116, quotactl 179 60, quotactl_fd 443 443,
    open_by_handle_at 304 265, lookup_dcookie 212 18, vhangup 153 58, nfsservctl 180 42
"""
_REFUSED_ON_THE_HOST = """
    ptrace 101 117, process_vm_readv 310 270, process_vm_writev 311 271, kcmp 312 272,
    process_madvise 440 440, shmget 29 194, shmat 30 196, shmctl 31 195, msgget 68 186,
    msgsnd 69 189, msgrcv 70 188, msgctl 71 187, semget 64 190, semop 65 193, semtimedop 220 192,
    semctl 66 191, mq_open 240 180, mq_unlink 241 181
"""
"""What acts on others only where the jail shares the host's processes and IPC."""

_UNSUPPORTED = """
    setxattr 188 5, lsetxattr 189 6, fsetxattr 190 7, removexattr 197 14, lremovexattr 198 15,
    fremovexattr 199 16, setxattrat 463 463, removexattrat 466 466, file_setattr 469 469
"""
_MISSING = """
    clone3 435 435, io_uring_setup 425 425, io_uring_enter 426 426, io_uring_register 427 427,
    openat2 437 437
"""
"""Their arguments lie in memory, where a filter cannot look; programs fall back on older calls."""

_JUDGED = """
    socket 41 198, socketpair 53 199, connect 42 203, clone 56 220, prlimit64 302 261,
    ioctl 16 29, chmod 90 0, fchmod 91 52, fchmodat 268 53, fchmodat2 452 452, creat 85 0,
    mknod 133 0, mknodat 259 33, open 2 0, openat 257 56
"""


def compile_filter(machine: Machine, *, allow_net: bool, namespaces: bool = False) -> bytes:
    """Return the instructions (`struct sock_filter`, 8 bytes each) for this machine.

    `namespaces`: the jail has its own network, processes and IPC, so sockets, tracing within it,
    semaphores and extended attributes are left alone, and only what reaches the kernel at large is
    refused.

    Without the network a program may open stream sockets of the unix family but connect none of
    them to a path: whoever listens there (a container engine, a session bus, a terminal
    multiplexer) would act outside the jail. With it, unix sockets are refused altogether, as a
    filter cannot see where a connection leads. Unnamed pairs always work.
    """
    judged = {name: number for name, number in _numbers(_JUDGED, machine).items() if number}
    code = [
        _step(_LOAD, _ARCH_AT),
        _step(_IF_EQUAL, _AUDIT_ARCH[machine], 1, 0),
        _step(_RETURN, _KILL),
        _step(_LOAD, _NUMBER_AT),
        _step(_IF_GREATER, _NEWEST_KNOWN, 0, 1),
        _refuse(_ENOSYS),
    ]
    refused = [(_REFUSED, _EPERM), (_MISSING, _ENOSYS)]
    if not namespaces:
        refused += [(_REFUSED_ON_THE_HOST, _EPERM), (_UNSUPPORTED, _EOPNOTSUPP)]
    for text, errno in refused:
        for number in _numbers(text, machine).values():
            code += _when(number, [_refuse(errno)])
    if namespaces:
        families = (_UNIX, _INET, _INET6, _NETLINK)  # not those that know no namespace (vsock)
        code += _when(judged["socket"], [*_only_argument(0, families), _allow()])
    else:
        code += _sockets_of_the_host(judged, allow_net=allow_net)
    code += _when(judged["clone"], _unless_any(0, _NEW_NAMESPACES))
    code += _when(judged["prlimit64"], [*_only_argument(0, (0,)), _allow()])
    code += _when(judged["ioctl"], _unless_equal(1, _TTY_INJECTION))
    for name, mode_at in _MODES.items():
        if name in judged:
            code += _when(judged[name], _unless_any(mode_at, _SET_USER_ID))
    for name, flags_at in (("open", 1), ("openat", 2)):
        if name in judged:
            tail = _unless_any(flags_at + 1, _SET_USER_ID)
            makes = [_step(_IF_ANY_BIT, _MAKES_A_FILE, 1, 0), _allow()]
            code += _when(judged[name], [_argument(flags_at), *makes, *tail])
    return b"".join([*code, _allow()])


_MODES = {
    "chmod": 1,
    "fchmod": 1,
    "fchmodat": 2,
    "fchmodat2": 2,
    "creat": 1,
    "mknod": 1,
    "mknodat": 2,
}
"""Calls that take a mode, and the place of it among their arguments."""


def _sockets_of_the_host(judged: dict[str, int], *, allow_net: bool) -> list[bytes]:
    families = (_INET, _INET6, _NETLINK) if allow_net else (_UNIX,)
    kinds = [_argument(1), _step(_AND, _TYPE_MASK), *_only((_STREAM, _SEQPACKET), _EACCES)]
    pairs = [*_only_argument(0, (_UNIX,)), *kinds, _allow()]
    sockets = [*_only_argument(0, families), *([] if allow_net else kinds), _allow()]
    code = [*_when(judged["socketpair"], pairs), *_when(judged["socket"], sockets)]
    if not allow_net:
        code += _when(judged["connect"], [_refuse(_EACCES)])
    return code


def _numbers(text: str, machine: Machine) -> dict[str, int]:
    column = 1 if machine == "x86_64" else 2
    rows = [row.split() for row in text.split(",")]
    return {row[0]: int(row[column]) for row in rows if row[column] != "0"}


def _step(code: int, value: int, on_true: int = 0, on_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, on_true, on_false, value)


def _refuse(errno: int) -> bytes:
    return _step(_RETURN, _ERRNO | errno)


def _allow() -> bytes:
    return _step(_RETURN, _ALLOW)


def _argument(index: int) -> bytes:
    """Load the low half of an argument: all of these are 32 bits wide in the kernel too."""
    return _step(_LOAD, _ARGUMENTS_AT + 8 * index)


def _when(number: int, body: list[bytes]) -> list[bytes]:
    """Run `body`, which must end in a return, for one system call."""
    return [_step(_IF_EQUAL, number, 0, len(body)), *body]


def _only(values: tuple[int, ...], errno: int) -> list[bytes]:
    """Refuse unless what is loaded is one of `values`."""
    count = len(values)
    tests = [_step(_IF_EQUAL, value, count - at, 0) for at, value in enumerate(values)]
    return [*tests, _refuse(errno)]


def _only_argument(index: int, values: tuple[int, ...]) -> list[bytes]:
    return [_argument(index), *_only(values, _EACCES)]


def _unless_any(index: int, bits: int) -> list[bytes]:
    return [_argument(index), _step(_IF_ANY_BIT, bits, 0, 1), _refuse(_EPERM), _allow()]


def _unless_equal(index: int, values: tuple[int, ...]) -> list[bytes]:
    tests = [part for value in values for part in (_step(_IF_EQUAL, value, 0, 1), _refuse(_EPERM))]
    return [_argument(index), *tests, _allow()]
