"""Inline suppressions: `kodo: ignore RULE -- reason` in a comment, on the line or the one above.

Knows comment marks of all languages, no syntax. Guards that nothing is silenced without a reason:
a suppression that gives none is a finding itself, and changes nothing.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from kodo.core.messages import Value
from kodo.scan.findings import Weakness

MARK = b"kodo: ignore"
RULE_WITHOUT_REASON = "scan.suppression-without-reason"

_SUPPRESSION = (
    rb"(?P<comment>\#|//|/\*|\*|--|<!--|;|%)[^\n\"'`]{0,120}?kodo:\s*ignore\b(?P<rest>[^\n]*)"
)
_REST = (
    rb"^[\s:]*\[?(?P<rules>[A-Za-z*][\w.\-*]*(?:\s*,\s*[A-Za-z*][\w.\-*]*)*)?\]?\s*"
    rb"(?:--\s*(?P<reason>.*?)\s*(?:\*/|-->)?\s*)?$"
)
MINIMUM_REASON_CHARS = 3


class Suppression(Value, frozen=True):
    """One comment. `line` is where it stands, `until` the last line it covers (both 1-based).

    `rules` are ids, families (`python.sql-injection`, `python.*`) or a single `*`; `reason` is
    empty where none was given, and then it does not count.
    """

    line: int
    until: int
    rules: tuple[str, ...]
    reason: str

    @property
    def counts(self) -> bool:
        """Whether it names what it silences, and says why."""
        return bool(self.rules) and len(self.reason) >= MINIMUM_REASON_CHARS

    def covers(self, weakness: Weakness) -> bool:
        """Tell whether it silences a finding: by rule, and by the finding's first line."""
        if not (self.counts and self.line <= weakness.line <= self.until):
            return False
        return any(_fits(rule, weakness.rule) for rule in self.rules)


class Judged(NamedTuple):
    """What is left of a file's findings, and what was silenced by which suppression."""

    open: tuple[Weakness, ...]
    silenced: tuple[tuple[Weakness, Suppression], ...]


def find_suppressions(source: bytes) -> list[Suppression]:
    """Return the suppressions of a file, by line. `source` is UTF-8 or close to it."""
    if b"kodo:" not in source or b"ignore" not in source:
        return []
    return list(_suppressions(source))


def _suppressions(source: bytes) -> Iterator[Suppression]:
    lines = source.split(b"\n")
    for number, line in enumerate(lines, 1):
        if b"kodo:" not in line or (match := re.search(_SUPPRESSION, line)) is None:
            continue
        if _is_in_string(line, match.start()):
            continue
        stands_alone = not line[: match.start()].strip()
        rest = re.match(_REST, match["rest"])
        rules = rest["rules"] if rest else None
        reason = (rest["reason"] if rest else None) or b""
        yield Suppression(
            line=number,
            until=_next_code_line(lines, number) if stands_alone else number,
            rules=tuple(
                rule.strip().decode() for rule in (rules or b"").split(b",") if rule.strip()
            ),
            reason=reason.decode("utf-8", "replace"),
        )


def _is_in_string(line: bytes, at: int) -> bool:
    """Whether a comment mark stands between two quotes: then it is text, and silences nothing."""
    return any(line[:at].count(quote) % 2 and quote in line[at:] for quote in (b'"', b"'", b"`"))


def _next_code_line(lines: Sequence[bytes], number: int) -> int:
    """Return the first line after a comment of its own that is neither empty nor a comment."""
    for at in range(number, min(len(lines), number + 10)):
        text = lines[at].strip()
        if text and not text.startswith((b"#", b"//", b"*", b"/*", b"--", b"<!--")):
            return at + 1
    return number


def _fits(pattern: str, rule: str) -> bool:
    if pattern == "*":
        return True
    if pattern.endswith("*"):
        return rule.startswith(pattern[:-1])
    return rule == pattern or rule.startswith(f"{pattern}.")


def judge(path: str, source: bytes, weaknesses: Sequence[Weakness]) -> Judged:
    """Return the findings that stand, among them one for each suppression without a reason."""
    suppressions = find_suppressions(source)
    if not suppressions:
        return Judged(tuple(weaknesses), ())
    left: list[Weakness] = []
    silenced: list[tuple[Weakness, Suppression]] = []
    for weakness in weaknesses:
        by = next((one for one in suppressions if one.covers(weakness)), None)
        if by is None:
            left.append(weakness)
        else:
            silenced.append((weakness, by))
    left += [_complaint(path, one) for one in suppressions if not one.counts]
    return Judged(tuple(left), tuple(silenced))


def _complaint(path: str, one: Suppression) -> Weakness:
    lacks = "no reason" if one.rules else "no rule"
    return Weakness(
        rule=RULE_WITHOUT_REASON,
        cwe=710,
        kind="suppression",
        severity="note",
        confidence="high",
        path=path,
        line=one.line,
        column=1,
        end_line=one.line,
        end_column=1,
        message=f"this suppression gives {lacks}, so it silences nothing",
        fix="Write `kodo: ignore RULE -- why this is safe here`.",
        sink=",".join(one.rules),
    )
