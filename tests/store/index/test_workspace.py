"""The files of the workspace: taken in once, again when they change, and never what is ignored."""

import os
from pathlib import Path

import pytest

from kodo.store.index.recall import SqliteRecall
from kodo.store.index.workspace import Caps

from .conftest import Memory

pytestmark = pytest.mark.anyio

LATER_NS = 4_000_000_000_000_000_000


async def files(memory: Memory) -> set[str]:
    """Return the paths of all files in the index."""
    hits = await memory.find("marker", k=200, kinds=("file",))
    return {hit.path for hit in hits if hit.current}


async def test_what_is_ignored_binary_linked_or_made_is_left_out(memory: Memory) -> None:
    memory.write(".gitignore", "*.log\nbuild/\n")
    for path in (
        *("a.py", "deep/er/b.txt", "deep/c.log", "build/d.py", "node_modules/e.js", ".git/f"),
        *(".venv/g.py", "target/h.rs", "Cargo.toml", "keep/.gitignore", "keep/i.log"),
    ):
        memory.write(path, f"marker of {path}\n")
    memory.write("keep/.gitignore", "!i.log\n# marker keep\n")
    memory.write("j.bin", b"marker\0binary")
    (memory.workspace / "k.py").symlink_to("/etc/hostname")
    await memory.recall.catch_up()
    expected = {"a.py", "deep/er/b.txt", "Cargo.toml", "keep/.gitignore", "keep/i.log"}
    assert await files(memory) == expected


async def test_caps_hold(store_path: Path, workspace: Path, memory: Memory) -> None:
    memory.write("large.txt", "marker\n" * 1000)
    for number in range(5):
        memory.write(f"f{number}.txt", f"marker {number}\n")
    recall = SqliteRecall(
        store_path, workspace, caps=Caps(max_file_bytes=1000, max_files=3, max_total_bytes=1000)
    )
    try:
        await recall.catch_up()
        assert await files(memory) == {"f0.txt", "f1.txt", "f2.txt"}
    finally:
        await recall.aclose()


async def test_only_what_looks_changed_is_read_again(
    memory: Memory, store_path: Path, workspace: Path
) -> None:
    recall = SqliteRecall(store_path, workspace, now_ns=lambda: LATER_NS)
    told: list[tuple[int, int]] = []
    file = memory.write("a.txt", "marker one\n")
    memory.write("b.txt", "marker two\n")
    try:
        await recall.catch_up(lambda done, total: told.append((done, total)))
        assert told == [(22, 22)]
        await recall.catch_up(lambda done, total: told.append((done, total)))
        assert told == [(22, 22)]
        file.write_text("marker 111\n")
        os.utime(file, ns=(1, 1))
        await recall.catch_up(lambda done, total: told.append((done, total)))
        assert told[1:] == [(11, 11)]
        assert (await memory.refs("marker 111", kinds=("file",)))[0] == "f:a.txt@2"
    finally:
        await recall.aclose()


async def test_a_file_that_has_just_changed_is_looked_at_again(memory: Memory) -> None:
    file = memory.write("a.txt", "marker one\n")
    await memory.recall.catch_up()
    status = file.stat()
    file.write_text("marker two\n")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    await memory.recall.catch_up()
    assert (await memory.refs("marker two"))[0] == "f:a.txt@2"


async def test_a_removed_file_is_current_no_more(memory: Memory) -> None:
    file = memory.write("a.txt", "marker one\n")
    await memory.recall.catch_up()
    file.unlink()
    await memory.recall.catch_up()
    (hit,) = await memory.find("marker one")
    assert (hit.ref, hit.current) == ("f:a.txt@1", False)
    memory.write("a.txt", "marker three\n")
    await memory.recall.catch_up()
    assert await memory.recall.read("f:a.txt@2") == b"marker three\n"


async def test_names_and_contents_may_be_odd(memory: Memory) -> None:
    memory.write("with space/ü ö.txt", "marker ü\n".encode())
    memory.write("latin.txt", "marker caf\u00e9\n".encode("latin-1"))
    memory.write("empty.txt", b"")
    memory.write("crlf.txt", b"marker\r\nmore\r\n")
    (memory.workspace / os.fsdecode(b"bad\xff.txt")).write_text("marker")
    await memory.recall.catch_up()
    assert await files(memory) == {"with space/ü ö.txt", "latin.txt", "crlf.txt"}
    assert await memory.recall.read("f:latin.txt@1") == "marker caf\u00e9\n".encode("latin-1")
    assert await memory.recall.read("f:crlf.txt", 1, 1) == b"marker\r\n"


async def test_two_workspaces_of_a_project_keep_their_files_apart(
    memory: Memory, tmp_path: Path, store_path: Path
) -> None:
    memory.write("a.txt", "marker here\n")
    await memory.recall.catch_up()
    other = tmp_path / "other"
    other.mkdir()
    (other / "a.txt").write_text("marker there\n")
    recall = SqliteRecall(store_path, other)
    try:
        await recall.catch_up()
        assert await recall.read("f:a.txt@1") == b"marker there\n"
        assert await memory.recall.read("f:a.txt@1") == b"marker here\n"
    finally:
        await recall.aclose()
