"""Taking words apart: what is inside an identifier, a number, a hash, a run of Chinese."""

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kodo.store.index.words import TOKENIZER, inner_words, is_opaque, pairs, parts, pieces


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("retryBudget", ["retry", "Budget"]),
        ("RETRY_BUDGET_MS", ["RETRY", "BUDGET", "MS"]),
        ("HTTPServer2", ["HTTP", "Server", "2"]),
        ("parseURLFast", ["parse", "URL", "Fast"]),
        ("sha256_hex", ["sha", "256", "hex"]),
        ("E1042", ["E", "1042"]),
        ("plain", []),
        ("__init__", []),
    ],
)
def test_an_identifier_has_its_parts(word: str, expected: list[str]) -> None:
    assert parts(word) == expected


def test_snake_case_is_found_by_its_parts() -> None:
    assert set(inner_words(b"retry_budget = 3").split()) == {
        "retry",
        "budget",
    }


def test_thousands_are_found_without_their_commas() -> None:
    assert "1234567" in inner_words(b"a budget of 1,234,567 rows").split()
    assert "12" not in inner_words(b"f(1,2)").split()


@pytest.mark.parametrize(
    "word", ["9f86d081884c7d65", "4f9ca21b", "01JC8VQ2K3", "a1b2c3d4e5", "123456789012"]
)
def test_what_looks_random_is_opaque(word: str) -> None:
    assert is_opaque(word)


@pytest.mark.parametrize("word", ["sha256", "utf8", "deadbeef", "retryBudget2", "1234", "v1_2_3"])
def test_what_has_words_in_it_is_not(word: str) -> None:
    assert not is_opaque(word)


def test_every_fragment_of_five_digits_shares_its_pieces_with_the_hash() -> None:
    whole = "9f86d081884c7d659a2feaa0c55ad015"
    indexed = set(pieces(whole))
    for length in range(5, len(whole)):
        for start in range(len(whole) - length + 1):
            fragment = whole[start : start + length]
            assert any(
                found and set(found) <= indexed
                for found in (pieces(fragment, start=0), pieces(fragment, start=1))
            )


def test_a_run_without_spaces_is_found_by_its_pairs() -> None:
    assert pairs("错误码") == ["错误", "误码"]
    assert {"错误", "误码", "发生", "E1042", "1042"} <= set(
        inner_words("错误码E1042发生".encode()).split()
    )


def test_other_alphabets_stay_words() -> None:
    assert inner_words("граница тайм-аута".encode()) == ""


@given(st.text())
def test_any_text_can_be_taken_apart_and_indexed(text: str) -> None:
    connection = sqlite3.connect(":memory:")
    connection.execute(
        f"CREATE VIRTUAL TABLE words USING fts5(inner, content='', tokenize=\"{TOKENIZER}\")"
    )
    connection.execute(
        "INSERT INTO words VALUES (?)", (inner_words(text.encode("utf-8", "replace")),)
    )
    connection.close()
