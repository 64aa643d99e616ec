"""Snapshots: a restored tree is the tree that was, and nothing else is ever touched."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from kodo.base.errors import StoreError, ToolError
from kodo.core.check import Change
from kodo.store.blobs import SqliteBlobs
from kodo.store.database import Database
from kodo.store.snapshots import WorkspaceSnapshots
from kodo.store.store import Store, open_store
from kodo.store.tree.coverage import Coverage
from kodo.store.tree.manifest import decode_manifest

pytestmark = pytest.mark.anyio

Tree = dict[str, tuple[int, bytes | str]]


def tree(root: Path) -> Tree:
    """Return every file and link of a folder with its mode and content."""
    found: Tree = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if path.is_symlink():
            found[name] = (0, os.readlink(path))  # noqa: PTH115 - Path would tidy the target
        elif path.is_file():
            found[name] = (path.stat().st_mode & 0o777, path.read_bytes())
    return found


@pytest.fixture
def files(workspace: Path) -> Path:
    """Return a workspace with a few files of every covered sort."""
    (workspace / "src").mkdir()
    (workspace / "src" / "a.py").write_text("a = 1\n")
    (workspace / "src" / "data.bin").write_bytes(b"\x00\xff\r\n" * 100)
    (workspace / "run.sh").write_text("#!/bin/sh\n")
    (workspace / "run.sh").chmod(0o755)
    (workspace / "link").symlink_to("./src//a.py")
    (workspace / "dangling").symlink_to("/nowhere")
    (workspace / "empty").write_text("")
    (workspace / "hollow").mkdir()
    return workspace


@pytest.fixture
def snapshots(store: Store, workspace: Path) -> WorkspaceSnapshots:
    """Return the snapshots of the workspace."""
    return store.snapshots(workspace)


async def test_an_unchanged_tree_keeps_its_name(
    store: Store, snapshots: WorkspaceSnapshots, files: Path
) -> None:
    name = await snapshots.take()
    assert await snapshots.take() == name
    os.utime(files / "run.sh", (1, 1))
    assert await snapshots.take() == name
    assert await store.snapshots(files).take() == name
    assert await snapshots.changes(name) == []
    assert await snapshots.restore(name, name) == []
    assert await snapshots.restore(name, None) == []


async def test_changes_tell_bytes_links_and_modes(
    snapshots: WorkspaceSnapshots, files: Path
) -> None:
    before = await snapshots.take()
    (files / "src" / "a.py").write_text("a = 2\n")
    (files / "src" / "new.py").write_text("new\n")
    (files / "empty").unlink()
    (files / "run.sh").chmod(0o644)
    (files / "link").unlink()
    (files / "link").symlink_to("run.sh")
    after = await snapshots.take()
    expected = [
        Change("empty", b"", None, "shell"),
        Change("link", b"./src//a.py", b"run.sh", "shell"),
        Change("run.sh", b"#!/bin/sh\n", b"#!/bin/sh\n", "shell"),
        Change("src/a.py", b"a = 1\n", b"a = 2\n", "shell"),
        Change("src/new.py", None, b"new\n", "shell"),
    ]
    assert await snapshots.changes(before, after) == expected
    assert await snapshots.changes(before) == expected
    back = await snapshots.changes(after, before)
    assert [(item.path, item.before) for item in back] == [
        (item.path, item.after) for item in expected
    ]


async def test_a_restore_brings_everything_back_and_forth(
    snapshots: WorkspaceSnapshots, files: Path
) -> None:
    before, was = await snapshots.take(), tree(files)
    (files / "src" / "a.py").unlink()
    (files / "src" / "data.bin").unlink()
    (files / "src").rmdir()
    (files / "src").write_text("a file now")
    (files / "empty").unlink()
    (files / "empty").mkdir()
    (files / "empty" / "deep").mkdir()
    (files / "empty" / "deep" / "x").write_text("x")
    (files / "run.sh").chmod(0o600)
    (files / "dangling").unlink()
    (files / "dangling").write_text("a file now")
    after, then = await snapshots.take(), tree(files)
    undone = await snapshots.restore(before, after)
    assert tree(files) == was
    assert (files / "hollow").is_dir()
    assert "src" in {item.path for item in undone}
    await snapshots.restore(after, before)
    assert tree(files) == then
    await snapshots.restore(before, None)
    assert tree(files) == was
    assert not [path for path in files.iterdir() if path.name.startswith(".kodo")]


async def test_a_later_process_can_restore(store_path: Path, files: Path) -> None:
    async with open_store(store_path) as store:
        before, was = await store.snapshots(files).take(), tree(files)
    (files / "src" / "a.py").write_text("changed")
    async with open_store(store_path) as store:
        snapshots = store.snapshots(files)
        after = await snapshots.take()
        assert [item.path for item in await snapshots.restore(before, after)] == ["src/a.py"]
    assert tree(files) == was


async def test_a_file_changed_since_stops_everything(
    snapshots: WorkspaceSnapshots, files: Path
) -> None:
    before = await snapshots.take()
    (files / "run.sh").write_text("by the agent\n")
    (files / "src" / "a.py").write_text("by the agent\n")
    after = await snapshots.take()
    (files / "src" / "a.py").write_text("by hand\n")
    (files / "mine.txt").write_text("by hand too\n")
    was = tree(files)
    with pytest.raises(ToolError, match=r"changed since .*'src/a.py'; nothing was touched"):
        await snapshots.restore(before, after)
    assert tree(files) == was
    undone = await snapshots.restore(before, after, force=True)
    assert (files / "src" / "a.py").read_text() == "a = 1\n"
    assert (files / "mine.txt").read_text() == "by hand too\n"
    assert {item.path: item.before for item in undone}["src/a.py"] == b"by hand\n"


async def test_what_is_already_as_wanted_is_no_conflict(
    snapshots: WorkspaceSnapshots, files: Path
) -> None:
    before = await snapshots.take()
    (files / "run.sh").write_text("agent\n")
    (files / "empty").write_text("agent\n")
    after = await snapshots.take()
    (files / "empty").write_text("")
    assert [item.path for item in await snapshots.restore(before, after)] == ["run.sh"]


async def test_files_that_no_snapshot_covers_are_never_touched(
    snapshots: WorkspaceSnapshots, files: Path
) -> None:
    (files / "pkg").write_text("a file")
    before = await snapshots.take()
    (files / "pkg").unlink()
    (files / "pkg" / "node_modules").mkdir(parents=True)
    (files / "pkg" / "node_modules" / "kept.js").write_text("kept")
    (files / "pkg" / "index.js").write_text("made by the agent")
    after = await snapshots.take()
    was = tree(files)
    for force in (False, True):
        with pytest.raises(ToolError, match=r"'pkg/node_modules/kept.js' stands in its place"):
            await snapshots.restore(before, after, force=force)
        assert tree(files) == was


async def test_a_link_never_leads_a_restore_out_of_the_workspace(
    snapshots: WorkspaceSnapshots, files: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a.py").write_text("not ours\n")
    before = await snapshots.take()
    (files / "src" / "a.py").write_text("agent\n")
    after = await snapshots.take()
    (files / "src").rename(files / "moved")
    (files / "src").symlink_to(outside)
    with pytest.raises(ToolError, match="changed since"):
        await snapshots.restore(before, after)
    with pytest.raises(ToolError, match="'src' stands in its place"):
        await snapshots.restore(before, after, force=True)
    assert (outside / "a.py").read_text() == "not ours\n"


async def test_a_folder_that_became_a_link_comes_back_as_a_folder(
    snapshots: WorkspaceSnapshots, files: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a.py").write_text("not ours\n")
    before, was = await snapshots.take(), tree(files)
    (files / "src" / "a.py").unlink()
    (files / "src" / "data.bin").unlink()
    (files / "src").rmdir()
    (files / "src").symlink_to(outside)
    after = await snapshots.take()
    await snapshots.restore(before, after)
    assert tree(files) == was
    assert (outside / "a.py").read_text() == "not ours\n"


async def test_what_is_left_out_is_named(store: Store, workspace: Path) -> None:
    for folder in (".git", "node_modules", "lib/__pycache__", "target", "crate/target", "env"):
        (workspace / folder).mkdir(parents=True)
        (workspace / folder / "file").write_text("x")
    (workspace / "crate" / "Cargo.toml").write_text("")
    (workspace / "env" / "pyvenv.cfg").write_text("")
    (workspace / "big").write_bytes(b"x" * 2000)
    os.mkfifo(workspace / "pipe")
    (workspace / os.fsdecode(b"caf\xe9")).write_text("x")
    snapshots = store.snapshots(workspace, coverage=Coverage(max_file_bytes=1000))
    name = await snapshots.take()
    left_out = {item.path: item.reason for item in await snapshots.uncovered(name)}
    built = "dependencies, cache or build output"
    assert left_out == {
        ".git/": "version control",
        "node_modules/": built,
        "lib/__pycache__/": built,
        "crate/target/": built,
        "env/": built,
        "big": "larger than 1000 bytes",
        "pipe": "neither a file nor a link",
    }
    manifest = decode_manifest(await store.blobs.get(name), name)
    assert [file.path for file in manifest.files] == [
        "\x00636166e9",  # a name that is not UTF-8 stands as its bytes
        *("crate/", "crate/Cargo.toml", "lib/", "target/", "target/file"),
    ]


async def test_a_file_that_left_the_coverage_is_not_taken_for_deleted(
    store: Store, workspace: Path
) -> None:
    snapshots = store.snapshots(workspace, coverage=Coverage(max_file_bytes=1000))
    (workspace / "grows").write_text("small")
    before = await snapshots.take()
    (workspace / "grows").write_bytes(b"x" * 2000)
    after = await snapshots.take()
    assert await snapshots.changes(before, after) == []
    assert await snapshots.restore(before, after) == []
    assert (workspace / "grows").stat().st_size == 2000


@pytest.mark.parametrize("coverage", [Coverage(max_files=3), Coverage(max_total_bytes=30)])
async def test_caps_leave_out_the_deepest_and_say_so(
    store: Store, workspace: Path, coverage: Coverage
) -> None:
    for name in ("a/b/c/deep", "a/two", "one", "z/three"):
        (workspace / name).parent.mkdir(parents=True, exist_ok=True)
        (workspace / name).write_text("ten bytes!")
    snapshots = store.snapshots(workspace, coverage=coverage)
    before = await snapshots.take()
    assert [item.reason for item in await snapshots.uncovered(before)] == ["the snapshot is full"]
    (workspace / "0").write_text("ten bytes!")  # pushes `z/three` out
    after = await snapshots.take()
    assert [item.path for item in await snapshots.changes(before, after)] == ["0"]
    await snapshots.restore(before, after)
    assert (workspace / "z" / "three").exists()
    assert not (workspace / "0").exists()


async def test_the_store_inside_the_workspace_is_left_out(workspace: Path) -> None:
    (workspace / "file").write_text("x")
    async with open_store(workspace / ".home" / "store.db") as store:
        snapshots = store.snapshots(workspace)
        name = await snapshots.take()
        assert await snapshots.take() == name
        reasons = {item.reason for item in await snapshots.uncovered(name)}
        assert reasons == {"the store itself"}


async def test_a_missing_workspace_and_a_wrong_name_are_told(store: Store, workspace: Path) -> None:
    with pytest.raises(StoreError, match="cannot take a snapshot"):
        await store.snapshots(workspace / "missing").take()
    blob = await store.blobs.put(b"{}")
    with pytest.raises(StoreError, match="is not a snapshot"):
        await store.snapshots(workspace).changes(blob)


class Recording(SqliteBlobs):
    """Blobs that remember what they were asked to keep."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.kept: list[bytes] = []

    async def keep(self, contents: Mapping[str, bytes]) -> None:
        self.kept += contents.values()
        await super().keep(contents)


