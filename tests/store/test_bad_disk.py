"""A full disk, and a store that cannot be written: one line, and nothing that was told is lost."""

import os
import shutil
import subprocess
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kodo.base.errors import StoreError
from kodo.core.events import Noted
from kodo.core.thread import Entry, ThreadHeader
from kodo.store.store import Store, open_store
from kodo.store.upkeep.collect import collect
from kodo.store.upkeep.purge import scrub
from kodo.store.upkeep.verify import verify

pytestmark = pytest.mark.anyio

MakeHeader = Callable[..., ThreadHeader]
MakeEntry = Callable[..., Entry]


@contextmanager
def mounted(folder: Path, *options: str) -> Generator[None]:
    """Mount something on a folder; skips the test where that is not allowed."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount")
    done = subprocess.run(["mount", *options, str(folder)], capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip("nothing can be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a folder on a disk of 2 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    with mounted(folder, "-t", "tmpfs", "-o", "size=2m", "tmpfs"):
        yield folder


@contextmanager
def read_only(folder: Path) -> Generator[None]:
    """Make a folder and what is in it unwritable."""
    if os.geteuid() == 0:
        with mounted(folder, "--bind", str(folder)):
            again = ["mount", "-o", "remount,ro,bind", str(folder)]
            if subprocess.run(again, capture_output=True, check=False).returncode != 0:
                pytest.skip("nothing can be mounted read-only here")
            yield
        return
    paths = [folder, *folder.iterdir()]
    for path in paths:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        yield
    finally:
        for path in paths:
            path.chmod(0o755 if path.is_dir() else 0o644)


async def append_until_full(store: Store, make_entry: MakeEntry, start: int) -> int:
    """Append until the disk refuses; returns the `seq` that was refused."""
    for seq in range(start, 10_000):
        body = Noted(os.urandom(2000 if seq % 3 else 12_000).hex())
        try:
            await store.log.append("thread-1", make_entry(seq, body))
        except StoreError as error:
            said = str(error)
            break
    else:
        raise AssertionError("the disk was never full")
    assert "no space left for the store" in said
    assert "free some, or move KODO_HOME" in said
    return seq


async def test_a_full_disk_loses_nothing_and_goes_on_when_there_is_room(
    small_disk: Path, make_header: MakeHeader, make_entry: MakeEntry
) -> None:
    (small_disk / "filler").write_bytes(bytes(1 << 20))
    path = small_disk / "store.db"
    async with open_store(path) as store:
        await store.log.create(make_header())
        refused = await append_until_full(store, make_entry, 1)
        with pytest.raises(StoreError, match="no space left"):
            await store.blobs.put(os.urandom(1 << 20))
        assert len((await store.log.load("thread-1"))[1]) == refused - 1
    async with open_store(path) as store:  # a later process finds all of it too
        assert (await verify(store.database)).faults == ()
        for act in (scrub, collect):
            with pytest.raises(StoreError, match="no space left"):
                await act(store.database)
        assert len((await store.log.load("thread-1"))[1]) == refused - 1
        (small_disk / "filler").unlink()
        for seq in range(refused, refused + 5):
            await store.log.append("thread-1", make_entry(seq))
        assert len((await store.log.load("thread-1"))[1]) == refused + 4
        assert (await verify(store.database)).faults == ()


async def test_a_store_that_cannot_be_written_can_be_read(
    store_path: Path, make_header: MakeHeader, make_entry: MakeEntry
) -> None:
    async with open_store(store_path) as store:
        await store.log.create(make_header())
        await store.log.append("thread-1", make_entry(1))
        name = await store.blobs.put(b"content")
    with read_only(store_path.parent):
        async with open_store(store_path) as store:
            assert (await store.log.load("thread-1"))[1] == [make_entry(1)]
            assert await store.blobs.get(name) == b"content"
            assert (await verify(store.database)).faults == ()
            with pytest.raises(StoreError, match=r"cannot be written .*set KODO_HOME"):
                await store.log.append("thread-1", make_entry(2))
    async with open_store(store_path) as store:
        await store.log.append("thread-1", make_entry(2))


async def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with read_only(tmp_path):
        async with open_store(tmp_path / "store.db") as store:
            with pytest.raises(StoreError, match="make its folder writable"):
                await store.log.list()
