"""Purging: bytes are gone, the chain stands, what belongs together goes, and it is on record."""

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from kodo.base.errors import ConfigError, StoreError
from kodo.core.events import (
    FileChange,
    FilesChanged,
    MessageAdded,
    Noted,
    RunStarted,
    SnapshotTaken,
    Stored,
    ToolStarted,
)
from kodo.core.messages import Assistant, Image, Text, ToolCall, ToolResult, user
from kodo.core.thread import Entry, Thread, ThreadHeader
from kodo.store.entries import read_after
from kodo.store.store import Store, open_store
from kodo.store.upkeep.purge import Order, PurgeReport, drop_index, purge, scrub
from kodo.store.upkeep.refs import find, find_text
from kodo.store.upkeep.verify import verify

pytestmark = pytest.mark.anyio

MakeHeader = Callable[..., ThreadHeader]
MakeEntry = Callable[..., Entry]

SECRET = "sk-live-5f1c0ffee5f1c0ffee"
ORDER = Order("ada", "a key was printed", datetime(2026, 11, 22, tzinfo=UTC))
GONE = "[purged on 2026-11-22: a key was printed]"


async def fill(store: Store, header: ThreadHeader, make_entry: MakeEntry) -> list[Entry]:
    """Play a run in which a secret gets everywhere; returns its entries."""
    whole = await store.blobs.put(f"{SECRET}\n".encode() * 3000)
    image = await store.blobs.put(b"\x89PNG" + SECRET.encode())
    file = await store.blobs.put(f"key = {SECRET!r}\n".encode())
    kept = f"\n[the whole output is kept as {whole[:16]}]"
    command = f'{{"command": "echo {SECRET}"}}'
    calls = (ToolCall("c1", "shell", command), ToolCall("c2", "read", '{"path": "a.py"}'))
    bodies: list[Stored] = [
        RunStarted(f"print {SECRET}", "m/m", "tools", "/work", "memory", "0"),
        MessageAdded(user(f"print {SECRET}")),
        MessageAdded(Assistant((Text("as you wish"), *calls), "m/m")),
        ToolStarted("c1", "shell", command),
        MessageAdded(ToolResult("c1", "shell", (Text(f"{SECRET}\n" * 600), Text(kept)))),
        MessageAdded(ToolResult("c2", "read", (Text("1 line"), Image("image/png", image)))),
        FilesChanged("c3", (FileChange("a.py", None, file, f"+key = {SECRET!r}"),)),
        MessageAdded(ToolResult("c3", "write", (Text("written"),), "ok", f'{{"k": "{SECRET}"}}')),
        Noted(f"the same: {SECRET}\n" * 600),
        MessageAdded(Assistant((Text("nothing secret here"),), "m/m")),
    ]
    await store.log.create(header)
    entries = [make_entry(seq, body) for seq, body in enumerate(bodies, 1)]
    await store.log.extend(header.id, entries)
    return entries


async def purge_ref(store: Store, ref: str, thread: str = "thread-1") -> PurgeReport:
    target = await store.database.read(lambda c: find(c, ref, thread=thread, folder="/work"))
    return await purge(store.database, target, ORDER)


def holders(path: Path, secret: str = SECRET) -> list[str]:
    """Return the files of a store that hold the secret in plain."""
    return [file.name for file in path.parent.iterdir() if secret.encode() in file.read_bytes()]


async def bodies_of(store: Store, thread: str = "thread-1") -> list[Stored]:
    return [entry.event.body for entry in (await store.log.load(thread))[1]]


