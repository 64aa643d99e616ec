"""The zygote itself: waits with everything loaded, and forks a child of its parent per command.

Run by `client.py` as a program of its own; a rung gives the `enter` that puts a child in its jail.
Guards that a child keeps no file but its own, stands in a session of its own before anybody knows
it, and that a step which fails ends it before the command begins.
"""

import _socket
import array
import ctypes
import fcntl
import gc
import os
import sys
from collections.abc import Callable
from contextlib import suppress

from kodo.sandboxes.confine import FAILED, Stopped, die_with_parent
from kodo.sandboxes.zygote.request import Request

Enter = Callable[[bytes, list[str]], None]
"""Enters the jail of a plan and becomes the words; returns never."""

MOST_HANDLES = 8
_CLONE_PARENT, _SIGNAL_AT_END = 0x8000, 17
_CLONE = {"x86_64": 56, "aarch64": 220}
# A fork that keeps the interpreter's lock: there is one thread, and it goes on in both.
_libc = ctypes.PyDLL(None, use_errno=True)


def serve(channel: int, prefix: str, enter: Enter) -> None:
    """Fork for every request on the socket `channel` until it is closed. Returns never.

    What goes wrong on the way into a jail is told as `prefix` and a text, with exit code FAILED.
    """
    die_with_parent()
    number = _CLONE[os.uname().machine]
    gc.disable()
    end = _socket.socket(fileno=channel)
    room = _socket.CMSG_SPACE(MOST_HANDLES * 4)
    while True:
        data, around, _, _ = end.recvmsg(1, room)
        if not data:
            os._exit(0)
        handles = array.array("i")
        for _, _, payload in around:
            handles.frombytes(payload)
        pid = _libc.syscall(number, _CLONE_PARENT | _SIGNAL_AT_END, 0, 0, 0, 0)
        if pid == 0:
            _start(end, list(handles), prefix, enter)
        for handle in handles:
            os.close(handle)
        if pid < 0:
            end.send((-ctypes.get_errno()).to_bytes(8, "little", signed=True))


def _start(end: _socket.socket, handles: list[int], prefix: str, enter: Enter) -> None:
    """Tell who we are, leave everything of the zygote behind and become the command."""
    try:
        os.setsid()
        die_with_parent()
        end.send(os.getpid().to_bytes(8, "little", signed=True))
        with open(handles[0], "rb", closefd=False) as stream:
            request = Request.load(stream.read())
        if os.getppid() != request.parent:
            os._exit(FAILED)
        _keep(handles[1:], request.handles)
        for door in request.doors:
            with open(door, "wb", buffering=0) as group:  # noqa: PTH123
                group.write(b"0")
        os.environ.clear()
        os.environ.update(request.environment)
        os.chdir(request.cwd)
        enter(request.plan, request.words)
    except (OSError, ValueError, KeyError, EOFError, Stopped) as problem:
        fail(prefix, problem)
    finally:
        os._exit(FAILED)


def _keep(handles: list[int], numbers: list[int]) -> None:
    """Give the open files the numbers 0, 1, 2 and `numbers`, and close every other file."""
    stdin, stdout, *files = handles
    wanted = [0, 1, 2, *numbers]
    above = max(wanted) + 1
    moved = [fcntl.fcntl(file, fcntl.F_DUPFD, above) for file in (stdin, stdout, stdout, *files)]
    for file, number in zip(moved, wanted, strict=True):
        os.dup2(file, number)
    last = -1
    for number in sorted(wanted):
        if number > last + 1:  # an empty range would be taken for all of them
            os.closerange(last + 1, number)
        last = number
    os.closerange(last + 1, os.sysconf("SC_OPEN_MAX"))


def fail(prefix: str, error: BaseException) -> None:
    """Say why there is no jail, and end."""
    with suppress(OSError):
        print(f"{prefix}{error}", file=sys.stderr, flush=True)  # noqa: T201
    os._exit(FAILED)
