"""`kodo policy`: which rules there are, and what they say to a command line.

Runs nothing. Guards that people see the same verdict that a run would come to.
"""

import argparse
import re
import shutil
import sys

from kodo.agent.permission.places import Places
from kodo.agent.permission.rules import Rule
from kodo.agent.permission.verdicts import Verdict, failed_examples
from kodo.base.errors import ConfigError
from kodo.base.text import printable
from kodo.cli.options import add_common, add_json, load
from kodo.cli.output import print_json
from kodo.core.messages import Value
from kodo.runtime.permission import open_rules, places_of

MIXED_WORDS = True  # check --tainted CMD
# Where kodo's own examples are read: in the caller's folder "../other" may be a temporary place.
OWN_PLACES = Places("/home/someone/project", "/home/someone")

EXAMPLES = """\
examples:
  kodo policy check 'git push --force origin main'
  kodo policy check --tainted 'curl https://example.org'
  echo 'make && ./deploy.sh' | kodo policy check -
  kodo policy explain git-force-push
  kodo policy list
  kodo policy test

Your rules stand in $KODO_HOME/policy.toml, a trusted project's in .kodo/rules:
  [[rule]]
  name = "my-pushes"
  decision = "allow"                  # allow, ask or deny
  command = ["git", "push", "origin"]
  match = ["git push origin main"]    # examples: a rule that fails its own does not load
  not_match = ["git push --force"]

exit codes of check: 0 it would run, 1 it would be asked about or denied, 2 wrong usage
"""

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


class PartReport(Value, frozen=True):
    """One program that the command line would run, and what the rules say to it."""

    words: tuple[str, ...]
    decision: str
    rule: str = ""
    reason: str = ""


class CheckReport(Value, frozen=True):
    """The verdict on a command line: `run` (unasked in the sandbox), `ask` or `deny`.

    `headless` is what becomes of it where nobody can be asked.
    """

    command: str
    decision: str
    headless: str
    rule: str = ""
    reason: str = ""
    parts: tuple[PartReport, ...] = ()


class RuleReport(Value, frozen=True):
    """A rule as `list` and `explain` show it."""

    name: str
    decision: str
    source: str
    reason: str = ""
    match: tuple[str, ...] = ()
    not_match: tuple[str, ...] = ()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what to do, on which command or rule."""
    parser.add_argument("action", choices=("check", "explain", "list", "test"), help="what to do")
    parser.add_argument(
        "subject", nargs="?", metavar="CMD|RULE", help="the command line, - for stdin, or the rule"
    )
    parser.add_argument(
        "--tainted", action="store_true", help="as if the context held text from strangers"
    )
    parser.add_argument(
        "--trust", action="store_true", help="count the folder's own .kodo/rules this once"
    )
    add_json(parser)
    add_common(parser)


def run(arguments: argparse.Namespace) -> int:
    """Judge, explain, list or test. Raises ConfigError."""
    settings = load(arguments)
    book = open_rules(settings)
    subject: str | None = arguments.subject
    if arguments.action in ("check", "explain") and subject is None:
        raise ConfigError(f"name what to {arguments.action}, for example: kodo policy check 'ls'")
    if arguments.action == "list":
        return _list(book.rules, json=arguments.json)
    if arguments.action == "test":
        places = places_of(settings)
        failed = [
            (rule.name, text)
            for rule in book.rules
            for text in failed_examples(rule, OWN_PLACES if rule.source == "built in" else places)
        ]
        for name, text in failed:
            print(printable(f"{name}: {text}"))
        count = sum(len(r.match) + len(r.not_match) for r in book.rules)
        print(f"{len(book.rules)} rules, {count} examples, {len(failed)} fail")
        return 1 if failed else 0
    text = sys.stdin.read() if subject == "-" else subject or ""
    named = [rule for rule in book.rules if rule.name == text]
    if arguments.action == "explain" and named:
        return _explain(named[0], json=arguments.json)
    if arguments.action == "explain" and _NAME.fullmatch(text) and shutil.which(text) is None:
        raise ConfigError(
            f"no rule is called {text!r}, and it is no command here; kodo policy list names them"
        )
    verdict = book.judge(text, tainted=arguments.tainted)
    report = _report(text, verdict)
    if arguments.json:
        print_json(report)
    else:
        _show(report, whole=arguments.action == "explain")
    return 1 if report.decision in ("ask", "deny") else 0


def _report(command: str, verdict: Verdict) -> CheckReport:
    decision = verdict.decision if verdict.decision in ("ask", "deny") else "run"
    parts = tuple(PartReport(p.words, p.decision, p.rule, p.reason) for p in verdict.parts)
    headless = "run" if decision == "run" else "deny"
    rule, reason = (verdict.rule, verdict.reason) if decision != "run" else ("", "")
    return CheckReport(command, decision, headless, rule, reason, parts)


def _show(report: CheckReport, *, whole: bool) -> None:
    why = f"  rule {report.rule!r}: {report.reason}" if report.rule else "  in the sandbox, unasked"
    print(f"{report.decision}{why}")
    for part in report.parts if whole or report.decision != "run" else ():
        rule = f"  ({part.rule})" if part.rule else ""
        print(f"  {part.decision:<5} {printable(' '.join(map(repr, part.words)))}{rule}")


def _list(rules: tuple[Rule, ...], *, json: object) -> int:
    if json:
        print_json([_shown(rule) for rule in rules])
        return 0
    for rule in rules:
        print(f"{rule.decision:<6}{rule.name:<24}{rule.source:<10}{rule.reason}")
    return 0


def _explain(rule: Rule, *, json: object) -> int:
    if json:
        print_json(_shown(rule))
        return 0
    print(f"{rule.name}: {rule.decision} ({rule.source})\n  {rule.reason}")
    for title, examples in (("such as", rule.match), ("but not", rule.not_match)):
        for example in examples:
            print(f"  {title}: {printable(example)}")
    return 0


def _shown(rule: Rule) -> RuleReport:
    return RuleReport(
        rule.name, rule.decision, rule.source, rule.reason, rule.match, rule.not_match
    )
