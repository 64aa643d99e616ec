"""kodo store on what a real run left: proved, counted, collected, exported, purged, indexed."""

import io
import json
import os
import sqlite3
from pathlib import Path

import msgspec
import pytest

from kodo.cli import store
from kodo.store.upkeep.collect import Collected
from kodo.store.upkeep.export import Exported
from kodo.store.upkeep.stats import StoreStats
from kodo.store.upkeep.verify import Proof

from .conftest import Kodo

SECRET = "sk-live-8badf00d8badf00d"
STEPS = (
    {"calls": [{"name": "shell", "arguments": {"command": f"echo {SECRET}; seq 20000"}}]},
    {"calls": [{"name": "write", "arguments": {"path": "key.txt", "content": f"{SECRET}\n"}}]},
    {"text": f"It is {SECRET}."},
)


@pytest.fixture
def played(kodo: Kodo, tmp_path: Path) -> Kodo:
    """Return a runner whose workspace has a session in which a secret was printed and written."""
    script = tmp_path / "script.jsonl"
    script.write_text("".join(json.dumps(step) + "\n" for step in STEPS))
    flags = ("--strategy", "tools", "--rung", "local")
    ran = kodo("exec", "-m", f"scripted/{script}", *flags, "print the key")
    assert ran.code == 0, ran.err
    return kodo


def store_file() -> Path:
    (path,) = Path(os.environ["KODO_HOME"]).rglob("store.db")
    return path


def holders() -> list[str]:
    return [
        path.name for path in store_file().parent.iterdir() if SECRET.encode() in path.read_bytes()
    ]


def test_a_whole_store_is_proved_and_counted(played: Kodo) -> None:
    ran = played("store", "verify")
    assert ran.code == 0
    assert ran.out.endswith("every byte is what was written\n")
    proof = msgspec.json.decode(played("store", "verify", "--json").out, type=Proof)
    assert (proof.threads, proof.faults) == (1, ())
    stats = msgspec.json.decode(played("store", "stats", "--json").out, type=StoreStats)
    assert (stats.threads, stats.entries, stats.blobs) == (1, proof.entries, proof.blobs)
    shown = played("store", "stats").out
    assert str(store_file()) in shown
    assert "files_changed" in shown


def test_damage_is_named_and_the_code_is_1(played: Kodo) -> None:
    with sqlite3.connect(store_file()) as connection:
        connection.execute("UPDATE entries SET body = x'7b7d', packing = 0 WHERE seq = 3")
    connection.close()
    ran = played("store", "verify")
    assert ran.code == 1
    assert ":e3: its body does not match its hash" in ran.out
    proof = msgspec.json.decode(played("store", "verify", "--json").out, type=Proof)
    assert [fault.kind for fault in proof.faults] == ["entry"]
    assert "damaged at entry 3" in played("sessions", "show", "--last").err


def test_a_file_that_was_cut_short_is_named(played: Kodo) -> None:
    os.truncate(store_file(), store_file().stat().st_size - 8192)
    ran = played("store", "verify")
    assert ran.code == 1
    assert "its end is missing" in ran.out
    told = played("sessions", "list")
    assert told.code == 4
    assert "`kodo store verify` tells where" in told.err


def test_garbage_is_collected(played: Kodo) -> None:
    assert msgspec.json.decode(played("store", "gc", "--json").out, type=Collected).blobs == 0
    assert played("sessions", "rm", "--last", "--yes").code == 0
    ran = played("store", "gc")
    assert ran.code == 0
    assert "blobs that nothing names" in ran.out
    assert msgspec.json.decode(played("store", "stats", "--json").out, type=StoreStats).entries == 0


def test_everything_is_exported(played: Kodo, tmp_path: Path) -> None:
    to = tmp_path / "all.jsonl"
    told = msgspec.json.decode(played("store", "export", str(to), "--json").out, type=Exported)
    assert told.written_bytes == to.stat().st_size
    assert len(to.read_bytes().splitlines()) > told.entries + told.blobs
    again = played("store", "export", str(to))
    assert again.code == 2
    assert "is there already" in again.err
    assert "blobs" in played("store", "export", str(tmp_path / "two.jsonl")).out
    assert played("store", "export", str(tmp_path / "no" / "x")).code != 0


def test_a_purge_asks_first(played: Kodo) -> None:
    ran = played("store", "purge", "e2")
    assert ran.code == 1
    assert "without a question: --yes" in ran.err
    assert (
        msgspec.json.decode(played("store", "verify", "--json").out, type=Proof).purged_blobs == 0
    )


def test_a_purged_call_is_gone_and_on_record(played: Kodo) -> None:
    shown = json.loads(played("sessions", "show", "--last", "--json").out.splitlines()[0])
    thread = shown["thread"]["id"]
    ran = played("store", "purge", f"{thread}:e6", "f:key.txt", "--why", "oops", "--yes", "--json")
    assert ran.code == 0, ran.err
    report = msgspec.json.decode(ran.out, type=store.Purged)
    assert report.files == [str(played.folder / "key.txt")]
    assert report.still_in == report.files
    assert f"{thread}:e6" in report.entries
    assert "oops" in played("sessions", "show", "--last").out
    verified = played("store", "verify")
    assert verified.code == 0
    assert f"purged on purpose: {len(report.entries)} entries" in verified.out
    assert "was purged on" in played("diff").err


def test_a_text_is_purged_wherever_it_is(
    played: Kodo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert played("store", "reindex").code == 0
    leaked = tmp_path / "leaked"
    leaked.write_text(f"{SECRET}\n")
    ran = played("store", "purge", "--text-from", str(leaked), "--yes")
    assert ran.code == 0, ran.err
    assert "still holds it today" in ran.err
    assert holders() == []
    assert played("store", "verify").code == 0
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(SECRET.encode())))
    again = played("store", "purge", "--text-from", "-", "--yes")
    assert again.code == 4
    assert "nothing was purged" in again.err
    leaked.write_text("abc")
    assert "too few" in played("store", "purge", "--text-from", str(leaked), "--yes").err


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("purge",), "name what to purge"),
        (("purge", "e1", "--text-from", "x"), "name what to purge"),
        (("purge", "nonsense"), "is not a reference"),
        (("purge", "e999"), "has no entry 999"),
        (("purge", "f:nothing"), "no version of"),
        (("purge", "--text-from", "nowhere"), "cannot read the text"),
    ],
)
def test_what_means_nothing_is_refused(played: Kodo, argv: tuple[str, ...], said: str) -> None:
    ran = played("store", *argv)
    assert ran.code == 2
    assert said in ran.err
    assert len(ran.err.splitlines()) == 1


def test_the_index_is_made_again(played: Kodo) -> None:
    ran = played("store", "reindex", "--json")
    assert ran.code == 0, ran.err
    told = msgspec.json.decode(ran.out, type=store.Reindexed)
    assert told.entries > 0
    assert told.file_versions == 1
    assert "indexed" in played("store", "reindex").out


@pytest.mark.parametrize("action", ["verify", "stats", "gc", "reindex"])
def test_where_nothing_was_done_there_is_no_store(kodo: Kodo, action: str) -> None:
    ran = kodo("store", action)
    assert ran.code == 2
    assert "no sessions" in ran.err
