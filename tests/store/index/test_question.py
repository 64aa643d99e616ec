"""Taking questions apart: what must be found as it stands, and which words are worth looking up."""

import pytest

from kodo.store.index.search.question import take_apart


@pytest.mark.parametrize(
    ("text", "anchors"),
    [
        ("what is MAX_RETRY_COUNT?", ["MAX_RETRY_COUNT"]),
        ("where do we call parseUrlFast()", ["parseUrlFast"]),
        ("see src/kodo/store.py:12", ["src/kodo/store.py"]),
        ("error E-1042 and ERR_CONN_RESET", ["E-1042", "1042", "ERR_CONN_RESET"]),
        ("set to 1,234,567", ["1234567"]),
        ("port 8080", ["8080"]),
        ("commit 9f86d08", ["9f86d08"]),
        ('the "exact words here" count', ["exact words here"]),
        ("run `make check` first", ["make check"]),
        ("10.0.3.17 is down", ["10.0.3.17"]),
        ("pkg.mod.Class", ["pkg.mod.Class"]),
        ("don't take 'it' or it's apart", ["it"]),
        ("plain words only", []),
    ],
)
def test_anchors_are_what_people_copy(text: str, anchors: list[str]) -> None:
    assert [anchor.text for anchor in take_apart(text).anchors] == anchors


def test_words_are_parts_too_and_the_commonest_are_left_out() -> None:
    question = take_apart("What does the retryBudget_ms of HTTPServer2 do?")
    assert question.words == ["retry", "budget", "ms", "http", "server", "2"]


def test_a_question_of_common_words_keeps_them() -> None:
    assert take_apart("what is it?").words == ["what", "is", "it"]


@pytest.mark.parametrize(
    "text", ["the second value of x", "what was it originally", "the 3rd one", "all versions"]
)
def test_questions_for_one_of_several_versions_are_known(text: str) -> None:
    assert take_apart(text).asks_order


def test_other_questions_are_not() -> None:
    assert not take_apart("where is the parser").asks_order


def test_a_long_text_has_bounded_parts() -> None:
    question = take_apart(" ".join(f"word{n} id_{n}" for n in range(5000)))
    assert len(question.words) <= 64
    assert len(question.anchors) <= 16
