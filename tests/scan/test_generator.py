"""The generator of labelled cases: reproducible, balanced, and code that parses."""

from collections import Counter
from typing import cast

import pytest
from benchmarks.scan.generator.compose import make_cases
from benchmarks.scan.generator.parts import names, read_language
from benchmarks.scan.scores import FAMILIES, Case, Hit, mean_youden, rate

from kodo.syntax.languages import LanguageName
from kodo.syntax.tree import syntax_errors

EACH = 12


@pytest.mark.parametrize("name", names())
def test_cases_parse_are_half_safe_and_hold_no_open_place(name: str) -> None:
    grammar = cast(LanguageName, name)
    made = make_cases(read_language(name), EACH, seed=3)
    assert Counter(case.vulnerable for case in made) == {True: len(made) / 2, False: len(made) / 2}
    for case in made:
        assert "§" not in case.code, case.recipe
        assert syntax_errors(case.code.encode(), grammar) == [], (case.recipe, case.code)
        assert case.category in FAMILIES
    assert len({case.code for case in made}) > 0.7 * len(made)


def test_the_seed_decides_the_cases() -> None:
    language = read_language("go")
    assert make_cases(language, EACH, 1) == make_cases(language, EACH, 1)
    assert make_cases(language, EACH, 1) != make_cases(language, EACH, 2)


def test_a_case_counts_only_by_its_own_class_on_its_own_lines() -> None:
    cases = [
        Case("a", "x.py", "sqli", vulnerable=True, first_line=1, last_line=10),
        Case("b", "x.py", "sqli", vulnerable=False, first_line=11, last_line=20),
        Case("c", "y.py", "sqli:fine", vulnerable=True),
    ]
    hits = [
        Hit("x.py", 5, frozenset({89})),
        Hit("x.py", 15, frozenset({79})),
        Hit("y.py", 1, frozenset({564})),
    ]
    rates = rate(cases, hits)
    assert rates["sqli"] == (1, 1, 0, 1)
    assert rates["sqli"].youden == 1.0
    assert rates["sqli:fine"].tpr == 1.0
    assert mean_youden(rates.values()) == 1.0
