"""What is remembered of a host's rungs."""

import os
from datetime import timedelta
from pathlib import Path

from kodo.base.clock import utc_now
from kodo.runtime.rungs import forget, host_key, known_to_work, note_working


def test_a_note_counts_for_this_host_and_an_hour(tmp_path: Path) -> None:
    path, now = tmp_path / "made/rungs.json", utc_now()
    host = host_key({"PATH": os.environ["PATH"]})
    assert known_to_work(path, host, now) == frozenset()
    note_working(path, host, "bwrap", now)
    now = utc_now()
    note_working(path, host, "userns", now)
    now = utc_now()
    assert known_to_work(path, host, now) == {"bwrap", "userns"}
    assert known_to_work(path, "another host", now) == frozenset()
    assert known_to_work(path, host, now + timedelta(hours=2)) == frozenset()
    assert known_to_work(path, host, now - timedelta(days=1)) == frozenset()
    path.write_text("{")
    assert known_to_work(path, host, utc_now()) == frozenset()
    forget(path)
    forget(path)


def test_another_bwrap_is_another_host(tmp_path: Path) -> None:
    program = tmp_path / "bwrap"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    environment = {"PATH": str(tmp_path)}
    before = host_key(environment)
    program.write_text("#!/bin/sh\ntrue\n")
    assert before != host_key(environment) != host_key({"PATH": "/nowhere"})


def test_where_nothing_can_be_written_nothing_is_kept(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    note_working(tmp_path / "file/rungs.json", "host", "bwrap", utc_now())
    assert known_to_work(tmp_path / "file/rungs.json", "host", utc_now()) == frozenset()
