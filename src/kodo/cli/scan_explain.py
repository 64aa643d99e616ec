"""`kodo scan explain ID`: a rule with its examples, or a finding with the code on its way."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from kodo.base.errors import ConfigError
from kodo.base.text import printable, repair_utf8
from kodo.scan.file_scan import Scanned
from kodo.scan.findings import Step, Weakness
from kodo.scan.report.rules import RuleInfo
from kodo.scan.report.summary import show
from kodo.scan.report.text import finding_lines
from kodo.tui.ansi import Paint, Tone

SHORTEST_ID = 6


def explain(
    wanted: str,
    rules: Mapping[str, RuleInfo],
    scanned: Sequence[Scanned],
    root: Path,
    paint: Paint,
) -> list[str]:
    """Return the lines that explain a rule id or a finding's id (or a prefix of it).

    Raises ConfigError where neither is known.
    """
    if wanted in rules:
        return list(_rule_lines(rules[wanted], paint))
    found = [
        weakness
        for one in scanned
        for weakness in one.report.weaknesses
        if len(wanted) >= SHORTEST_ID and weakness.fingerprint.startswith(wanted)
    ]
    if found:
        lines = list(_finding(found[0], root, paint))
        if rule := rules.get(found[0].rule):
            lines += ["", *_rule_lines(rule, paint)]
        return lines
    near = [name for name in rules if wanted in name][:5]
    hint = f"; did you mean {', '.join(near)}?" if near else "; scan first, then take its id"
    raise ConfigError(f"no rule and no finding of the last scan is called {wanted!r}{hint}")


def _rule_lines(rule: RuleInfo, paint: Paint) -> Iterator[str]:
    languages = f"  {', '.join(rule.languages)}" if rule.languages else ""
    yield f"{paint(Tone.BOLD, rule.id)}  {rule.severity}  CWE-{rule.cwe}{languages}"
    yield f"  {rule.message}"
    if rule.fix:
        yield f"  fix: {rule.fix}"
    for word, tone, examples in (("bad", Tone.BAD, rule.bad), ("good", Tone.GOOD, rule.good)):
        for example in examples:
            yield ""
            yield f"  {paint(tone, word)}:"
            yield from (f"    {line}" for line in example.strip("\n").splitlines())


def _finding(one: Weakness, root: Path, paint: Paint) -> Iterator[str]:
    yield paint(Tone.NAME, printable(one.path))
    yield from finding_lines(show(one))
    steps = one.trace or (Step(one.path, one.line, one.column, one.message),)
    files: dict[str, list[str]] = {}
    for step in steps:
        if step.path not in files:
            files[step.path] = _lines_of(root / step.path)
        lines = files[step.path]
        if 0 < step.line <= len(lines):
            yield ""
            yield paint(Tone.DIM, printable(f"  {step.path}:{step.line}: {step.note}"))
            for number in range(max(1, step.line - 1), min(len(lines), step.line + 1) + 1):
                mark = ">" if number == step.line else " "
                yield f"  {mark} {number:>5}  {printable(lines[number - 1])}"


def _lines_of(path: Path) -> list[str]:
    try:
        return repair_utf8(path.read_bytes()).splitlines()
    except OSError:
        return []
