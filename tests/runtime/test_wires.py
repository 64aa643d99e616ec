"""What is remembered of servers that have no WebSocket."""

from datetime import timedelta
from pathlib import Path

from kodo.base.clock import utc_now
from kodo.runtime.wires import MOST_KEPT, has_refused, note_refusal

SERVER = "http://user:secret@127.0.0.1:1/v1"


def test_a_refusal_counts_for_its_server_and_a_day(tmp_path: Path) -> None:
    path, now = tmp_path / "made/wires.json", utc_now()
    assert not has_refused(path, SERVER, now)
    note_refusal(path, SERVER, now)
    assert has_refused(path, SERVER, now)
    assert not has_refused(path, "http://127.0.0.1:2/v1", now)
    assert not has_refused(path, SERVER, now + timedelta(hours=25))
    assert not has_refused(path, SERVER, now - timedelta(hours=1))
    assert "secret" not in path.read_text()


def test_the_newest_are_kept(tmp_path: Path) -> None:
    path, now = tmp_path / "wires.json", utc_now()
    for number in range(MOST_KEPT + 1):
        note_refusal(path, str(number), now + timedelta(seconds=number))
    later = now + timedelta(seconds=MOST_KEPT)
    assert not has_refused(path, "0", later)
    assert has_refused(path, "1", later)


def test_a_note_that_cannot_be_read_or_written_changes_nothing(tmp_path: Path) -> None:
    path, now = tmp_path / "wires.json", utc_now()
    path.write_text("{")
    assert not has_refused(path, SERVER, now)
    (tmp_path / "file").write_text("")
    note_refusal(tmp_path / "file/wires.json", SERVER, now)
