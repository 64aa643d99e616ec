"""Edits of single lines: what an answer names is found and replaced with its indentation."""

from kodo.agent.strategies.search.faults.localise import Suspect
from kodo.agent.strategies.search.proposals.by_line import replaced, without_prose
from kodo.agent.strategies.search.proposals.cloze import Place, filled, hole_at, places
from kodo.agent.strategies.search.proposals.docstring import cut_docstring, keep_docstring
from kodo.agent.strategies.search.proposals.pinpoint import apply_line, edits_of
from kodo.agent.strategies.search.proposals.spans import fillings, spans
from kodo.syntax.symbols import symbols

TEXT = "def f(a):\n    for i in range(a):\n        print(i)\n    return a\n"


def suspect(lines: dict[int, float]) -> Suspect:
    return Suspect("f.py", symbols(TEXT.encode(), "python")[0], 1.0, lines)


def test_wrong_and_right_are_read_with_or_without_fences() -> None:
    assert edits_of("WRONG: a\nRIGHT: b") == [("a", "b")]
    assert edits_of("WRONG:\n```python\na\n```\nRIGHT:\n```python\nb\n  c\n```") == [
        ("a", "b\n  c")
    ]
    assert edits_of("no idea") == []


def test_the_line_meant_is_found_though_it_is_not_copied_exactly() -> None:
    new = apply_line(TEXT, suspect({2: 1.0}), "for i in range(a) :", "for i in range(a + 1):")
    assert new == TEXT.replace("range(a)", "range(a + 1)")
    assert apply_line(TEXT, suspect({2: 1.0}), "something else altogether", "x") is None


def test_several_lines_take_the_indentation_of_the_one_they_replace() -> None:
    new = apply_line(TEXT, suspect({}), "return a", "if a:\n    return 1\nreturn a")
    assert new == TEXT.replace("    return a\n", "    if a:\n        return 1\n    return a\n")


def test_lines_that_the_answer_repeats_stand_there_once() -> None:
    new = replaced(TEXT, 2, "for i in range(1, a):\n    print(i)\n")
    assert new == TEXT.replace("range(a)", "range(1, a)")


def test_holes_are_lines_and_gaps_of_the_function() -> None:
    found = places(TEXT, suspect({2: 1.0, 3: 0.5, 4: 0.2}))
    assert found[0] == Place(2, insert=False, score=1.01)
    assert {place.line for place in found if place.insert} == {2, 3, 4}
    hole, begin, end = hole_at(TEXT, suspect({2: 1.0}), found[0])
    assert hole.prefix == "def f(a):\n    "
    assert hole.suffix == "\n        print(i)\n    return a\n"
    assert filled(TEXT, begin, end, found[0], "while a:") == TEXT.replace(
        "for i in range(a):", "while a:"
    )
    gap = Place(4, insert=True, score=1)
    hole, begin, end = hole_at(TEXT, suspect({}), gap)
    assert filled(TEXT, begin, end, gap, "    a += 1") == TEXT.replace(
        "    return", "    a += 1\n    return"
    )


def test_a_long_docstring_is_cut_for_the_model_and_put_back_whole() -> None:
    long = "def f():\n    '''One.\n\n    Two.\n\n    Three.\n\n    Four.\n    '''\n    return 1\n"
    shown = cut_docstring(long)
    assert "Four" not in shown
    assert keep_docstring(long, "def f():\n    return 2\n") == long.replace("return 1", "return 2")
    assert keep_docstring(long, shown.replace("return 1", "return 2")) == long.replace(
        "return 1", "return 2"
    )


def test_expressions_of_a_line_are_holes() -> None:
    found = spans(TEXT, suspect({2: 1.0}))
    line = TEXT.split("\n")[1]
    pieces = [line[span.start : span.end] for span in found]
    assert pieces == ["i", "range(a)", "a"]


def test_a_filling_that_runs_into_the_rest_of_the_line_is_cut() -> None:
    assert fillings("approx ** 2) > epsilon:", ") > epsilon:") == [
        "approx ** 2) > epsilon:",
        "approx ** 2",
    ]
    assert fillings("", ")") == []


def test_an_answer_that_drifts_into_prose_is_cut_where_it_stops_to_parse() -> None:
    drifted = "for i in range(1, a):\n    print(i)\nThis is because the range starts at 1."
    assert without_prose(TEXT, "f.py", 2, drifted) == "for i in range(1, a):\n    print(i)"
    assert without_prose(TEXT, "f.py", 4, "return a + 1") == "return a + 1"
    assert without_prose(TEXT, "f.py", 4, "I am not sure.") == "I am not sure."
