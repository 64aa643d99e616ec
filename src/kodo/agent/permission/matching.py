"""Whether a rule speaks to an invocation.

A rule that allows is matched strictly: its words stand first and nothing is unknown. A rule that
asks or denies is matched generously: options between its words do not hide it.
"""

from collections.abc import Sequence

from kodo.agent.permission.invocations import Invocation
from kodo.agent.permission.places import Places
from kodo.agent.permission.rules import Rule
from kodo.base.globs import is_like

_WRITER_NAMES = """
    tee mv touch rm rmdir mkdir truncate chmod chown chgrp chattr setfacl shred patch ed
    ex vi vim nano emacs unlink sponge unzip
"""
_WRITERS = frozenset(_WRITER_NAMES.split())
_COPIERS = frozenset({"cp", "ln", "install", "rsync", "scp"})
_OUTPUT_OPTIONS: dict[str, tuple[str, ...]] = {
    "curl": ("-o", "--output", "--output-dir", "-D", "-c"),
    "wget": ("-O", "-P", "-o", "--output-document", "--directory-prefix"),
    "tar": ("-C", "--directory", "-f", "--file"),
    "unzip": ("-d",),
    "sort": ("-o", "--output"),
    "dd": (),
}
_IN_PLACE = frozenset({"sed", "perl", "ruby", "awk", "gawk"})


def applies(rule: Rule, at: Invocation, places: Places) -> bool:
    """Tell whether all conditions of the rule hold for the invocation."""
    if rule.tool:
        return False
    if rule.opaque and at.opaque not in rule.opaque:
        return False
    if rule.decision == "allow" and not _may_be_allowed(rule, at, places):
        return False
    if rule.command and not _has_prefix(rule, at):
        return False
    arguments = at.words[1:]
    if rule.flags and not any(_has_flag(flag, arguments) for flag in rule.flags):
        return False
    if rule.words and not any(
        is_like(word, pattern) for word in (*arguments, *at.writes) for pattern in rule.words
    ):
        return False
    if rule.sets and not any(is_like(name, item) for name in _set(at) for item in rule.sets):
        return False
    return not rule.paths or _names_place(rule, at, places)


def _may_be_allowed(rule: Rule, at: Invocation, places: Places) -> bool:
    """Nothing unknown, nothing set for it, and no file beyond the workspace written on the side."""
    if at.opaque not in ("", "file") or at.sets:
        return False
    if any(index < len(rule.command) for index in at.dynamic):
        return False
    targets = [path for word in at.writes for path in places.paths(word, at.cwd)]
    return all(path is not None and not places.is_outside(path) for path in targets)


def _has_prefix(rule: Rule, at: Invocation) -> bool:
    if rule.decision == "allow":
        if len(at.words) < len(rule.command):
            return False
        return all(_is(item, at.words[index]) for index, item in enumerate(rule.command))
    if not at.words or not _is(rule.command[0], at.words[0]):
        return False
    return _in_order(rule.command[1:], at.words[1:])


def _in_order(wanted: Sequence[str | tuple[str, ...]], words: Sequence[str]) -> bool:
    """Tell whether the wanted words come first, options and one value for each aside."""
    if not wanted:
        return True
    for index, word in enumerate(words):
        if _is(wanted[0], word):
            return _in_order(wanted[1:], words[index + 1 :])
        after_option = index > 0 and words[index - 1].startswith("-")
        if not (word.startswith(("-", "+")) or after_option):
            return False
    return False


def _is(item: str | tuple[str, ...], word: str) -> bool:
    choices = (item,) if isinstance(item, str) else item
    return any(is_like(word, choice) for choice in choices)


def _has_flag(flag: str, arguments: Sequence[str]) -> bool:
    for word in arguments:
        if word == flag or word.startswith(f"{flag}="):
            return True
        short = len(flag) == 2 and flag[0] == "-" and flag[1] != "-"
        if short and len(word) > 1 and word[0] == "-" and word[1] != "-" and flag[1] in word[1:]:
            return True
        long = len(word) > 3 and word.startswith("--") and flag.startswith("--")
        if long and flag.startswith(word) and len(word) >= min(len(flag), 5):
            return True  # programs take long options cut short
    return False


def _set(at: Invocation) -> list[str]:
    named = [word.partition("=")[0] for word in at.words[1:] if "=" in word]
    return [*at.sets, *(named if at.name in {"env", "export", "declare", "typeset"} else ())]


def _names_place(rule: Rule, at: Invocation, places: Places) -> bool:
    words = [*at.writes, *(at.words[1:] if rule.how == "any" else _written(at))]
    unknown = {at.words[index] for index in at.dynamic if index < len(at.words)}
    for word in words:
        if word in unknown and "/" not in word:
            continue
        for path in places.paths(word, at.cwd):
            if path is not None and any(places.matches(item, path) for item in rule.paths):
                return True
    return False


def _written(at: Invocation) -> list[str]:
    """Return the words that name what the command writes, rather too many than too few."""
    arguments = list(at.words[1:])
    if at.name in _WRITERS or _edits_in_place(at):
        return arguments
    if at.name in _COPIERS:
        operands = [word for word in arguments if not word.startswith("-")]
        targets = operands[-1:] if len(operands) > 1 or at.name == "ln" else operands
        return targets + _values(arguments, ("-t", "--target-directory"))
    found = _values(arguments, _OUTPUT_OPTIONS.get(at.name, ()))
    return found + [word[3:] for word in arguments if at.name == "dd" and word.startswith("of=")]


def _values(arguments: Sequence[str], options: Sequence[str]) -> list[str]:
    found: list[str] = []
    for index, word in enumerate(arguments):
        after = arguments[index + 1] if index + 1 < len(arguments) else ""
        for option in options:
            if word == option:
                found.append(after)
            elif word.startswith(option):
                found.append(word[len(option) :].removeprefix("="))
    return found


def _edits_in_place(at: Invocation) -> bool:
    return at.name in _IN_PLACE and any(
        word.startswith("--in-place") or (word[:1] == "-" and word[1:2] != "-" and "i" in word)
        for word in at.words[1:]
    )