async def test_settled_files_are_not_read_again_even_by_a_later_process(
    store: Store, workspace: Path
) -> None:
    for number in range(100):
        (workspace / f"f{number}").write_text(f"content {number}")
    blobs = Recording(store.database)

    def fresh(age_s: int) -> WorkspaceSnapshots:
        now_ns = (workspace / "f99").stat().st_ctime_ns + age_s * 1_000_000_000
        return WorkspaceSnapshots(
            *(store.database, blobs, workspace), coverage=Coverage(), clock_ns=lambda: now_ns
        )

    name = await fresh(age_s=0).take()
    blobs.kept.clear()
    assert await fresh(age_s=0).take() == name
    assert len(blobs.kept) == 101  # too young to be trusted: all were read again
    old = fresh(age_s=3600)
    assert await old.take() == name
    blobs.kept.clear()
    (workspace / "f7").write_text("CONTENT 7")
    for snapshots in (old, fresh(age_s=3600)):
        changed = await snapshots.take()
        assert [data for data in blobs.kept if data.startswith(b"{")] != []
        assert [data for data in blobs.kept if not data.startswith(b"{")] == [b"CONTENT 7"]
        assert [item.path for item in await snapshots.changes(name, changed)] == ["f7"]
        blobs.kept.clear()


async def test_a_file_rewritten_within_the_same_tick_is_seen(
    snapshots: WorkspaceSnapshots, workspace: Path
) -> None:
    file = workspace / "file"
    file.write_text("one")
    status = file.stat()
    first = await snapshots.take()
    file.write_text("two")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert await snapshots.take() != first


async def test_a_large_tree_is_told_by_differences_that_resolve(
    store: Store, snapshots: WorkspaceSnapshots, workspace: Path
) -> None:
    for number in range(300):
        (workspace / f"f{number:03}").write_text(f"content {number}")
    names = [await snapshots.take()]
    states = [tree(workspace)]
    for step in range(1, 8):
        (workspace / f"f{step:03}").unlink()
        (workspace / f"f{step + 100:03}").write_text(f"changed {step}")
        (workspace / f"new{step}").write_text("new")
        names.append(await snapshots.take())
        states.append(tree(workspace))
    whole = await store.blobs.get(names[0])
    last = await store.blobs.get(names[-1])
    assert decode_manifest(last, names[-1]).base == names[0]
    assert len(last) < len(whole) / 5
    other = store.snapshots(workspace)
    for name, state in reversed(list(zip(names, states, strict=True))):
        await other.restore(name, None)
        assert tree(workspace) == state
