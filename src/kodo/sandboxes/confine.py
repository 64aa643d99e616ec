"""The steps with which a process shuts itself in for good, by the kernel's own calls.

For programs that are on their way into a jail: it loads in a millisecond and knows nothing of
kodo. Guards that a step which fails ends the program with FAILED before the command begins.
"""

import ctypes
import os
import resource
import sys

FAILED = 125

_LIMITS = {
    "cpu": resource.RLIMIT_CPU,
    "data": resource.RLIMIT_DATA,
    "fsize": resource.RLIMIT_FSIZE,
    "nproc": resource.RLIMIT_NPROC,
}
_DIE_WITH_PARENT, _DROP_BOUND, _NO_NEW_PRIVILEGES, _SECCOMP, _AMBIENT = 1, 24, 38, 22, 47

libc = ctypes.CDLL(None, use_errno=True)


class Stopped(Exception):
    """A step failed; its text says which and why."""


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("steps", ctypes.c_char_p)]


def check(step: str, result: int) -> None:
    """Raise Stopped where a call of the C library failed."""
    if result < 0:
        raise Stopped(f"{step}: {os.strerror(ctypes.get_errno())}")


def die_with_parent() -> None:
    """Be killed when the parent ends."""
    check("pdeathsig", libc.prctl(_DIE_WITH_PARENT, 9, 0, 0, 0))


def drop_capabilities() -> None:
    """Give up what root could do past any rule. Only the last step can be needed and fail."""
    libc.prctl(_AMBIENT, 4, 0, 0, 0)
    for number in range(64):
        if libc.prctl(_DROP_BOUND, number, 0, 0, 0) != 0:
            break
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    check("capset", libc.capset(ctypes.byref(header), ctypes.byref((ctypes.c_uint32 * 6)())))


def refuse_new_privileges() -> None:
    """Set-user-id programs give nothing from here on."""
    check("no_new_privs", libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0))


def install_filter(steps: bytes) -> None:
    """Put the process under a seccomp filter. After `refuse_new_privileges`."""
    program = _Program(len(steps) // 8, steps)
    check("seccomp", libc.prctl(_SECCOMP, 2, ctypes.byref(program), 0, 0))


def limit(name: str, amount: int) -> None:
    """Limit `cpu`, `data`, `fsize` or `nproc` for good, never above what already holds."""
    kind = _LIMITS[name]
    most = resource.getrlimit(kind)[1]
    value = amount if most == resource.RLIM_INFINITY else min(amount, most)
    resource.setrlimit(kind, (value, value))


def become(words: list[str]) -> None:
    """Become the command; where there is none, end as a shell would."""
    for ignored_by_python in (13, 25):  # SIGPIPE, SIGXFSZ
        libc.signal(ignored_by_python, None)
    try:
        os.execvp(words[0], words)
    except OSError as error:
        print(f"{words[0]}: {error.strerror}", file=sys.stderr, flush=True)  # noqa: T201
        os._exit(127 if isinstance(error, FileNotFoundError) else 126)
