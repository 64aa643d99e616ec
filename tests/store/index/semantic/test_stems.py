"""Stems: forms of a word meet, words that say nothing are left out of questions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kodo.store.index.semantic.stems import question_stems, stem, stems, words_of
from kodo.store.index.semantic.thesaurus import thesaurus


@pytest.mark.parametrize(
    "forms",
    [
        ("parse", "parses", "parsed", "parsing", "parser"),
        ("match", "matches", "matched", "matching"),
        ("entry", "entries"),
        ("delete", "deletes", "deleted", "deleting"),
        ("stop", "stops", "stopped", "stopping"),
        ("normalize", "normalized", "normalization"),
        ("address", "addresses"),
    ],
)
def test_forms_of_a_word_have_one_stem(forms: tuple[str, ...]) -> None:
    assert len({stem(form) for form in forms}) == 1


def test_different_words_stay_different() -> None:
    words = ("string", "strip", "status", "state", "class", "close", "press", "process", "ring")
    assert len({stem(word) for word in words}) == len(words)


def test_identifiers_fall_into_parts_and_stay_whole() -> None:
    assert words_of("parseHTTPHeader(max_size2)") == [
        *("parse", "http", "header", "parsehttpheader"),
        *("max", "size", "2", "max_size2"),
    ]


def test_a_question_keeps_what_says_something_once() -> None:
    asked = question_stems("Which function removes the files, and removes old files again?")
    assert asked == [stem("remove"), stem("file"), "old"]


@given(st.text(max_size=200))
def test_any_text_has_stems(text: str) -> None:
    assert all(one and not one.isspace() for one in stems(text))


def test_the_thesaurus_relates_both_ways_and_never_fully_backwards() -> None:
    related = thesaurus()
    assert related[stem("remove")][stem("delete")] == 1.0
    assert related[stem("unlink")][stem("remove")] == 0.6
    assert all(0 < weight <= 1 for row in related.values() for weight in row.values())
    assert not any(word in row for word, row in related.items())
