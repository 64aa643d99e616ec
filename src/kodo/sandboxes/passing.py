"""Hands bytes to a program as an open file that no other process can see."""

import os
from contextlib import ExitStack


def open_filled(name: str, data: bytes, stack: ExitStack) -> int:
    """Return a descriptor of an unnamed file that holds `data`, closed with `stack`."""
    handle = os.memfd_create(name)
    stack.callback(os.close, handle)
    os.write(handle, data)
    os.lseek(handle, 0, os.SEEK_SET)
    return handle
