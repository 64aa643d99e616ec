"""File versions: one order over all threads, what was current when, and nothing told twice."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from kodo.core.events import FileChange, FilesChanged
from kodo.core.thread import Entry, Thread, ThreadHeader
from kodo.store.database import Database
from kodo.store.files import (
    FileVersion,
    Sighting,
    current_files,
    newest_entry,
    version_as_of,
    versions_after,
    versions_of,
)
from kodo.store.store import Store, open_store

pytestmark = pytest.mark.anyio

MakeHeader = Callable[..., ThreadHeader]
MakeEntry = Callable[..., Entry]

A, B, C = (letter * 64 for letter in "abc")


def changed(path: str, before: str | None, after: str | None) -> FilesChanged:
    return FilesChanged("call", (FileChange(path, before, after),))


def told(versions: list[FileVersion]) -> list[tuple[int, str | None, int, int | None, str]]:
    return [(one.version, one.blob, one.entry, one.until, one.how) for one in versions]


async def test_an_edit_is_a_version_from_its_entry_on(
    store: Store, make_header: MakeHeader, make_entry: MakeEntry
) -> None:
    await store.log.create(make_header())
    bodies = [changed("a.py", None, A), changed("a.py", A, B), None, changed("a.py", B, None)]
    for seq, body in enumerate([*bodies, changed("a.py", None, A)], 1):
        await store.log.append("thread-1", make_entry(seq, body))
    found = await store.files.versions("/work/a.py")
    assert told(found) == [
        (1, A, 1, 2, "changed"),
        (2, B, 2, 4, "changed"),
        (2, None, 4, 5, "changed"),
        (3, A, 5, None, "changed"),
    ]
    as_of = [
        await store.database.read(lambda c, n=n: version_as_of(c, "/work/a.py", n))
        for n in range(7)
    ]
    assert [one.blob if one else "?" for one in as_of] == ["?", A, B, B, None, A, A]


async def test_what_was_there_before_an_edit_is_a_version_too(
    store: Store, make_header: MakeHeader, make_entry: MakeEntry
) -> None:
    await store.log.create(make_header())
    await store.log.append("thread-1", make_entry(1))
    await store.log.append("thread-1", make_entry(2, changed("a.py", A, B)))
    await store.log.append("thread-1", make_entry(3, changed("a.py", C, A)))
    found = await store.files.versions("/work/a.py")
    assert [(one.blob, one.entry, one.how) for one in found] == [
        (A, 2, "seen"),
        (B, 2, "changed"),
        (C, 3, "seen"),
        (A, 3, "changed"),
    ]
    # Nothing says that it was otherwise before it was first seen.
    early = await store.database.read(lambda c: version_as_of(c, "/work/a.py", 1))
    assert early is not None
    assert early.blob == A


async def test_what_is_seen_counts_from_the_next_entry_on(
    store: Store, make_header: MakeHeader, make_entry: MakeEntry
) -> None:
    assert await store.files.record([Sighting("/work/a.py", A), Sighting("/work/b.py", None)]) == 1
    await store.log.create(make_header())
    await store.log.append("thread-1", make_entry(1))
    assert await store.files.record([Sighting("/work/a.py", A)]) == 0
    assert await store.files.record([Sighting("/work/a.py", B)]) == 1
    assert told(await store.files.versions("/work/a.py")) == [
        (1, A, 1, 2, "seen"),
        (2, B, 2, None, "seen"),
    ]
    assert await store.files.record([Sighting("/work/a.py", None)]) == 1
    assert await store.files.current() == {}
    assert {path: blob for path, (_, blob) in (await store.files.current("/", 1)).items()} == {
        "/work/a.py": A
    }


async def test_an_edit_that_was_seen_first_is_still_the_edit(
    store: Store, make_header: MakeHeader, make_entry: MakeEntry
) -> None:
    await store.log.create(make_header())
    await store.files.record([Sighting("/work/a.py", A)])
    await store.files.record([Sighting("/work/a.py", B)])
    await store.log.append("thread-1", make_entry(1))
    await store.log.append("thread-1", make_entry(2, changed("a.py", A, B)))
    assert told(await store.files.versions("/work/a.py")) == [
        (1, A, 1, 2, "seen"),
        (2, B, 2, None, "changed"),
    ]


async def test_a_fork_changes_nothing_again(
    store: Store, make_header: MakeHeader, make_entry: MakeEntry
) -> None:
    await store.log.create(make_header())
    for seq, change in enumerate([changed("a.py", None, A), changed("a.py", A, B)], 1):
        await store.log.append("thread-1", make_entry(seq, change))
    header, entries = await store.log.load("thread-1")
    thread = Thread(header, iter(entries))
    later = replace(header, id="thread-2", created_at=entries[-1].event.at.replace(year=2027))
    ids = iter("xyz")
    copy = thread.fork(later, lambda: next(ids))
    await store.log.create(later)
    await store.log.extend("thread-2", copy.path())
    assert len(await store.files.versions("/work/a.py")) == 2


async def test_a_subfolder_and_a_worktree_are_what_they_are(
    store: Store, make_header: MakeHeader, make_entry: MakeEntry
) -> None:
    folders = {"thread-1": "/work", "thread-2": "/work/sub", "thread-3": "/work-tree"}
    for name, folder in folders.items():
        await store.log.create(make_header(name, cwd=folder))
    await store.log.append("thread-1", make_entry(1, changed("sub/a.py", None, A)))
    await store.log.append("thread-2", make_entry(1, changed("a.py", A, B)))
    await store.log.append("thread-3", make_entry(1, changed("sub/a.py", None, C)))
    assert [one.blob for one in await store.files.versions("/work/sub/a.py")] == [A, B]
    assert list(await store.files.current("/work")) == ["/work/sub/a.py"]
    assert list(await store.files.current("/work/sub/")) == ["/work/sub/a.py"]
    assert len(await store.files.current()) == 2


async def test_removing_a_thread_keeps_what_files_are_now(
    store: Store, make_header: MakeHeader, make_entry: MakeEntry
) -> None:
    await store.log.create(make_header("thread-1"))
    await store.log.append("thread-1", make_entry(1, changed("a.py", None, A)))
    await store.log.create(make_header("thread-2"))
    await store.log.append("thread-2", make_entry(1, changed("a.py", A, B)))
    await store.log.append("thread-2", make_entry(2, changed("a.py", B, C)))
    await store.log.remove("thread-2")
    found = await store.files.versions("/work/a.py")
    assert [(one.blob, one.how) for one in found] == [(A, "changed"), (C, "seen")]


async def test_numbers_of_removed_entries_are_not_given_again(
    store: Store, store_path: Path, make_header: MakeHeader, make_entry: MakeEntry
) -> None:
    for name in ("thread-1", "thread-2"):
        await store.log.create(make_header(name))
        await store.log.extend(name, [make_entry(seq) for seq in (1, 2)])
    await store.log.remove("thread-2")
    assert await store.database.read(newest_entry) == 4
    async with open_store(store_path) as other:
        await other.log.append("thread-1", make_entry(3))
        assert await other.database.read(newest_entry) == 5


async def test_versions_are_read_on_in_their_order(
    store: Store, make_header: MakeHeader, make_entry: MakeEntry
) -> None:
    await store.files.record([Sighting("/work/b", B)])
    await store.log.create(make_header())
    await store.log.append("thread-1", make_entry(1, changed("a", None, A)))
    first = await store.database.read(lambda c: versions_after(c, 0, 1))
    rest = await store.database.read(lambda c: versions_after(c, first[0][0], 10))
    assert [(path, blob, how) for _, path, blob, _, how in (*first, *rest)] == [
        ("/work/b", B, "seen"),
        ("/work/a", A, "changed"),
    ]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["edit", "see", "say"]),
        st.sampled_from(["/a", "/b"]),
        st.sampled_from([A, B, None]),
    ),
    max_size=25,
)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=STEPS)
async def test_any_history_is_what_a_plain_model_says(
    tmp_path_factory: pytest.TempPathFactory,
    make_header: MakeHeader,
    make_entry: MakeEntry,
    steps: list[tuple[str, str, str | None]],
) -> None:
    now: dict[str, str | None] = {}
    states: list[dict[str, str]] = [{}]  # by entry number: what was there when it had been added
    path = tmp_path_factory.mktemp("model") / "store.db"
    async with open_store(path) as store:
        await store.log.create(make_header(cwd="/"))
        seq = 0
        for kind, name, blob in steps:
            if kind == "see":
                await store.files.record([Sighting(name, blob)])
                now[name] = blob
                continue
            seq += 1
            body = None
            if kind == "edit":
                body = changed(name[1:], now.get(name), blob)
                now[name] = blob
            await store.log.append("thread-1", make_entry(seq, body))
            states.append({path: blob for path, blob in now.items() if blob})
        final = {path: blob for path, blob in now.items() if blob}
        assert {p: blob for p, (_, blob) in (await store.files.current()).items()} == final
        for number in range(1, len(states)):
            found = await store.files.current("/", number)
            assert {p: blob for p, (_, blob) in found.items()} == states[number]
        await check_one_by_one(store.database, states, list(now))


async def check_one_by_one(
    database: Database, states: list[dict[str, str]], paths: list[str]
) -> None:
    for name in paths:
        versions = await database.read(lambda c, name=name: versions_of(c, name))
        assert [one.number for one in versions] == sorted(one.number for one in versions)
        assert all(one.blob != two.blob for one, two in pairwise(versions))
        for number in range(1, len(states)):
            inside = [one for one in versions if one.entry <= number < (one.until or 1 << 60)]
            assert (inside[-1].blob if inside else None) == states[number].get(name)


async def test_all_current_files_of_a_large_project_are_listed(store: Store) -> None:
    sightings = [Sighting(f"/work/{number:05}", A) for number in range(3000)]
    assert await store.files.record(sightings) == 3000
    found = await store.database.read(lambda c: current_files(c, "/work"))
    assert list(found) == [f"/work/{number:05}" for number in range(3000)]
