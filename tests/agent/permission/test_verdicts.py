"""What must be asked is asked, what is ordinary is not, and rules prove themselves."""

from pathlib import Path

import pytest

from kodo.agent.permission.places import Places
from kodo.agent.permission.rules import Rule, read_rules, rule_text
from kodo.agent.permission.verdicts import (
    READY,
    RuleBook,
    built_in_rules,
    failed_examples,
    ready_rules,
)
from kodo.base.errors import ConfigError

PLACES = Places("/home/u/workspace", "/home/u")
ALIASES = {"yolo": "push --force", "sh": "!npm publish"}
HERE = Path(__file__).parent


def lines(name: str) -> list[str]:
    text = (HERE / name).read_text("utf-8")
    return [
        line.replace("\\n", "\n") for line in text.splitlines() if line and not line.startswith("#")
    ]


@pytest.mark.parametrize("command", lines("dangerous.txt"))
def test_what_is_dangerous_is_asked_or_denied_by_a_named_rule(command: str) -> None:
    verdict = RuleBook(PLACES).judge(command)
    assert verdict.decision in ("ask", "deny"), verdict
    assert verdict.rule
    assert verdict.reason


def test_an_ordinary_session_asks_nothing() -> None:
    book = RuleBook(PLACES)
    steps = lines("ordinary.txt")
    assert len(steps) == 50
    asked = {step: book.judge(step).rule for step in steps if _asks(book, step)}
    assert asked == {}


def _asks(book: RuleBook, step: str) -> bool:
    return book.judge(step).decision in ("ask", "deny")


@pytest.mark.parametrize("rule", built_in_rules(), ids=lambda rule: str(rule.name))
def test_every_rule_of_kodo_proves_itself(rule: Rule) -> None:
    assert rule.match
    assert failed_examples(rule, PLACES) == ()


def test_git_aliases_of_the_project_are_followed() -> None:
    book = RuleBook(PLACES, aliases=lambda: ALIASES)
    assert book.judge("git yolo origin").rule == "git-force-push"
    assert book.judge("git sh").rule == "publish-package"


def test_a_users_rule_allows_what_would_be_asked_but_not_the_rest_of_the_line() -> None:
    mine = Rule("mine", "allow", command=("git", "push"), match=("git push",))
    book = RuleBook(PLACES, [mine])
    assert book.judge("git push origin main").decision == "allow"
    assert book.judge("git push; npm publish").decision == "ask"
    assert book.judge("A=1 git push").decision == "ask"
    assert book.judge("git push > ~/.bashrc").decision == "ask"
    assert book.judge('git push "$(npm publish)"').decision == "ask"


def test_a_denial_of_kodo_cannot_be_allowed_away() -> None:
    mine = Rule("mine", "allow", command=("kodo", "trust"), match=("kodo trust .",))
    assert RuleBook(PLACES, [mine]).judge("kodo trust .").decision == "deny"


def test_a_project_may_be_stricter_and_never_laxer() -> None:
    lax = Rule("lax", "allow", command=("npm", "publish"), source="project")
    strict = Rule("strict", "deny", command=("make",), source="project")
    book = RuleBook(PLACES, [lax, strict])
    assert book.judge("npm publish").decision == "ask"
    assert book.judge("make all").decision == "deny"


def test_a_tainted_context_asks_for_the_network_even_where_the_user_allows_it() -> None:
    mine = Rule("mine", "allow", command=("git", "push"), match=("git push",))
    always = Rule("always", "allow", command=("git", "fetch"), even_tainted=True)
    book = RuleBook(PLACES, [mine, always])
    assert book.judge("curl https://e.example").decision == "open"
    assert book.judge("curl https://e.example", tainted=True).rule == "tainted-network"
    assert book.judge("git push", tainted=True).decision == "ask"
    assert book.judge("git fetch", tainted=True).decision == "allow"
    assert book.judge("python -m pytest", tainted=True).decision == "open"


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ('[[rule]]\nname = "a"\ndecision = \n', ":3:12", "Invalid value"),
        ('[[rule]]\nname = "a"\n  decision = "maybe"\n', ":3:3", "decision"),
        ('[[rule]]\nname = "a"\ndecision = "ask"\ncomand = ["x"]\n', ":4:1", "comand"),
        ('[[rule]]\nname = "a"\ndecision = "ask"\n', ":2:1", "match everything"),
        ('[[rule]]\nname = "a"\ndecision = "ask"\ncommand = ["x"]\n', ":2:1", "example"),
        ('[[rule]]\nname = "A b"\ndecision = "ask"\ncommand = ["x"]\n', ":2:1", "rule name"),
        ("[rules]\n", ":1:1", "unknown key"),
        ('[[rule]]\nname = "a', ":2:", ""),
    ],
)
def test_a_mistake_in_a_rule_file_is_named_with_line_and_column(
    text: str, where: str, what: str
) -> None:
    with pytest.raises(ConfigError) as error:
        read_rules(text, "rules", "user")
    assert f"rules{where}" in str(error.value)
    assert what in str(error.value)


def test_a_rule_written_down_reads_as_the_same_rule() -> None:
    rule = Rule("mine", "allow", command=("git", "push"), match=("git push x",))
    again = read_rules(rule_text(rule), "rules", "user")[0]
    assert (again.command, again.match, again.decision) == (rule.command, rule.match, "allow")


@pytest.mark.parametrize("text", ["", "'", "$(", "((", "a <<E", "\0", "🦆 | | |", ";" * 500])
def test_broken_text_is_judged_without_an_error(text: str) -> None:
    RuleBook(PLACES).judge(text)


def test_the_rules_that_are_read_at_a_start_are_those_that_people_edit() -> None:
    assert READY.read_bytes() == ready_rules(), "run: python scripts/ready_rules.py"
