"""Whole trees: which files, one result for each, cache, processes, crashes."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from kodo.base.errors import ConfigError
from kodo.scan.file_scan import Scanned
from kodo.scan.survey import Survey
from kodo.scan.walk.cache import ScanCache
from kodo.scan.walk.files import kind_of, list_files
from kodo.scan.walk.workers import CRASHED, batches

from .engines import BAD, GOOD, BombEngine, make_engine


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def names(root: Path, start: str = "", *excluded: str) -> list[str]:
    return [one.path for one in list_files(root, start, excluded=excluded)]


def test_code_manifests_and_settings_are_listed_and_nothing_else(tmp_path: Path) -> None:
    kept = ["a.py", "src/b.go", "requirements.txt", ".env", "config/app.yml", "Gemfile", "run.sh"]
    left = {
        "README.md": "x",
        "logo.png": "x",
        "node_modules/m/index.js": "x",
        "vendor/v/v.go": "x",
        ".venv/lib/x.py": "x",
        ".git/hooks/h.py": "x",
        "out/o.py": "x",
        ".gitignore": "out/\n*.log\n",
    }
    root = write(tmp_path, {**dict.fromkeys(kept, "x"), **left})
    (root / "link.py").symlink_to(root / "a.py")
    assert sorted(names(root)) == sorted(kept)
    assert names(root, "src") == ["src/b.go"]
    assert names(root, "a.py") == ["a.py"]
    assert "src/b.go" not in names(root, "", "src/**")
    assert "src/b.go" not in names(root, "", "src/")
    with pytest.raises(ConfigError, match="there is no file or folder"):
        names(root, "nowhere")


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("a.rs", "code"),
        ("x/package-lock.json", "manifest"),
        ("x/package.json", "text"),
        ("Dockerfile.dev", "text"),
        (".env.production", "text"),
        ("id_ed25519", "text"),
        ("a.sh", "text"),
        ("a.md", None),
        ("a.bin", None),
    ],
)
def test_the_name_says_as_what_a_file_is_scanned(path: str, kind: str | None) -> None:
    assert kind_of(path) == kind


class Engines:
    """Counts how many engines were made in this process and which files they scanned."""

    def __init__(self) -> None:
        self.scanned: list[str] = []

    def make(self, read: Callable[[str], bytes | None]) -> "Counting":
        return Counting(read, self.scanned)


class Counting(BombEngine):
    """Notes what it scans."""

    def __init__(self, read: Callable[[str], bytes | None], scanned: list[str]) -> None:
        super().__init__(read)
        self._scanned = scanned

    def scan_file(self, path: str, source: bytes, **options: object):
        self._scanned.append(path)
        return super().scan_file(path, source)


def rules(results: list[Scanned]) -> dict[str, list[str]]:
    return {
        one.report.path: [weakness.rule for weakness in one.report.weaknesses] for one in results
    }


def test_a_file_whose_bytes_are_the_same_is_not_scanned_again(tmp_path: Path) -> None:
    root = write(tmp_path / "tree", {"a.py": BAD, "b.py": GOOD})
    cache_file = tmp_path / "scan.msgpack"

    def run(key: str = "1") -> tuple[list[str], dict[str, list[str]]]:
        engines = Engines()
        survey = Survey(root, engines.make, cache=ScanCache(cache_file, key))
        return engines.scanned, rules(survey.run(list_files(root)))

    first, found = run()
    assert sorted(first) == ["a.py", "b.py"]
    assert found["a.py"]
    assert run() == ([], found)
    (root / "b.py").write_text(GOOD + "# more\n")
    assert run() == (["b.py"], found)
    assert sorted(run("2")[0]) == ["a.py", "b.py"]
    (root / "a.py").unlink()
    assert run("2") == ([], {"b.py": []})
    assert [one.report.path for one in ScanCache(cache_file, "2").all()] == ["b.py"]
    cache_file.write_bytes(b"damaged")
    assert run("2")[0] == ["b.py"]


def test_a_result_that_depends_on_another_file_falls_with_it(tmp_path: Path) -> None:
    helper = "def run(cursor, text):\n    cursor.execute(text)\n"
    user = (
        "import sqlite3\nfrom flask import request\nfrom helper import run\n\n\ndef view():\n"
        "    run(sqlite3.connect('a').cursor(), 'SELECT ' + request.args['q'])\n"
    )
    root = write(tmp_path / "tree", {"helper.py": helper, "user.py": user})
    cache_file = tmp_path / "scan.msgpack"

    def run() -> dict[str, list[str]]:
        survey = Survey(root, make_engine, cache=ScanCache(cache_file, "1"))
        return rules(survey.run(list_files(root)))

    assert "python.sql-injection" in run()["user.py"] + run()["helper.py"]
    (root / "helper.py").write_text("def run(cursor, text):\n    return len(text)\n")
    assert "python.sql-injection" not in run()["user.py"] + run()["helper.py"]


def test_processes_give_what_one_process_gives(tmp_path: Path) -> None:
    files = {
        f"f{number}.py": (BAD if number % 3 else GOOD) + "# pad\n" * 400 for number in range(30)
    }
    root = write(tmp_path, {name: text * 10 for name, text in files.items()})
    listed = list(list_files(root))
    assert sum(one.size_bytes for one in listed) > 600_000
    told: list[tuple[int, int]] = []
    alone = Survey(root, make_engine).run(listed)
    together = Survey(
        root, make_engine, processes=2, progress=lambda done, total: told.append((done, total))
    ).run(listed)
    assert together == alone
    assert told[-1][0] == told[-1][1]
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_a_file_that_brings_a_worker_down_costs_that_file_alone(tmp_path: Path) -> None:
    files = {f"f{number}.py": BAD + "# pad\n" * 4000 for number in range(40)}
    root = write(tmp_path, {**files, "bomb.py": BAD + "# pad\n" * 4000})
    results = Survey(root, BombEngine, processes=2).run(list_files(root))
    assert len(results) == 41
    partial = [one.report for one in results if one.report.partial]
    assert [(one.path, one.partial) for one in partial] == [("bomb.py", CRASHED)]
    assert all(one.report.weaknesses for one in results if one.report.path != "bomb.py")


def test_batches_hold_every_file_once_and_begin_with_the_largest() -> None:
    sized = [(f"f{number}", number * 10) for number in range(50)]
    made = batches(sized, 600)
    assert sorted(path for batch in made for path in batch) == sorted(path for path, _ in sized)
    assert made[0][0] == "f49"
    assert batches([]) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_cannot_be_read_is_partial(tmp_path: Path) -> None:
    root = write(tmp_path, {"a.py": BAD})
    (root / "a.py").chmod(0)
    [one] = Survey(root, make_engine).run(list_files(root))
    assert one.report.partial.startswith("cannot be read")


def test_a_file_of_ten_megabytes_is_skipped_and_broken_code_is_partial(tmp_path: Path) -> None:
    root = write(
        tmp_path, {"big.py": "x = 1\n" * 1_700_000, "half.py": BAD + "def broken(:\n    (\n"}
    )
    results = {
        one.report.path: one.report for one in Survey(root, make_engine).run(list_files(root))
    }
    assert results["big.py"].skipped == "larger than 2 MiB"
    assert results["half.py"].partial == "syntax errors"
    assert "python.sql-injection" in [one.rule for one in results["half.py"].weaknesses]
