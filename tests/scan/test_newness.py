"""New, moved, reworded: which findings of a change may stop it."""

import pytest

from kodo.scan.findings import FileReport, Weakness
from kodo.scan.newness import Fresh, Pair, find_new, touched_bytes, touched_lines

from .weaknesses import weakness


def compare(
    before: list[Weakness],
    after: list[Weakness],
    *,
    partial: str = "",
    lines: tuple[int, int] = (1, 99),
) -> Fresh:
    pair = Pair(
        FileReport("app.py", tuple(before), partial), FileReport("app.py", tuple(after)), *lines
    )
    return find_new([pair])


def test_what_was_there_is_not_new_wherever_its_line_is_now() -> None:
    assert compare([weakness(line=5)], [weakness(line=80)]) == ((), ())


def test_a_second_finding_of_the_same_kind_is_new() -> None:
    second = weakness(line=9)
    assert compare([weakness(line=5)], [weakness(line=5), second]).new == (second,)


def test_what_moves_to_another_function_or_file_is_not_new() -> None:
    assert compare([weakness(function="old")], [weakness(function="new")]) == ((), ())
    moved = weakness(path="other.py")
    pairs = [
        Pair(FileReport("app.py", (weakness(),)), FileReport("app.py"), 1, 9),
        Pair(FileReport("other.py"), FileReport("other.py", (moved,)), 1, 9),
    ]
    assert find_new(pairs) == ((), ())


def test_the_same_weakness_written_otherwise_is_reworded() -> None:
    after = weakness("execute(query)")
    assert compare([weakness("execute(q)")], [after]) == ((), (after,))
    elsewhere = weakness("execute(query)", function="other")
    assert compare([weakness("execute(q)")], [elsewhere]).new == (elsewhere,)


def test_where_the_look_before_was_cut_only_touched_lines_are_new() -> None:
    far, near = weakness("a", line=50), weakness("b", line=7)
    assert compare([], [far, near], partial="deadline", lines=(5, 8)).new == (near,)
    assert compare([], [far, near], lines=(5, 8)).new == (far, near)


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        (b"a\nb\nc\n", b"a\nX\nc\n", (2, 2)),
        (b"a\nc\n", b"a\nb\nb\nc\n", (2, 3)),
        (b"", b"a\nb\n", (1, 2)),
        (b"a\nb\nc\n", b"a\nc\n", (2, 2)),
        (b"a\na\n", b"a\na\na\n", (3, 3)),
    ],
)
def test_the_lines_and_bytes_that_a_change_touches(
    before: bytes, after: bytes, lines: tuple[int, int]
) -> None:
    assert touched_lines(before, after) == lines
    old, new = touched_bytes(before, after)
    assert before[: old[0]] == after[: new[0]]
    assert before[old[1] :] == after[new[1] :]
    assert after.count(b"\n", 0, new[0]) == lines[0] - 1
