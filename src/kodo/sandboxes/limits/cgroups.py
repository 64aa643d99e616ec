"""Control groups: limits for all processes of a command together. Version 2, version 1, or none.

Finds by trying what this user may make; knows no sandbox. Guards that a group which cannot be
entered is never promised, and that what still runs in one at the end is killed.
"""

import functools
import itertools
import os
import signal
import subprocess
from collections.abc import Collection, Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from kodo.core.sandbox import Guarantee
from kodo.sandboxes.jail import JailLimits

_PERIOD_US = 100_000
_OLD_S = 60
_NUMBERS = itertools.count()
_OF_CONTROLLER: dict[str, Guarantee] = {
    "memory": "memory_sum_limited",
    "pids": "pids_limited",
    "cpu": "cpu_limited",
}


class Hierarchy(msgspec.Struct, frozen=True):
    """A folder in which groups can be made, and the controllers that count there."""

    folder: Path
    controllers: frozenset[str]
    version: int


class Cell(msgspec.Struct, frozen=True):
    """The groups of one command: `doors` are the files that take the id of who enters."""

    folders: tuple[Path, ...]

    @property
    def doors(self) -> tuple[str, ...]:
        return tuple(str(folder / "cgroup.procs") for folder in self.folders)


class Cells:
    """Makes the groups of commands under one set of limits; none where the host lets us make none.

    `found` stands in for the hierarchies of this host.
    """

    def __init__(self, limits: JailLimits, found: tuple[Hierarchy, ...] | None = None) -> None:
        self._limits = limits
        self._found = found
        self._left: list[Path] = []

    @property
    def guarantees(self) -> frozenset[Guarantee]:
        """What the groups limit here."""
        return frozenset(
            _OF_CONTROLLER[controller]
            for hierarchy in self._hierarchies()
            for controller in hierarchy.controllers
            if settings(hierarchy.version, controller, self._limits)
        )

    @contextmanager
    def open(self) -> Generator[Cell | None]:
        """Make the groups of one command; at the end kill what is in them and remove them."""
        folders: list[Path] = []
        try:
            for hierarchy in self._hierarchies():
                folders.append(_make(hierarchy, self._limits))
        except OSError:
            # The host has changed its mind; what is promised must hold, so the caller is told.
            for folder in folders:
                _remove(folder)
            raise
        try:
            yield Cell(tuple(folders)) if folders else None
        finally:
            for folder in folders:
                _end(folder)
            self._left = [folder for folder in (*self._left, *folders) if not _remove(folder)]

    def close(self) -> None:
        """Remove what could not be removed when its command ended."""
        self._left = [folder for folder in self._left if not _remove(folder)]

    def _hierarchies(self) -> tuple[Hierarchy, ...]:
        if self._found is None:
            wanted = {
                name for name in _OF_CONTROLLER for v in (1, 2) if settings(v, name, self._limits)
            }
            self._found = _found_here(frozenset(wanted)) if wanted else ()
        return self._found


def joining(cell: Cell | None) -> list[str]:
    """Return words that enter the groups and then become the command that follows them."""
    if cell is None:
        return []
    script = 'while [ "$1" != -- ]; do echo $$ >"$1" || exit 125; shift; done; shift; exec "$@"'
    return ["/bin/sh", "-c", script, "sh", *cell.doors, "--"]


def settings(version: int, controller: str, limits: JailLimits) -> Mapping[str, int | str]:
    """Return the files to fill in a new group, the first of them indispensable."""
    match controller:
        case "memory" if limits.memory_sum_bytes is not None:
            most = limits.memory_sum_bytes
            if version == 1:
                return {"memory.limit_in_bytes": most, "memory.memsw.limit_in_bytes": most}
            return {"memory.max": most, "memory.swap.max": 0, "memory.oom.group": 1}
        case "pids" if limits.processes is not None:
            return {"pids.max": limits.processes}
        case "cpu" if limits.processors is not None:
            quota_us = max(1000, int(limits.processors * _PERIOD_US))
            if version == 1:
                return {"cpu.cfs_quota_us": quota_us, "cpu.cfs_period_us": _PERIOD_US}
            return {"cpu.max": f"{quota_us} {_PERIOD_US}"}
        case _:
            return {}