async def test_an_entry_goes_with_what_belongs_to_its_call(
    store: Store, make_header: MakeHeader, make_entry: MakeEntry
) -> None:
    entries = await fill(store, make_header(), make_entry)
    report = await purge_ref(store, "e5")
    assert report.entries == ("thread-1:e3", "thread-1:e4", "thread-1:e5")
    assert len(report.blobs) == 2  # the whole output, and the long text of the message
    found = await bodies_of(store)
    changed = [one for one, entry in enumerate(entries, 1) if found[one - 1] != entry.event.body]
    assert changed == [3, 4, 5]
    reply = found[2]
    assert isinstance(reply, MessageAdded)
    assert isinstance(reply.message, Assistant)
    assert reply.message.text == "as you wish"
    assert [call.arguments for call in reply.message.calls] == [GONE, '{"path": "a.py"}']
    assert found[3] == ToolStarted("c1", "shell", GONE)
    assert found[4] == MessageAdded(ToolResult("c1", "shell", (Text(GONE), Text(GONE))))
    header, loaded = await store.log.load("thread-1")
    assert Thread(header, iter(loaded)).next_seq == 11


async def test_the_task_goes_wherever_it_was_told(
    store: Store, make_header: MakeHeader, make_entry: MakeEntry
) -> None:
    await fill(store, make_header(), make_entry)
    report = await purge_ref(store, "thread-1:e2")
    assert report.entries == ("thread-1:e1", "thread-1:e2")
    assert report.threads == ("thread-1",)
    found = await bodies_of(store)
    assert isinstance(found[0], RunStarted)
    assert found[0].task == GONE
    assert found[1] == MessageAdded(user(GONE))
    assert (await store.log.list())[0].header.title == "[purged]"


async def test_a_file_version_goes_with_the_call_that_made_it(
    store: Store, make_header: MakeHeader, make_entry: MakeEntry
) -> None:
    await fill(store, make_header(), make_entry)
    report = await purge_ref(store, "f:a.py")
    assert report.entries == ("thread-1:e7", "thread-1:e8")
    assert report.files == ("/work/a.py",)
    (name,) = report.blobs
    (version,) = await store.files.versions("/work/a.py")
    assert version.blob == name
    with pytest.raises(StoreError, match=f"{name}.* was purged on 2026-11-22 .a key was printed"):
        await store.blobs.get(name)
    changed = (await bodies_of(store))[6]
    assert isinstance(changed, FilesChanged)
    assert changed.changes == (FileChange("a.py", None, name, GONE),)
    # What was purged can be kept again: that is a new fact.
    assert await store.blobs.put(f"key = {SECRET!r}\n".encode()) == name
    assert await store.blobs.get(name)


async def test_a_fork_goes_too_with_its_title(
    store: Store, make_header: MakeHeader, make_entry: MakeEntry
) -> None:
    entries = await fill(store, make_header(), make_entry)
    thread = Thread(make_header(title=f"print {SECRET}"), iter(entries))
    ids = iter(f"copy-{number}" for number in range(100))
    copy = thread.fork(replace(thread.header, id="thread-2"), lambda: next(ids))
    await store.log.create(copy.header)
    await store.log.extend("thread-2", copy.path())
    report = await purge_ref(store, "e2")
    assert set(report.entries) == {f"thread-{n}:e{seq}" for n in (1, 2) for seq in (1, 2)}
    assert set(report.threads) == {"thread-1", "thread-2"}
    assert (await store.log.load("thread-2"))[0].title == "[purged]"
    proof = await store.log.verify()
    assert (proof.damages, proof.purged) == ((), 4)


@pytest.mark.parametrize("form", [SECRET, 'two\nlines "quoted" \\ and more'])
async def test_a_text_goes_from_everywhere_and_no_byte_of_it_is_left(
    store: Store, store_path: Path, make_header: MakeHeader, make_entry: MakeEntry, form: str
) -> None:
    await fill(store, make_header(), make_entry)
    blob = await store.blobs.put(b"\xff" * (4 << 20) + form.encode() + b"\x00")
    await store.blobs.put(b"\xff" * ((4 << 20) - 5) + form.encode())  # over the border of pieces
    arguments = f'{{"content": "{form}"}}'.replace("\\", "\\\\").replace("\n", "\\n")
    call = Assistant((ToolCall("c9", "write", arguments.replace('"quoted"', '\\"quoted\\"')),), "m")
    await store.log.append("thread-1", make_entry(11, MessageAdded(call)))
    await store.log.append("thread-1", make_entry(12, Noted(f"and {form} there")))
    target = await store.database.read(lambda c: find_text(c, form))
    assert bytes.fromhex(blob) in target.blobs
    report = await purge(store.database, target, ORDER)
    assert {"thread-1:e11", "thread-1:e12"} <= set(report.entries)
    await scrub(store.database)
    assert holders(store_path, form) == []
    again = await store.database.read(lambda c: find_text(c, form))
    assert again.blobs == frozenset()
    with pytest.raises(StoreError, match="nothing was purged"):
        await purge(store.database, again, ORDER)
    proof = await verify(store.database)
    assert proof.faults == ()
    assert proof.purged_entries == len(report.entries)
    assert proof.purged_blobs == len(report.blobs)


