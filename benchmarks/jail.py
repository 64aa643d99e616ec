"""What a jail adds to one command: CPU and wall time on each rung against the same words plain.

Run as `python -m benchmarks.jail [RUNS]`. Plain and jailed runs take turns in one process, so that
load hits both; medians of the pairs are told, and the spread, as wall time depends on the load.
"""

import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio

from kodo.base.process import run_process
from kodo.core.sandbox import Sandbox
from kodo.sandboxes.jail import Jail
from kodo.sandboxes.ladder import make_sandbox, probe_rungs

RUNS = 40
COMMAND = ["true"]


async def measure(act: Callable[[], Awaitable[object]]) -> tuple[float, float]:
    """Return CPU and wall milliseconds of one act: this process's and its ended children's."""
    before, started = _cpu_ms(), time.perf_counter()
    await act()
    return _cpu_ms() - before, (time.perf_counter() - started) * 1000


def _cpu_ms() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used) * 1000


async def compare(sandbox: Sandbox, workspace: Path, runs: int) -> str:
    """Return one line: what the sandbox adds to a command."""

    async def plain() -> object:
        return await run_process(COMMAND, cwd=workspace, env={"PATH": os.environ["PATH"]})

    async def jailed() -> object:
        return await sandbox.exec(COMMAND)

    for _ in range(3):
        await plain()
        await jailed()
    cpu: list[float] = []
    wall: list[float] = []
    base: list[float] = []
    for at in range(runs):
        # Who goes first changes from pair to pair.
        order = (plain, jailed) if at % 2 else (jailed, plain)
        taken = {act: await measure(act) for act in order}
        cpu.append(taken[jailed][0] - taken[plain][0])
        wall.append(taken[jailed][1] - taken[plain][1])
        base.append(taken[plain][1])
    low, _, high = statistics.quantiles(wall, n=4)
    return (
        f"{sandbox.name:<9} {statistics.median(cpu):>7.1f} ms CPU"
        f" {statistics.median(wall):>7.1f} ms wall"
        f" (quarters {low:.1f} to {high:.1f}; plain {statistics.median(base):.1f})"
    )


async def main(runs: int) -> None:
    """Print a line for each rung that works here."""
    print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors, {runs} pairs")
    with tempfile.TemporaryDirectory() as folder:
        workspace = Path(folder)
        jail = Jail(workspace, workspace.parent / "home", dict(os.environ))
        for report in await probe_rungs(jail):
            if not report.works:
                print(f"{report.name:<9} does not work here: {report.why_not}")
                continue
            sandbox = make_sandbox(report.name, jail)
            print(await compare(sandbox, workspace, runs))
            await sandbox.aclose()


if __name__ == "__main__":
    anyio.run(main, int(sys.argv[1]) if len(sys.argv) > 1 else RUNS)