@functools.cache
def _found_here(wanted: frozenset[str]) -> tuple[Hierarchy, ...]:
    # A run has several sandboxes on one host; where the host changes its mind, `open` raises.
    return find_hierarchies(wanted)


def find_hierarchies(
    wanted: Collection[str],
    mounts: Path = Path("/proc/self/mounts"),
    own: Path = Path("/proc/self/cgroup"),
) -> tuple[Hierarchy, ...]:
    """Return where this process can make groups that it can put a child into, for `wanted`."""
    try:
        places = _places(mounts.read_text("utf-8", "replace"), own.read_text("utf-8", "replace"))
    except OSError:
        return ()
    found: list[Hierarchy] = []
    missing = set(wanted)
    for version, controllers, folders in places:
        if version == 1 and not controllers & missing:
            continue
        for folder in folders:
            usable = _usable(folder, version, missing if version == 2 else controllers & missing)
            if usable:
                found.append(Hierarchy(folder, usable, version))
                missing -= usable
                break
    return tuple(found)


def _places(mounts: str, own: str) -> Iterator[tuple[int, frozenset[str], list[Path]]]:
    """Yield version, controllers and folders to try, from the lines of /proc."""
    paths: dict[str, str] = {}
    for line in own.splitlines():
        _, names, path = line.split(":", 2)
        for name in names.split(","):
            paths[name] = path
    for line in mounts.splitlines():
        _, at, kind, options = line.split(" ")[:4]
        base = Path(at)
        if kind == "cgroup2":
            here = base / paths.get("", "/").lstrip("/")
            # A group that holds processes cannot share out memory; its parents may.
            around = [here, *list(here.parents)[:3]]
            yield 2, frozenset(), [path for path in around if path.is_relative_to(base)]
        elif kind == "cgroup":
            names = frozenset(options.split(",")) & _OF_CONTROLLER.keys()
            if names:
                here = base / paths.get(min(names), "/").lstrip("/")
                yield 1, names, [here if here.is_dir() else base]


def _usable(folder: Path, version: int, controllers: set[str] | frozenset[str]) -> frozenset[str]:
    """Make a group and put a child into it. Returns the controllers that it really has."""
    needed = {"memory": ("memory.limit_in_bytes", "memory.max"), "pids": ("pids.max",) * 2}
    needed["cpu"] = ("cpu.cfs_quota_us", "cpu.max")
    trial = folder / f"kodo-trial-{os.getpid()}-{next(_NUMBERS)}"
    try:
        trial.mkdir()
    except OSError:
        return frozenset()
    try:
        _sweep(folder, trial)
        has = {name for name in controllers if (trial / needed[name][version - 1]).exists()}
        if not has:
            return frozenset()
        words = joining(Cell((trial,)))
        done = subprocess.run([*words, "true"], stderr=subprocess.DEVNULL, check=False)
        return frozenset(has) if done.returncode == 0 else frozenset()
    except OSError:
        return frozenset()
    finally:
        _remove(trial)


def _sweep(folder: Path, trial: Path) -> None:
    """Remove empty groups that a killed kodo left behind: those a minute older than `trial`."""
    now = trial.stat().st_mtime
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("kodo-") and now - entry.stat().st_mtime > _OLD_S:
                _remove(Path(entry.path))


def _make(hierarchy: Hierarchy, limits: JailLimits) -> Path:
    folder = hierarchy.folder / f"kodo-{os.getpid()}-{next(_NUMBERS)}"
    folder.mkdir()
    try:
        for controller in sorted(hierarchy.controllers):
            needed = True
            for name, value in settings(hierarchy.version, controller, limits).items():
                try:
                    (folder / name).write_text(str(value))
                except OSError:
                    if needed:
                        raise
                needed = False
    except OSError:
        _remove(folder)
        raise
    return folder


def _end(folder: Path) -> None:
    """Kill every process in the group; a few rounds, as one may fork while it is looked for."""
    with suppress(OSError):
        (folder / "cgroup.kill").write_text("1")
        return
    for _ in range(20):
        try:
            found = (folder / "cgroup.procs").read_text().split()
        except OSError:
            return
        if not found:
            return
        for pid in found:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(int(pid), signal.SIGKILL)


def _remove(folder: Path) -> bool:
    """Remove a group. False where a process that was killed has not gone yet."""
    try:
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
