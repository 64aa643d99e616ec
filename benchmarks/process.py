"""Measure a process by the kernel's own accounting: its CPU without its children, and its memory.

CPU comes from /proc/PID/stat of the finished process, before it is reaped; memory from VmHWM, read
every few milliseconds. Linux only.
"""

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Usage:
    """One run: CPU seconds of the process and of its children, peak memory in MiB, wall seconds."""

    own_cpu_s: float
    children_cpu_s: float
    peak_mib: float
    wall_s: float
    exit_code: int
    output: str


def measure(
    argv: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> Usage:
    """Run a command to its end and return what it used. stdin is closed."""
    started = time.monotonic()
    process = subprocess.Popen(
        list(argv),
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert process.stdout is not None
    os.set_blocking(process.stdout.fileno(), False)
    peak_kib = 0
    output = bytearray()
    while True:
        peak_kib = max(peak_kib, _peak_kib(process.pid))
        output += process.stdout.read() or b""
        ended = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)
        if ended is not None:
            break
        time.sleep(0.003)
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    own, children = (
        (int(fields[11]) + int(fields[12])) * _TICK_S,
        (int(fields[13]) + int(fields[14])) * _TICK_S,
    )
    output += process.stdout.read() or b""
    code = process.wait()
    text = output.decode("utf-8", "replace")
    return Usage(own, children, peak_kib / 1024, time.monotonic() - started, code, text)


def _peak_kib(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    except OSError:
        pass
    return 0


def middle(values: Sequence[float]) -> float:
    """Return the median."""
    return median(values)
