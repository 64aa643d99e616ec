"""Inline suppressions: what they cover, and that a reason is not optional."""

import pytest

from kodo.scan.suppressions import RULE_WITHOUT_REASON, find_suppressions, judge

from .weaknesses import weakness

RULE = "python.sql-injection"


@pytest.mark.parametrize(
    "line",
    [
        f"execute(q)  # kodo: ignore {RULE} -- the table name is a constant",
        f"execute(q) // kodo: ignore {RULE} -- checked above",
        f"execute(q); /* kodo: ignore {RULE} -- checked above */",
        "execute(q)  # kodo: ignore python.* -- a tool of our own",
        "execute(q)  # kodo: ignore * -- a tool of our own",
        f"execute(q)  # noqa: S608  kodo: ignore other.rule, {RULE} -- both are checked",
        f"execute(q)  # kodo: ignore[{RULE}] -- checked above",
    ],
)
def test_a_comment_with_rule_and_reason_silences_its_line(line: str) -> None:
    source = b"a\nb\nc\nd\n" + line.encode() + b"\n"
    judged = judge("app.py", source, [weakness(line=5)])
    assert judged.open == ()
    [(silenced, by)] = judged.silenced
    assert silenced.rule == RULE
    assert by.reason
    assert judge("app.py", source, [weakness(line=4)]).silenced == ()


def test_a_comment_on_a_line_of_its_own_covers_the_next_line_of_code() -> None:
    source = (
        f"x\n# kodo: ignore {RULE} -- an id from our own table\n# and more words\n\nexecute(q)\n"
    ).encode()
    assert judge("app.py", source, [weakness(line=5)]).open == ()
    assert len(judge("app.py", source, [weakness(line=6)]).open) == 1


@pytest.mark.parametrize(
    "line",
    [
        f"execute(q)  # kodo: ignore {RULE}",
        f"execute(q)  # kodo: ignore {RULE} --",
        f"execute(q)  # kodo: ignore {RULE} -- x",
        "execute(q)  # kodo: ignore",
        "execute(q)  # kodo: ignore -- it is fine",
    ],
)
def test_without_rule_or_reason_nothing_is_silenced_and_that_is_told(line: str) -> None:
    judged = judge("app.py", line.encode(), [weakness(line=1)])
    assert [one.rule for one in judged.open] == [RULE, RULE_WITHOUT_REASON]
    assert judged.silenced == ()


def test_another_rule_is_not_silenced_and_a_string_is_no_comment() -> None:
    source = b"execute(q)  # kodo: ignore python.sql -- it is not this rule\n"
    assert len(judge("app.py", source, [weakness(line=1)]).open) == 1
    assert find_suppressions(b"x = 'kodo: ignore a.b -- text'\n") == []
    assert find_suppressions(b'y = "# say kodo: ignore a.b -- text"\n') == []


def test_a_family_covers_the_rules_below_it() -> None:
    source = b"f(q)  # kodo: ignore secret -- rotated in March\n"
    found = weakness(line=1, rule="secret.password")
    assert judge("app.py", source, [found]).open == ()
