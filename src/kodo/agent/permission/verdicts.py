"""The verdict on a command line: every part of it judged, the strictest answer for the whole.

Knows rules and places; no tool, no sandbox, no person. Guards that a rule which allows one part
allows no other, and that what reaches the world is not allowed where strangers' text led to it.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec

from kodo.agent.permission.invocations import Invocation, invocations
from kodo.agent.permission.matching import applies
from kodo.agent.permission.places import Places
from kodo.agent.permission.rules import Decision, Reach, Rule, read_rules
from kodo.core.messages import Value

BUILT_IN = Path(__file__).with_name("builtin.toml")
READY = BUILT_IN.with_suffix(".json")
"""The same rules as JSON, which is read 30 times faster; `scripts/ready_rules.py` makes it."""

_ORDER: dict[str, int] = {"allow": 0, "open": 1, "ask": 2, "deny": 3}


class Part(Value, frozen=True):
    """One invocation and what the rules say to it; `open` where none speaks."""

    words: tuple[str, ...]
    decision: Literal["allow", "open", "ask", "deny"]
    rule: str = ""
    reason: str = ""
    source: str = ""
    reach: Reach = ""


class Verdict(Value, frozen=True):
    """What the rules say to a command line: `open` where no rule speaks to some part of it.

    `rule`, `reason` and `source` are those of the part that decided.
    """

    decision: Literal["allow", "open", "ask", "deny"]
    parts: tuple[Part, ...] = ()
    rule: str = ""
    reason: str = ""
    source: str = ""


@cache
def built_in_rules() -> tuple[Rule, ...]:
    """Return the rules that kodo brings along."""
    return msgspec.json.decode(READY.read_bytes(), type=tuple[Rule, ...])


def ready_rules() -> bytes:
    """Return what READY has to hold. Raises ConfigError where BUILT_IN is wrong."""
    rules = read_rules(BUILT_IN.read_text("utf-8"), BUILT_IN.name, "built in")
    return b"[" + b",\n".join(map(msgspec.json.encode, rules)) + b"]\n"


class RuleBook:
    """All rules that count in a run, asked about command lines and tools."""

    __slots__ = ("_aliases", "_by_name", "_own", "_places")

    def __init__(
        self,
        places: Places,
        rules: Sequence[Rule] = (),
        aliases: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        """`rules` are those of the user and of a trusted project; the built-in ones are added.

        Those, and git's `aliases`, are read when the first command is judged.
        """
        self._places = places
        self._own = tuple(rules)
        self._by_name: dict[str, list[Rule]] | None = None
        self._aliases = aliases

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules, the user's first."""
        return (*self._own, *built_in_rules())

    def add(self, rule: Rule) -> None:
        """Let a rule count from now on, before those there are."""
        self._own = (rule, *self._own)
        self._by_name = None

    def judge(self, text: str, *, tainted: bool = False) -> Verdict:
        """Return the verdict on a command line."""
        known = {"HOME": self._places.home, "PWD": self._places.workspace}
        found = invocations(text, known=known, aliases=self._aliases())
        parts = tuple(self._part(at, tainted=tainted) for at in found)
        if not parts:
            return Verdict("open")
        worst = max(parts, key=lambda part: _ORDER[part.decision])
        return Verdict(worst.decision, parts, worst.rule, worst.reason, worst.source)

    def judge_tool(self, name: str, *, tainted: bool = False) -> Part | None:
        """Return what a rule says to the tool `name`; None where none speaks."""
        for decision in ("deny", "ask", "allow"):
            for rule in self._own:
                if rule.tool and rule.decision == decision and _like(name, rule.tool):
                    if decision == "allow" and tainted and not rule.even_tainted:
                        continue
                    return _answer((name,), rule)
        return None

    def _part(self, at: Invocation, *, tainted: bool) -> Part:
        table = self._by_name = self._by_name or _by_name(self.rules)
        speaking = [
            rule
            for rule in table.get(at.name, table[""])
            if (tainted or rule.when == "always") and applies(rule, at, self._places)
        ]
        chosen = _strictest(speaking, tainted=tainted)
        return _answer(at.words, chosen) if chosen is not None else Part(at.words, "open")


def _by_name(rules: Sequence[Rule]) -> dict[str, list[Rule]]:
    """Return for each program that some rule names the rules that may speak to it; "" for others.

    Nearly all rules name their programs, so that few are looked at for each command.
    """
    named: dict[str, set[str]] = {}
    for rule in rules:
        first = rule.command[0] if rule.command else "*"
        choices = {first} if isinstance(first, str) else set(first)
        wild = any(c in choice for choice in choices for c in "*?[")
        named[f"{rule.source}:{rule.name}"] = set() if wild and choices != {"["} else choices
    table: dict[str, list[Rule]] = {"": []}
    table.update({name: [] for choices in named.values() for name in choices})
    for rule in rules:
        choices = named[f"{rule.source}:{rule.name}"]
        for name in choices or table:
            table[name].append(rule)
    return table


def _strictest(speaking: Sequence[Rule], *, tainted: bool) -> Rule | None:
    """Return the rule that decides.

    A denial wins, then what the user says, then a trusted project's stricter word, then the rest.
    Where the context is tainted, what reaches the world is asked even if the user allows it.
    """
    for rule in speaking:
        if rule.decision == "deny":
            return rule
    reaching = [rule for rule in speaking if rule.reach and rule.decision == "ask"]
    for decision in ("ask", "allow"):
        for rule in speaking:
            if rule.source == "user" and rule.decision == decision:
                overruled = decision == "allow" and tainted and reaching and not rule.even_tainted
                if not overruled:
                    return rule
    for source in ("project", "built in"):
        for rule in speaking:
            if rule.source == source and rule.decision == "ask":
                return rule
    return next((rule for rule in speaking if rule.source != "user"), None)


def _answer(words: tuple[str, ...], rule: Rule) -> Part:
    return Part(words, rule.decision, rule.name, rule.reason, rule.source, rule.reach)


def _like(name: str, pattern: str) -> bool:
    return name == pattern or (pattern.endswith("*") and name.startswith(pattern[:-1]))


def failed_examples(rule: Rule, places: Places) -> tuple[str, ...]:
    """Return the rule's own examples that do not come out as it says, each with what went wrong."""
    failed: list[str] = []
    known = {"HOME": places.home, "PWD": places.workspace}
    for wanted, examples in ((True, rule.match), (False, rule.not_match)):
        for text in examples:
            found = invocations(text, known=known)
            hits = [applies(rule, at, places) for at in found]
            matched = all(hits) and bool(hits) if rule.decision == "allow" else any(hits)
            if matched != wanted:
                word = "does not match" if wanted else "matches"
                failed.append(f"{text!r} {word}")
    return tuple(failed)


def stricter(first: Decision, second: Decision) -> bool:
    """Tell whether the first decision is stricter than the second."""
    return _ORDER[first] > _ORDER[second]
