"""Text at the border is always valid, and a cut says what it left out."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kodo.base.text import cut_middle, printable, repair_surrogates, repair_utf8

ANY_TEXT = st.text(st.characters())  # lone surrogates too
TEXT = st.text(st.characters(exclude_categories=("Cs",)))


@given(st.binary())
def test_any_bytes_become_valid_text(data: bytes) -> None:
    text = repair_utf8(data)
    assert repair_utf8(text.encode()) == text


def test_bytes_that_do_not_belong_become_a_replacement_character() -> None:
    assert repair_utf8(b"caf\xe9 \xf0\x9f\x98\x80") == "caf\ufffd \U0001f600"


@given(ANY_TEXT)
def test_surrogates_are_repaired_and_nothing_else_changes(text: str) -> None:
    repaired = repair_surrogates(text)
    repaired.encode()
    assert repair_surrogates(repaired) == repaired
    if not any(0xD800 <= ord(c) < 0xE000 for c in text):
        assert repaired == text


@pytest.mark.parametrize(
    ("text", "repaired"),
    [
        ("\ud83d\ude00", "\U0001f600"),
        ("a\ud800b", "a\ufffdb"),
        ("\udc00\ud800", "\ufffd\ufffd"),
        ("\ud800", "\ufffd"),
        ("é\x00", "é\x00"),
    ],
)
def test_surrogate_pairs_join_and_lone_ones_are_replaced(text: str, repaired: str) -> None:
    assert repair_surrogates(text) == repaired


@given(TEXT, st.integers(1, 200))
def test_a_cut_keeps_head_and_tail_and_counts_the_rest(text: str, max_bytes: int) -> None:
    data = text.encode()
    cut = cut_middle(text, max_bytes)
    if len(data) <= max_bytes:
        assert cut == (text, 0)
        return
    marks = re.finditer(rf"\[… (\d+) lines, {cut.omitted_bytes} bytes left out …\]\n", cut.text)
    mark = next(marks)
    tail = cut.text[mark.end() :].encode()
    head = data[: len(data) - cut.omitted_bytes - len(tail)]
    assert cut.text[: mark.start()].encode() in {head, head + b"\n"}
    assert data.endswith(tail)
    assert data[len(head) : len(data) - len(tail)].count(b"\n") == int(mark[1])
    assert len(head) + len(tail) <= max_bytes


def test_a_cut_falls_on_line_ends_and_counts_lines() -> None:
    text = "".join(f"line {number:03}\n" for number in range(100))
    cut = cut_middle(text, 100)
    lines = cut.text.splitlines()
    assert lines[0] == "line 000"
    assert lines[-1] == "line 099"
    kept = [line for line in lines if line.startswith("line")]
    assert all(len(line) == 8 for line in kept)
    assert f"[… {100 - len(kept)} lines, {cut.omitted_bytes} bytes left out …]" in lines
    assert cut.omitted_bytes == 9 * (100 - len(kept))


def test_hidden_characters_become_visible() -> None:
    assert printable("a\tb\nc é 漢") == "a\tb\nc é 漢"
    assert printable("\x1b[31m\r\x00") == "\\x1b[31m\\x0d\\x00"
    assert printable("\u202etxt\u200b\ufeff") == "\\u202etxt\\u200b\\ufeff"


@given(ANY_TEXT)
def test_printable_text_can_be_shown_anywhere(text: str) -> None:
    shown = printable(text)
    shown.encode()
    assert all(c in "\n\t" or c.isprintable() for c in shown)
