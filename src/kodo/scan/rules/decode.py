"""Decode rule files strictly: an error names the file, the line and what was expected.

Does not know what rules mean. Guards the user from a rule that is silently not applied.
"""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import yaml

from kodo.base.errors import ConfigError
from kodo.scan.rules.schema import Rule, RuleFile

_STEP = re.compile(r"\.([A-Za-z_]\w*)|\[(\d+)\]")
_SAFE: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def decode_rules(source: bytes, name: str) -> RuleFile:
    """Return the rules of one YAML file called `name`.

    Raises ConfigError with the file, the line and what was expected.
    """
    try:
        loaded: object = yaml.load(source, Loader=_SAFE)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark is not None else 1
        raise ConfigError(f"{name}:{line}: this is not YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{name}:1: this is not YAML: {error}") from error
    try:
        decoded = msgspec.convert(loaded, RuleFile)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$")
        path = path.rstrip("`")
        line = line_of(source, path)
        where = f" (at {path.lstrip('.')})" if path else ""
        raise ConfigError(f"{name}:{line}: {message}{where}") from error
    for place, rule in enumerate(decoded.rules):
        problem = problem_of(rule)
        if problem:
            line = line_of(source, f".rules[{place}]")
            raise ConfigError(f"{name}:{line}: rule {rule.id!r}: {problem}")
    return decoded


def problem_of(rule: Rule) -> str:
    """Return what is wrong with a rule that decodes, "" when nothing is."""
    if not rule.sinks and not rule.patterns and not rule.checker:
        return "expected `sinks`, `patterns` or a `checker`"
    if not rule.tests.bad or not rule.tests.good:
        return "expected at least one `bad` and one `good` example under `tests`"
    for sink in rule.sinks:
        if sum(map(bool, (sink.calls, sink.writes, sink.returns))) != 1:
            return "expected one of `calls`, `writes`, `returns` in each sink"
    for pattern in rule.patterns:
        if sum(map(bool, (pattern.calls, pattern.writes, pattern.reads))) != 1:
            return "expected one of `calls`, `writes`, `reads` in each pattern"
    for part in (*rule.sinks, *rule.patterns):
        expressions = [part.receiver, *(test.matches for test in (*part.when, *part.unless))]
        for expression in filter(None, expressions):
            try:
                re.compile(expression)
            except re.error as error:
                return f"{expression!r} is not a regular expression: {error}"
    return ""


def line_of(source: bytes, path: str) -> int:
    """Return the 1-based line of `.rules[3].sinks[0]` in YAML text; as deep as it leads."""
    node = yaml.compose(source, Loader=_SAFE)
    line = 1
    for match in _STEP.finditer(path):
        if node is None:
            break
        key, index = match.groups()
        found = None
        if key is not None and isinstance(node, yaml.MappingNode):
            for name, value in node.value:
                if name.value == key:
                    found = value
                    line = name.start_mark.line + 1
        elif (
            index is not None
            and isinstance(node, yaml.SequenceNode)
            and int(index) < len(node.value)
        ):
            found = node.value[int(index)]
            line = found.start_mark.line + 1
        node = found
    return line


def read_rules(folder: Path) -> list[RuleFile]:
    """Decode every `*.yaml` below `folder`, in the order of their paths."""
    files = sorted(folder.rglob("*.yaml"))
    return [decode_rules(path.read_bytes(), str(path.relative_to(folder))) for path in files]
