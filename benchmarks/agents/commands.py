"""Run one command with a time limit, in a session of its own, its output in a file.

Knows neither agents nor tasks. Guards that nothing of the command's process group outlives it.
"""

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Ending:
    """How a command ended: no exit code where the time limit did it."""

    exit_code: int | None
    wall_s: float


def run(command: Sequence[str], *, cwd: Path, limit_s: float, log: Path) -> Ending:
    """Run to the end or the limit; 127 where the program cannot be started. stdin is empty."""
    began_s = time.monotonic()
    with log.open("ab") as output:
        try:
            process = subprocess.Popen(
                list(command),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            output.write(f"{command[0]!r}: {error.strerror}\n".encode())
            return Ending(127, time.monotonic() - began_s)
        code: int | None = None
        try:
            with suppress(subprocess.TimeoutExpired):
                code = process.wait(timeout=limit_s)
        finally:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return Ending(code, time.monotonic() - began_s)
