"""Rules: a small declarative file that says which commands run, which are asked, which are denied.

Knows TOML texts and rules, not where the files lie. Guards that a rule whose own examples fail does
not load, and that a mistake is named with line and column.
"""

import re
import tomllib
from collections.abc import Sequence
from typing import Any, Literal, cast

import msgspec

from kodo.agent.permission.invocations import Opaque
from kodo.base.errors import ConfigError
from kodo.core.messages import Value

Decision = Literal["allow", "ask", "deny"]
Source = Literal["built in", "user", "project"]
Reach = Literal["", "network", "publish", "credentials"]


class Rule(Value, frozen=True):
    """One rule. All of its conditions must hold; those that are empty are not asked.

    `command`: the first words, each a text or a list of choices. `flags`: one of these options is
    given. `words`: one of the arguments is like one of these globs. `paths`: an argument or a
    redirect names such a place (a glob, `outside`, `root`, `home`); `how = "write"` counts only
    places that the command writes. `sets`: one of these variables is set for it. `opaque`: what
    runs is not known, for one of these reasons. `tool`: the tool's name, a glob, in place of a
    command. `reach`: what of the world it touches, which counts where the context is tainted;
    `when = "tainted"` lets the rule speak only there, and `even_tainted` lets a rule that allows
    speak there too. `match` and `not_match` are its examples.
    """

    name: str
    decision: Decision
    reason: str = ""
    command: tuple[str | tuple[str, ...], ...] = ()
    flags: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    how: Literal["any", "write"] = "any"
    sets: tuple[str, ...] = ()
    opaque: tuple[Opaque, ...] = ()
    tool: str = ""
    reach: Reach = ""
    when: Literal["always", "tainted"] = "always"
    even_tainted: bool = False
    match: tuple[str, ...] = ()
    not_match: tuple[str, ...] = ()
    source: Source = "user"
    where: str = ""


_KEYS = frozenset(Rule.__struct_fields__) - {"source", "where"}
_CONDITIONS = ("command", "flags", "words", "paths", "sets", "opaque", "tool")


def read_rules(text: str, path: str, source: Source) -> tuple[Rule, ...]:
    """Return the rules of a file. Their examples are not tried yet.

    Raises ConfigError naming `path:line:column` of what is wrong.
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
        lines = text.count("\n") + 1
        place = f"{at[1]}:{at[2]}" if at else f"{lines}:{len(text.rpartition(chr(10))[2]) + 1}"
        raise ConfigError(f"{path}:{place}: {str(error).partition(' (at ')[0]}") from error
    rules: list[Rule] = []
    names: set[str] = set()
    if unknown := [key for key in tables if key != "rule"]:
        place = _find(text, 0, unknown[0])
        raise ConfigError(f"{path}:{place}: unknown key {unknown[0]!r}; rules begin with [[rule]]")
    found = tables.get("rule", [])
    if not isinstance(found, list):
        raise ConfigError(f"{path}:{_find(text, 0, 'rule')}: write [[rule]], with two brackets")
    for number, table in enumerate(cast(list[dict[str, Any]], found), 1):
        rule = _rule(table, text, path, number, source)
        if rule.name in names:
            raise ConfigError(f"{rule.where}: there is already a rule {rule.name!r}")
        names.add(rule.name)
        rules.append(rule)
    return tuple(rules)


def _rule(table: dict[str, Any], text: str, path: str, number: int, source: Source) -> Rule:
    # Only people's files are searched for lines: the built-in ones are tested whole.
    where = path if source == "built in" else f"{path}:{_find(text, number, 'name')}"
    for key in table:
        if key not in _KEYS:
            raise ConfigError(f"{path}:{_find(text, number, key)}: unknown key {key!r} in a rule")
    try:
        rule = msgspec.convert({**table, "source": source, "where": where}, Rule)
    except msgspec.ValidationError as error:
        key = re.search(r"at `\$\.(\w+)", str(error))
        place = _find(text, number, key[1] if key else "name")
        reason = str(error).partition(" - at ")[0]
        named = f"{key[1]!r}: " if key else ""
        raise ConfigError(f"{path}:{place}: {named}{reason[:1].lower()}{reason[1:]}") from error
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,63}", rule.name):
        raise ConfigError(f"{where}: {rule.name!r} is no rule name; use a-z, 0-9 and -")
    if not any(getattr(rule, name) for name in _CONDITIONS):
        raise ConfigError(
            f"{where}: the rule {rule.name!r} would match everything; give it one of "
            f"{', '.join(_CONDITIONS)}"
        )
    if rule.decision == "allow" and source != "built in" and not (rule.command or rule.tool):
        raise ConfigError(f"{where}: a rule that allows needs a command or a tool: {rule.name!r}")
    if source != "built in" and not rule.match and not rule.tool:
        raise ConfigError(
            f'{where}: the rule {rule.name!r} has no example; give it match = ["a command line"]'
        )
    return rule


def _find(text: str, number: int, key: str) -> str:
    """Return `line:column` of a key in the `number`-th rule (1-based), or where that begins."""
    seen, start = 0, "1:1"
    named = re.compile(rf"\[*\s*[\"']?{re.escape(key)}[\"']?\s*[=.\]]")
    for line_number, line in enumerate(text.splitlines(), 1):
        stripped = line.lstrip()
        place = f"{line_number}:{len(line) - len(stripped) + 1}"
        if re.match(r"\[\[?\s*rule\s*\]", stripped):
            seen += 1
            start = place if seen == number else start
        if seen == number and named.match(stripped):
            return place
    return start


def rule_text(rule: Rule) -> str:
    """Return a rule that allows or refuses a command prefix as TOML, to be put behind a file."""

    def shown(items: Sequence[str | tuple[str, ...]]) -> str:
        return "[" + ", ".join(msgspec.json.encode(item).decode() for item in items) + "]"

    lines = ["[[rule]]", f'name = "{rule.name}"', f'decision = "{rule.decision}"']
    for name in ("command", "match", "not_match"):
        if items := getattr(rule, name):
            lines.append(f"{name} = {shown(items)}")
    if rule.tool:
        lines.append(f"tool = {msgspec.json.encode(rule.tool).decode()}")
    return "\n".join(lines) + "\n"
