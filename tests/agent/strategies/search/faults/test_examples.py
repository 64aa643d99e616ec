"""Examples stated in words or sessions become a test; what cannot be read is left out."""

from kodo.agent.strategies.search.faults.examples import (
    Example,
    examples_test,
    find_examples,
    modules_of,
)

SOURCES = {
    "pkg/ranges.py": 'def parse(text):\n    """Parse.\n\n    >>> parse("1")\n    [1]\n    """\n'
}


def test_sessions_and_sentences_are_found() -> None:
    task = "parse('8-5') should give [5, 6, 7, 8] (either direction) but it returns []."
    assert find_examples(task, SOURCES, "") == [
        Example('parse("1")', "[1]", "parse"),
        Example("parse('8-5')", "[5, 6, 7, 8]", "parse"),
    ]


def test_wrong_results_are_not_taken_for_right_ones() -> None:
    assert find_examples("parse('2') returns [3]", {"a.py": "def parse(t):\n    pass\n"}, "") == []
    found = find_examples(
        "parse('2') returns [3] instead of [2].", {"a.py": "def parse(t): ..."}, ""
    )
    assert found == [Example("parse('2')", "[2]", "parse")]


def test_calls_of_unknown_names_are_left_out() -> None:
    assert find_examples(">>> other(1)\n2\n", SOURCES, ">>> parse(missing)\n3\n")[1:] == []


def test_the_test_file_imports_what_it_calls() -> None:
    text = examples_test([Example("parse('1')", "[1]", "parse")], modules_of(SOURCES))
    assert "from pkg.ranges import parse" in text
    assert "got = parse('1')" in text
    compile(text, "test", "exec")
