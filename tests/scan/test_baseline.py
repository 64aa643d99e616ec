"""Baselines: what is known stays quiet, each entry covers one, reasons of people stay."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from kodo.base.errors import ConfigError
from kodo.scan.baseline import make_baseline, read_baseline, write_baseline

from .weaknesses import weakness


def test_a_known_finding_is_quiet_also_when_its_line_moves_and_a_second_one_is_new(
    tmp_path: Path,
) -> None:
    path = tmp_path / "baseline.json"
    write_baseline(path, make_baseline([weakness(line=5)]))
    baseline = read_baseline(path)
    assert baseline.split([weakness(line=50)]) == ([], 1)
    again = weakness(line=60)
    assert baseline.split([weakness(line=50), again]) == ([again], 1)
    other = weakness("execute(r)")
    assert baseline.split([other]) == ([other], 0)


def test_the_file_is_for_people_sorted_and_one_finding_a_line(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    found = [weakness(path="b.py"), weakness(path="a.py", line=9), weakness("x", path="a.py")]
    write_baseline(path, make_baseline(found))
    lines = path.read_text().splitlines()
    assert [line.count('"path"') for line in lines] == [0, 0, 0, 1, 1, 1, 0, 0]
    assert [entry.path for entry in read_baseline(path).findings] == ["a.py", "a.py", "b.py"]
    write_baseline(path, make_baseline([]))
    assert read_baseline(path).findings == ()


def test_reasons_that_people_wrote_are_kept() -> None:
    before = make_baseline([weakness()])
    noted = replace(before, findings=(replace(before.findings[0], reason="ticket 7"),))
    after = make_baseline([weakness(line=99), weakness("new")], noted)
    assert {entry.reason for entry in after.findings} == {"ticket 7", ""}


@pytest.mark.parametrize(
    ("text", "said"),
    [("{", "is not a baseline"), ('{"version": 9}', "has version 9"), ('{"a": 1}', "is not a")],
)
def test_a_file_that_is_no_baseline_is_told(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "baseline.json"
    with pytest.raises(ConfigError, match="--write-baseline"):
        read_baseline(path)
    path.write_text(text)
    with pytest.raises(ConfigError, match=said):
        read_baseline(path)
