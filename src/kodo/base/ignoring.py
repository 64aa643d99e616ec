"""Which files of a workspace are of interest: `.gitignore` files, and what nobody wants to see.

Follows the pattern rules of gitignore(5). Written here because the usual library costs 40 ms of CPU
to import, on the path of every run; a test holds it to that library. Follows no symlinks.
"""

import os
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

import msgspec

_ALWAYS = frozenset({".git", ".hg", ".svn", ".kodo"})
MAX_IGNORE_BYTES = 256 << 10


class Rule(msgspec.Struct, frozen=True):
    """One line of a `.gitignore`, as an expression on the path below its folder."""

    expression: re.Pattern[str]
    only_folders: bool
    negated: bool


class Found(msgspec.Struct, frozen=True):
    """A file or folder: `path` is relative to the workspace, with forward slashes."""

    path: str
    is_folder: bool


def parse_rules(text: str) -> list[Rule]:
    """Return the rules of a `.gitignore`, in order; lines that mean nothing are left out."""
    return [rule for line in text.splitlines() if (rule := _rule(line)) is not None]


def _rule(line: str) -> Rule | None:
    line = re.sub(r"(?<!\\)\s+$", "", line)
    if not line or line.startswith("#"):
        return None
    negated = line.startswith("!")
    line = line[1:] if negated else line
    only_folders = line.endswith("/")
    body = line.rstrip("/") if only_folders else line
    if not body:
        return None
    anchored = "/" in body
    expression = _translate(body.removeprefix("/"))
    prefix = "" if anchored else "(?:.*/)?"
    try:
        return Rule(re.compile(f"{prefix}{expression}\\Z", re.DOTALL), only_folders, negated)
    except re.error:
        return None


def _translate(pattern: str) -> str:
    out: list[str] = []
    at = 0
    while at < len(pattern):
        rest = pattern[at:]
        c = pattern[at]
        if rest.startswith("**/") and (at == 0 or pattern[at - 1] == "/"):
            out.append("(?:.*/)?")
            at += 3
        elif rest == "**" and (at == 0 or pattern[at - 1] == "/"):
            out.append(".+")
            at += 2
        elif c == "*":
            out.append("[^/]*")
            while at < len(pattern) and pattern[at] == "*":
                at += 1
        elif c == "?":
            out.append("[^/]")
            at += 1
        elif c == "[" and (match := _CLASS.match(rest)):
            inside = match[2].replace("\\", "\\\\").replace("[", "\\[")
            out.append(f"(?!/)[{'^' if match[1] else ''}{inside}]")
            at += match.end()
        elif c == "\\" and at + 1 < len(pattern):
            out.append(re.escape(pattern[at + 1]))
            at += 2
        else:
            out.append(re.escape(c))
            at += 1
    return "".join(out)


_CLASS = re.compile(r"\[([!^]?)(\]?[^\]]*)\]")


def is_ignored(rules: list[Rule], path: str, *, is_folder: bool) -> bool | None:
    """Return what the last rule that fits `path` says; None where none fits."""
    for rule in reversed(rules):
        if (is_folder or not rule.only_folders) and rule.expression.match(path):
            return not rule.negated
    return None


@lru_cache(maxsize=64)
def glob_expression(pattern: str) -> re.Pattern[str]:
    """Return a glob as an expression on a whole relative path.

    Without a slash it fits the name at any depth; `**` crosses folders; `{a,b}` is either.
    """
    choices = [_translate(one.removeprefix("./").removeprefix("/")) for one in _braces(pattern)]
    prefix = "" if "/" in pattern.removeprefix("./") else "(?:.*/)?"
    return re.compile(f"{prefix}(?:{'|'.join(choices)})\\Z", re.DOTALL)


def _braces(pattern: str) -> list[str]:
    match = re.search(r"\{([^{}]*)\}", pattern)
    if match is None or "," not in match[1]:
        return [pattern]
    head, tail = pattern[: match.start()], pattern[match.end() :]
    return [one for choice in match[1].split(",") for one in _braces(f"{head}{choice}{tail}")]


def walk(
    root: Path,
    start: str = "",
    *,
    depth: int | None = None,
    ignored_too: bool = False,
    never: Callable[[Found], bool] | None = None,
) -> Iterator[Found]:
    """Yield what lies below `start`, folders before what is in them, names in order.

    A folder that is ignored is not entered, nor is what `never` says yes to; `depth` 1 is the
    folder's own entries. What cannot be read is left out.
    """
    chain: list[tuple[str, list[Rule]]] = []
    above = ""
    for part in ["", *start.split("/")] if start else [""]:
        above = f"{above}/{part}" if above and part else above or part
        chain.append((above, _rules_of(root / above)))
    yield from _walk(root, start, chain, depth, ignored_too=ignored_too, never=never)


def _walk(
    root: Path,
    folder: str,
    chain: list[tuple[str, list[Rule]]],
    depth: int | None,
    *,
    ignored_too: bool,
    never: Callable[[Found], bool] | None,
) -> Iterator[Found]:
    try:
        with os.scandir(root / folder) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        path = f"{folder}/{entry.name}" if folder else entry.name
        is_folder = entry.is_dir(follow_symlinks=False)
        if entry.name in _ALWAYS:
            continue
        if not ignored_too and _is_ignored_by_chain(chain, path, is_folder=is_folder):
            continue
        found = Found(path, is_folder)
        if never is not None and never(found):
            continue
        yield found
        if is_folder and depth != 1:
            below = [*chain, (path, _rules_of(root / path))]
            left = depth - 1 if depth else None
            yield from _walk(root, path, below, left, ignored_too=ignored_too, never=never)


def _is_ignored_by_chain(
    chain: list[tuple[str, list[Rule]]], path: str, *, is_folder: bool
) -> bool:
    for folder, rules in reversed(chain):
        below = path[len(folder) + 1 :] if folder else path
        if rules and (said := is_ignored(rules, below, is_folder=is_folder)) is not None:
            return said
    return False


def _rules_of(folder: Path) -> list[Rule]:
    try:
        with (folder / ".gitignore").open("rb") as stream:
            return parse_rules(stream.read(MAX_IGNORE_BYTES).decode("utf-8", "replace"))
    except OSError:
        return []
