"""CPU time of snapshots and of an undo, beside a bare walk of the same tree in the same run.

Measures a workspace of many small files: the first snapshot, later ones with nothing, one file and
a hundred files changed, with the watch and without. Process CPU time, best and median of a few.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio

from kodo.runtime.build import open_watch
from kodo.store.snapshots import WorkspaceSnapshots
from kodo.store.store import Store, open_store
from kodo.store.tree.coverage import Coverage

HOUR_NS = 3600 * 10**9
TIMES = 7


def fill(root: Path, files: int) -> None:
    """Make a tree of small files, twenty a folder."""
    for number in range(files):
        folder = root / f"package{number // 400}" / f"module{number // 20}"
        if number % 20 == 0:
            folder.mkdir(parents=True)
        (folder / f"file{number % 20}.py").write_text(f"value = {number}\n" * 40)


def walk(root: str) -> None:
    """Look at every file, as the cheapest scan in Python does."""
    with os.scandir(root) as listing:
        for entry in listing:
            if entry.is_dir(follow_symlinks=False):
                walk(entry.path)
            else:
                entry.stat(follow_symlinks=False)


def show(name: str, costs_ms: list[float]) -> None:
    """Print one line of the table."""
    print(f"{name:<42} {min(costs_ms):8.1f} {statistics.median(costs_ms):8.1f}")


async def measure(
    act: Callable[[], Awaitable[object]], prepare: Callable[[int], None]
) -> list[float]:
    """Return the CPU milliseconds of each time."""
    costs: list[float] = []
    for number in range(TIMES):
        prepare(number)
        start = time.process_time()
        await act()
        costs.append((time.process_time() - start) * 1000)
    return costs


async def compare(files: int, root: Path, store: Store) -> None:
    """Measure and print everything."""

    def snapshots(*, watched: bool) -> WorkspaceSnapshots:
        return WorkspaceSnapshots(
            *(store.database, store.blobs, root),
            coverage=Coverage(),
            clock_ns=lambda: time.time_ns() + HOUR_NS,  # as if the tree were an hour old
            open_watch=open_watch if watched else None,
        )

    def change(count: int) -> Callable[[int], None]:
        def act(number: int) -> None:
            for at in range(count):
                place = root / "package0" / f"module{at // 20}" / f"file{at % 20}.py"
                place.write_text(f"changed {number} {count} {at}\n")

        return act

    async def bare() -> None:
        walk(str(root))

    print(f"{files} files; CPU ms{'':<26} {'best':>8} {'median':>8}")
    show("bare walk (scandir and stat)", await measure(bare, change(0)))
    start = time.process_time()
    first = await snapshots(watched=False).take()
    show("the first snapshot of all", [(time.process_time() - start) * 1000])
    for watched, name in ((True, "watched"), (False, "walked")):
        taken = snapshots(watched=watched)
        start = time.process_time()
        await taken.take()
        show(f"{name}: first of a process", [(time.process_time() - start) * 1000])
        for count in (0, 1, 100):
            costs = await measure(taken.take, change(count))
            show(f"{name}: {count} files changed", costs)
    taken = snapshots(watched=True)
    last = await taken.take()
    start = time.process_time()
    await taken.restore(first, last)
    show("undo of 100 files", [(time.process_time() - start) * 1000])


async def main(files: int) -> None:
    """Make the tree and measure."""
    with tempfile.TemporaryDirectory(prefix="kodo-undo-") as folder:
        root = Path(folder) / "workspace"
        fill(root, files)
        async with open_store(Path(folder) / "kept" / "store.db") as store:
            await compare(files, root, store)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10_000)
    anyio.run(main, parser.parse_args().files)