async def test_the_bytes_are_gone_from_the_file_and_from_beside_it(
    store: Store, store_path: Path, make_header: MakeHeader, make_entry: MakeEntry
) -> None:
    await store.log.create(make_header())
    for seq in range(1, 300):
        body = Noted(f"{seq} {SECRET}" if seq == 150 else f"{seq} plain")
        await store.log.append("thread-1", make_entry(seq, body))
    name = await store.blobs.put(b"short " + SECRET.encode())
    assert holders(store_path)
    await purge_ref(store, "e150")
    await purge_ref(store, name[:10])
    async with open_store(store_path) as other:  # an idle process holds on to nothing
        await other.log.list()
        await scrub(store.database)
        assert holders(store_path) == []
        assert (await other.log.verify()).damages == ()
    assert (await store.log.load("thread-1"))[1][148] == make_entry(149, Noted("149 plain"))


async def test_whatever_can_be_made_again_goes_too(
    store: Store, store_path: Path, make_header: MakeHeader, make_entry: MakeEntry
) -> None:
    entries = await fill(store, make_header(), make_entry)

    def index(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE VIRTUAL TABLE index_words USING fts5 (text)")
        connection.execute("CREATE TABLE other_words (word TEXT PRIMARY KEY) WITHOUT ROWID")
        for statement in (
            "INSERT INTO index_words VALUES (?)",
            "INSERT INTO other_words VALUES (?)",
        ):
            connection.execute(statement, (SECRET,))

    await store.database.write(index)
    await purge(store.database, await store.database.read(lambda c: find_text(c, SECRET)), ORDER)
    await drop_index(store.database)
    await scrub(store.database)
    assert holders(store_path) == []
    assert len((await store.log.load("thread-1"))[1]) == len(entries)
    assert (await verify(store.database)).faults == ()


async def test_a_reader_in_the_middle_is_named(
    store: Store, store_path: Path, make_header: MakeHeader, make_entry: MakeEntry
) -> None:
    await fill(store, make_header(), make_entry)
    reader = sqlite3.connect(store_path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM entries").fetchone()
    await purge_ref(store, "e5")
    await store.database.maintain(lambda c: c.execute("PRAGMA busy_timeout = 50").fetchone())
    with pytest.raises(StoreError, match=r"another process.*end that process|locked by another"):
        await scrub(store.database)
    reader.execute("COMMIT")
    reader.close()
    await scrub(store.database)


async def test_a_loss_without_a_record_is_damage(
    store: Store, store_path: Path, make_header: MakeHeader, make_entry: MakeEntry
) -> None:
    await fill(store, make_header(), make_entry)
    await purge_ref(store, "e5")
    assert (await verify(store.database)).faults == ()
    connection = sqlite3.connect(store_path)
    connection.execute("UPDATE entries SET purge = 1 WHERE seq = 9")
    connection.execute("UPDATE purges SET why = 'nothing to see' WHERE number = 2")
    connection.commit()
    connection.close()
    faults = (await verify(store.database)).faults
    assert [(fault.kind, fault.name) for fault in faults] == [
        ("entry", "thread-1:e9"),
        ("purge", "2"),
    ]
    assert "no record of a purge" in faults[0].reason
    with pytest.raises(StoreError, match="damaged at entry 9"):
        await store.log.load("thread-1")


async def test_a_purge_is_all_or_nothing_and_a_thread_goes_on_behind_it(
    store: Store, store_path: Path, make_header: MakeHeader, make_entry: MakeEntry
) -> None:
    await fill(store, make_header(), make_entry)
    with sqlite3.connect(store_path) as connection:
        connection.execute("UPDATE entries SET body = x'00' WHERE seq = 5")
    connection.close()
    with pytest.raises(StoreError, match="cannot be purged, it is damaged"):
        await purge_ref(store, "e5")
    await purge_ref(store, "e9")  # the damage is told, and does not stand in the way
    await store.log.append("thread-1", make_entry(11))
    async with open_store(store_path) as other:
        await other.log.append("thread-1", make_entry(12))
    assert [damage.seq for damage in (await store.log.verify()).damages] == [5]


async def test_snapshots_of_a_purged_file_say_why_it_is_not_there(
    store: Store, tmp_path: Path, make_header: MakeHeader, make_entry: MakeEntry
) -> None:
    workspace = tmp_path / "work"
    workspace.mkdir()
    (workspace / "secret.txt").write_text(SECRET)
    snapshots = store.snapshots(workspace)
    before = await snapshots.take()
    await store.log.create(make_header())
    await store.log.append("thread-1", make_entry(1, SnapshotTaken(before, "before")))
    (workspace / "secret.txt").write_text("no more")
    target = await store.database.read(lambda c: find_text(c, SECRET))
    await purge(store.database, target, ORDER)
    with pytest.raises(StoreError, match="was purged on 2026-11-22"):
        await snapshots.changes(before)
    assert (await verify(store.database)).faults == ()
    (workspace / "secret.txt").write_text(SECRET)
    again = await store.snapshots(workspace).take()
    assert again == before  # and what it names is there again
    assert await store.snapshots(workspace).changes(before) == []


async def test_purged_entries_are_not_read_by_who_indexes(
    store: Store, make_header: MakeHeader, make_entry: MakeEntry
) -> None:
    await fill(store, make_header(), make_entry)
    await purge_ref(store, "e5")
    rows = await store.database.read(lambda c: read_after(c, 0, 100))
    assert [row.seq for row in rows if row.entry is None] == [3, 4, 5]


@pytest.mark.parametrize(
    ("ref", "said"),
    [
        ("e99", "has no entry 99"),
        ("thread-9:e1", "no thread 'thread-9'"),
        ("f:nowhere.py", "no version of '/work/nowhere.py'"),
        ("f:a.py@2", "has the versions 1 to 1, not 2"),
        ("00000000", "no blob '00000000'"),
        ("nonsense", "is not a reference"),
        ("E1", "is not a reference"),
        ("", "is not a reference"),
    ],
)
async def test_a_reference_that_means_nothing_is_refused(
    store: Store, make_header: MakeHeader, make_entry: MakeEntry, ref: str, said: str
) -> None:
    await fill(store, make_header(), make_entry)
    with pytest.raises((ConfigError, StoreError), match=said):
        await purge_ref(store, ref)


async def test_a_reference_of_no_session_is_refused(store: Store) -> None:
    with pytest.raises(ConfigError, match="needs a session"):
        await store.database.read(lambda c: find(c, "e1", thread=None, folder="/"))


async def test_short_texts_go_from_their_run_only(
    store: Store, make_header: MakeHeader, make_entry: MakeEntry
) -> None:
    await store.log.create(make_header("thread-1"))
    await store.log.create(make_header("thread-2"))
    body = MessageAdded(user("pw: x"))
    await store.log.append("thread-1", make_entry(1, body))
    await store.log.append("thread-1", make_entry(2, Noted("pw: x")))
    other = make_entry(1, body)
    await store.log.append("thread-2", replace(other, event=replace(other.event, run_id="run-2")))
    report = await purge_ref(store, "e1")
    assert report.entries == ("thread-1:e1", "thread-1:e2")
