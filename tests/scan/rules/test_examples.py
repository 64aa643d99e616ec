"""Every shipped rule finds its bad examples and leaves its good ones alone."""

import pytest

from kodo.scan.engine import Engine
from kodo.scan.rules.schema import Rule
from tests.scan.engines import SHIPPED_RULES

ENDINGS = {
    "python": "py",
    "javascript": "js",
    "typescript": "ts",
    "java": "java",
    "go": "go",
    "ruby": "rb",
    "rust": "rs",
    "c": "c",
    "cpp": "cpp",
}

EXAMPLES: list[tuple[str, Rule, str, bool]] = [
    (language, rule, code, is_bad)
    for rule_file in SHIPPED_RULES
    for rule in rule_file.rules
    for language in rule_file.languages
    for is_bad, codes in ((True, rule.tests.bad), (False, rule.tests.good))
    for code in codes
]


@pytest.mark.parametrize(
    ("language", "rule", "code", "is_bad"),
    EXAMPLES,
    ids=[f"{rule.id}-{'bad' if is_bad else 'good'}" for _, rule, _, is_bad in EXAMPLES],
)
def test_example(language: str, rule: Rule, code: str, is_bad: bool) -> None:
    """The rule finds bad code, and not good code."""
    report = Engine(SHIPPED_RULES).scan_file(f"example.{ENDINGS[language]}", code.encode())
    assert not report.skipped
    assert (rule.id in {one.rule for one in report.weaknesses}) == is_bad


def test_ids_are_unique_and_begin_with_their_language() -> None:
    """A rule is named once, so that suppressions and baselines mean one thing."""
    ids = [rule.id for rule_file in SHIPPED_RULES for rule in rule_file.rules]
    assert len(ids) == len(set(ids))
    for rule_file in SHIPPED_RULES:
        for rule in rule_file.rules:
            assert rule.id.partition(".")[0] in {*rule_file.languages, "javascript", "c"}


def test_every_rule_says_how_to_fix_it() -> None:
    """A finding without a way out is no help."""
    for rule_file in SHIPPED_RULES:
        for rule in rule_file.rules:
            assert rule.fix, rule.id
            assert rule.message.endswith("."), rule.id
