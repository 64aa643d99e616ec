"""Compile and syntax errors in the output of any toolchain, as findings with file and line.

Knows how compilers print, not which one ran. Guards one finding a place and at most MAX_FINDINGS.
"""

import re

from kodo.agent.projects.stackframes import Paths
from kodo.core.check import Finding

MAX_FINDINGS = 50
# Each names path, line and message; the rule is the compiler's own code where it prints one.
_PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "rustc",
        re.compile(
            r"^error(?:\[(?P<rule>E\d+)\])?: (?P<message>.+)\n(?:.*\n){0,3}?"
            r"\s*--> (?P<path>[^\s:]+):(?P<line>\d+):\d+",
            re.M,
        ),
    ),
    (
        "javac",
        re.compile(r"^(?P<path>\S+\.java):(?P<line>\d+): error: (?P<message>.+)$", re.M),
    ),
    (
        "maven",
        re.compile(
            r"^\[ERROR\] (?P<path>/\S+\.java):\[(?P<line>\d+),\d+\] (?:error: )?(?P<message>.+)$",
            re.M,
        ),
    ),
    (
        "gcc",
        re.compile(
            r"^(?P<path>[^\s:]+):(?P<line>\d+):(?:\d+:)? (?:fatal )?error: (?P<message>.+)$", re.M
        ),
    ),
    (
        "tsc",
        re.compile(
            r"^(?P<path>[^\s(:]+\.[cm]?tsx?)(?:\((?P<line>\d+),\d+\):|:(?P<line2>\d+):\d+ -)"
            r" error (?P<rule>TS\d+): (?P<message>.+)$",
            re.M,
        ),
    ),
    (
        "go",
        re.compile(r"^(?:vet: )?(?P<path>[^\s:]+\.go):(?P<line>\d+):\d+: (?P<message>.+)$", re.M),
    ),
    (
        "python",
        re.compile(
            r'^[ E]*File "(?P<path>[^"\n]+)", line (?P<line>\d+)\n(?:.*\n){0,3}?'
            r"[ E]*(?P<message>(?:SyntaxError|IndentationError|TabError): .+)$",
            re.M,
        ),
    ),
    (
        "node",
        re.compile(
            r"^(?:file://)?(?P<path>/?[^\s:]+\.[cm]?[jt]sx?):(?P<line>\d+)\n(?:.*\n){1,4}?"
            r"(?P<message>SyntaxError: .+)$",
            re.M,
        ),
    ),
    (
        "babel",
        re.compile(
            r"(?P<message>SyntaxError): (?P<path>/\S+\.[cm]?[jt]sx?): (?P<tail>[^\n]*?)"
            r"\((?P<line>\d+):\d+\)"
        ),
    ),
    (
        "ruby",
        re.compile(r"^(?P<path>[^\s:]+\.rb):(?P<line>\d+): (?P<message>syntax error.*)$", re.M),
    ),
    (
        "prism",
        re.compile(
            r"^(?P<path>[^\s:]+\.rb):(?P<line>\d+): (?P<message>syntax errors? found.*)$", re.M
        ),
    ),
    (
        "linker",
        re.compile(
            r"^.*?(?P<path>[\w./-]+\.(?:c|cc|cpp|cxx)):(?P<line>\d+): "
            r"(?P<message>undefined reference to .+)$",
            re.M,
        ),
    ),
)


def compile_errors(text: str, paths: Paths) -> tuple[Finding, ...]:
    """Return the compile and syntax errors that `text` reports inside the workspace."""
    found: dict[tuple[str, int], Finding] = {}
    for name, pattern in _PATTERNS:
        for match in pattern.finditer(text):
            groups = match.groupdict()
            path = paths.inside(groups["path"])
            line = int(groups.get("line") or groups.get("line2") or 0)
            if path is None or (path, line) in found:
                continue
            message = groups["message"] + (f": {groups['tail']}" if groups.get("tail") else "")
            rule = groups.get("rule") or name
            found[path, line] = Finding(path, line, message.strip(), rule, "error")
            if len(found) >= MAX_FINDINGS:
                return tuple(found.values())
    return tuple(found.values())
