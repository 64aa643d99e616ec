"""Limits of each process by itself, which every host has: memory, file size, CPU time, number.

Knows no rung. Guards that the number of processes is promised only where the kernel counts it:
root is not held by it.
"""

import os

from kodo.core.sandbox import Guarantee
from kodo.sandboxes.jail import JailLimits
from kodo.sandboxes.limits.disk import counts_writes

_GUARANTEES: dict[str, Guarantee] = {
    "cpu": "cpu_time_limited",
    "data": "memory_limited",
    "fsize": "file_size_limited",
    "nproc": "pids_limited",
}


def of_each(limits: JailLimits) -> list[tuple[str, int]]:
    """Return the limits of a process as `confine.limit` names them."""
    wanted = [
        ("data", limits.memory_bytes),
        ("fsize", limits.file_bytes),
        ("cpu", limits.cpu_seconds),
    ]
    if os.geteuid() != 0:
        wanted.append(("nproc", limits.processes))
    return [(name, amount) for name, amount in wanted if amount is not None]


def limited(limits: JailLimits) -> set[Guarantee]:
    """Return what holds without any control group."""
    held: set[Guarantee] = {_GUARANTEES[name] for name, _ in of_each(limits)}
    watched = limits.free_bytes is not None or limits.written_bytes is not None
    if watched and counts_writes():
        held.add("disk_sum_limited")
    return held
