"""Lark grammars and regexes in the form the embedded engine takes, and what is refused by name."""

import pytest

from kodo.server.gateway.grammar.nodes import GrammarError
from kodo.server.gateway.grammar.rules import gbnf_of_lark, gbnf_of_regex

PATCH = r"""
start: begin_patch hunk+ end_patch
begin_patch: "*** Begin Patch" LF
end_patch: "*** End Patch" LF?

hunk: add_hunk | delete_hunk
add_hunk: "*** Add File: " filename LF add_line+
delete_hunk: "*** Delete File: " filename LF
filename: /(.+)/
add_line: "+" /(.*)/ LF -> line

%import common.LF
"""


def test_the_grammar_of_patches() -> None:
    written = gbnf_of_lark(PATCH).splitlines()
    assert written[0] == "root ::= r-start"
    assert "r-filename ::= [^\\x0A]+" in written
    assert 'r-add-line ::= "+" ([^\\x0A]*) r-LF' in written
    assert 'r-end-patch ::= "*** End Patch" (r-LF?)' in written


def test_ignored_text_may_stand_between_tokens() -> None:
    written = gbnf_of_lark('start: NAME "="i\nNAME: /[a-z]/\n%import common.WS\n%ignore WS').split(
        "\n"
    )
    assert "r--ignored ::= r-WS*" in written
    assert 'r-start ::= (r-NAME r--ignored) ("=" r--ignored)' in written or any(
        line.startswith("r-start ::= ") and line.count("r--ignored") == 2 for line in written
    )
    assert "r-NAME ::= [a-z]" in written


@pytest.mark.parametrize(
    ("pattern", "rule"),
    [
        (r"^a|b$", '"a" | "b"'),
        (r"[^\]\-a-f]{2,}", "([^\\x5D\\x2Da-f]){2,}"),
        (r"\d{3}", "([0-9]){3,3}"),
        (r"(?:ab)+?", '(("a" "b"))+'),
        (r"\u00e9\S", '"\\xE9" [^\\x09-\\x0D\\x20]'),
    ],
)
def test_regexes(pattern: str, rule: str) -> None:
    written = gbnf_of_regex(pattern).split("r-start ::= ")[1].strip()
    assert written.replace("(", "").replace(")", "") == rule.replace("(", "").replace(")", "")


@pytest.mark.parametrize(
    ("grammar", "named"),
    [
        ('start: start "a" | "b"', "'start' begins with itself"),
        ('start: (a?)*\na: "x"', "repeated that may be empty"),
        ("start: /(?=a)b/", "looking around"),
        (r"start: /(a)\1/", "'\\\\1'"),
        ("start: /a/x", "the flag 'x'"),
        ('start: a~5000\na: "x"', "more than 1000"),
        ("%declare X\nstart: X", "not enforced"),
        ("%import common.EMOJI\nstart: EMOJI", "common.EMOJI"),
    ],
)
def test_what_cannot_be_enforced_is_named(grammar: str, named: str) -> None:
    with pytest.raises(GrammarError) as found:
        gbnf_of_lark(grammar)
    assert named.replace("\\\\", "\\") in str(found.value)


def nested(depth: int) -> str:
    return "(" * depth + "a" + ")" * depth


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        (r"\x", "no character"),
        (r"a\u12zz", "no character"),
        (r"\UFFFFFFFF", "no character"),
        ("(?P<name", "not closed"),
        ("a{" + "9" * 5000 + "}", "1000 repetitions"),
        (nested(5000), "nested too deeply"),
        ("a" + "?" * 20_000, "nested too deeply"),
        ("(a{1000}b{1000}){1000}" * 10, "add up"),
        ("a" * 200_001, "longer than"),
    ],
    ids=lambda value: value[:12],
)
def test_no_regex_of_a_client_is_more_than_a_refusal(pattern: str, why: str) -> None:
    with pytest.raises(GrammarError, match=why):
        gbnf_of_regex(pattern)


@pytest.mark.parametrize(
    ("grammar", "why"),
    [
        ('start: "a" ..', "without an end"),
        ('start: "a"~' + "9" * 5000, "1000 repetitions"),
        (f"start: {nested(5000)}\na: /b/", "nested too deeply"),
        (f"start: /{nested(5000)}/", "regex"),
        ('start: "a"\n%ignore NOWHERE', "'NOWHERE' is not defined"),
        ("start: a0\n" + "".join(f"a{n}: a{n + 1}\n" for n in range(1200)) + 'a1200: "x"', "rules"),
        ('start: a | b\na: b "x"?\nb: "y"? c\nc: a', "begins with itself"),
    ],
    ids=lambda value: value[:12],
)
def test_no_grammar_of_a_client_is_more_than_a_refusal(grammar: str, why: str) -> None:
    with pytest.raises(GrammarError, match=why):
        gbnf_of_lark(grammar)
