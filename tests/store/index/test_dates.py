"""Dates in words are told from words and numbers that only look like them."""

import pytest

from kodo.store.index.search.dates import dates_in
from kodo.store.index.search.question import take_apart


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("what did we decide on October 13, 2023?", (2023, 10, 13)),
        ("what did we decide on 13 October, 2023?", (2023, 10, 13)),
        ("the talk of the 3rd of june", (None, 6, 3)),
        ("what changed in May", (None, 5, None)),
        ("the release of May 2024", (2024, 5, None)),
        ("29 February", (None, 2, 29)),
    ],
)
def test_dates_in_words(text: str, wanted: tuple[int | None, int, int | None]) -> None:
    (date,) = dates_in(text)
    assert date[:3] == wanted


@pytest.mark.parametrize(
    "text", ["it may fail", "march on", "31 June 2024", "2024-05-03", "retry 13 times", "maybe 3"]
)
def test_what_is_no_date(text: str) -> None:
    assert dates_in(text) == []


def test_the_digits_of_a_date_are_no_anchors() -> None:
    question = take_apart("what failed on 13 October, 2023 with E1042")
    assert [anchor.text for anchor in question.anchors] == ["E1042"]
    assert "october" in question.words
