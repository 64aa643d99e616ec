"""Control groups of this host, where it lets us make any."""

import os
import subprocess
from pathlib import Path

import pytest

from kodo.sandboxes.jail import JailLimits
from kodo.sandboxes.limits.cgroups import Cells, Hierarchy, find_hierarchies, joining, settings

LIMITS = JailLimits(processes=30, memory_sum_bytes=64 << 20, processors=0.5)


@pytest.fixture
def found() -> tuple[Hierarchy, ...]:
    """Return what this host offers."""
    found = find_hierarchies({"memory", "pids", "cpu"})
    if not found:
        pytest.skip("no control group can be made here")
    return found


def test_a_group_limits_and_is_removed(found: tuple[Hierarchy, ...]) -> None:
    cells = Cells(LIMITS, found)
    assert cells.guarantees
    with cells.open() as cell:
        assert cell is not None
        folders = cell.folders
        inside = subprocess.run(
            [*joining(cell), "cat", *cell.doors], capture_output=True, check=True, text=True
        )
        assert len(inside.stdout.split()) == len(folders)
        if "pids_limited" in cells.guarantees:
            most = [folder / "pids.max" for folder in folders if (folder / "pids.max").exists()]
            assert most[0].read_text().strip() == "30"
    cells.close()
    assert not any(folder.exists() for folder in folders)


def test_who_is_left_in_a_group_is_killed(found: tuple[Hierarchy, ...]) -> None:
    cells = Cells(LIMITS, found)
    with cells.open() as cell:
        words = [*joining(cell), "sh", "-c", "echo in; exec sleep 600"]
        left = subprocess.Popen(words, stdout=subprocess.PIPE, start_new_session=True)
        assert left.stdout is not None
        assert left.stdout.readline() == b"in\n"
        left.stdout.close()
    assert left.wait(20) == -9
    cells.close()


def test_what_a_killed_kodo_left_is_swept(found: tuple[Hierarchy, ...]) -> None:
    old = found[0].folder / f"kodo-{os.getpid()}-left"
    old.mkdir()
    os.utime(old, (1, 1))
    find_hierarchies({"memory", "pids", "cpu"})
    assert not old.exists()


def test_none_where_there_is_nothing_to_limit_or_to_find(tmp_path: Path) -> None:
    nothing = JailLimits(processes=None, memory_sum_bytes=None)
    assert Cells(nothing).guarantees == frozenset()
    empty = tmp_path / "empty"
    empty.write_text("")
    assert find_hierarchies({"memory"}, empty, empty) == ()
    assert find_hierarchies({"memory"}, tmp_path / "missing", empty) == ()
    with Cells(LIMITS, ()).open() as cell:
        assert cell is None
        assert joining(cell) == []


def test_a_folder_that_is_no_hierarchy_is_not_taken_for_one(tmp_path: Path) -> None:
    mounts, own = tmp_path / "mounts", tmp_path / "own"
    mounts.write_text(f"cgroup2 {tmp_path} cgroup2 rw 0 0\n")
    own.write_text("0::/\n")
    assert find_hierarchies({"memory"}, mounts, own) == ()
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]


def test_settings_of_both_versions() -> None:
    assert settings(2, "memory", LIMITS)["memory.max"] == 64 << 20
    assert settings(1, "memory", LIMITS)["memory.limit_in_bytes"] == 64 << 20
    assert settings(2, "cpu", LIMITS) == {"cpu.max": "50000 100000"}
    assert settings(1, "cpu", LIMITS)["cpu.cfs_quota_us"] == 50_000
    assert settings(2, "cpu", JailLimits()) == {}
