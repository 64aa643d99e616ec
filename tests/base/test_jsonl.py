"""JSON lines are read one by one, and a wrong one is named by file and line."""

from pathlib import Path

import msgspec
import pytest

from kodo.base.errors import ConfigError
from kodo.base.jsonl import read_jsonl


class Row(msgspec.Struct, frozen=True):
    """A line of the tests' files."""

    name: str


def test_blank_lines_are_passed_over_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"name":"a"}\n\n  \r\n{"name":"\xc3\xa9"}')
    assert list(read_jsonl(path, Row)) == [(1, Row("a")), (4, Row("é"))]


@pytest.mark.parametrize("line", [b"{", b'{"name":1}', b"{}", b'{"name":"\xff"}', b"nonsense"])
def test_a_wrong_line_is_named_after_the_good_ones(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"name":"a"}\n' + line + b"\n")
    rows = read_jsonl(path, Row)
    assert next(rows) == (1, Row("a"))
    with pytest.raises(ConfigError, match=r"rows\.jsonl:2: "):
        next(rows)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read '.*none\.jsonl': No such file"):
        list(read_jsonl(tmp_path / "none.jsonl", Row))
