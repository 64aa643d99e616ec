"""Replacing in text: what is known to be gone can no longer harm.

Does not know names of any library. Guards that a replacement of the first place only, or of a part
that says little, proves nothing.
"""

from __future__ import annotations

import re

from kodo.scan.interpreter.memory import Memory
from kodo.scan.interpreter.operations.text import FORBIDDEN, constant_text, flows
from kodo.scan.interpreter.site import Site
from kodo.scan.interpreter.values import BUILT, UNKNOWN, Value, cleaned

_ONE_CLASS = re.compile(r"\[(\^?)((?:\\.|[^\]\\])+)\]([+*]?)\Z")
_TOKENS = re.compile(r"\\(.)|([^\\])")
_SPELLED = {"n": "\n", "r": "\r", "t": "\t"}
_HARMLESS = re.compile(r"(?:\\[wdb.\-_@]|[A-Za-z0-9_.@ :+=-])*\Z")
_BUT_DOTS = (
    *("sqli", "nosqli", "cmdi", "codeinj", "ldapi", "xpathi", "template", "log", "header", "xss"),
)


def replace_first(memory: Memory, site: Site) -> Value:
    """`text.replace(old, new)` of JavaScript: all places only for a pattern with the flag g."""
    others = site.others()
    cells = memory.cells(others[0].cell) if others else None
    if cells is None or "pattern" not in cells.items:
        whole = constant_text(site.subject())
        old, new = (constant_text(other) for other in (*others, UNKNOWN, UNKNOWN)[:2])
        if whole is not None and old is not None and new is not None:
            return Value(whole.replace(old, new, 1))
        return flows(memory, site)
    return replace_pattern(memory, site)


def replace_pattern(memory: Memory, site: Site) -> Value:
    """Text with all matches of a pattern replaced: what the pattern forbids is gone."""
    others = site.others()
    taints = memory.union([site.subject(), *others[1:]], site.node)
    if taints is None:
        return UNKNOWN
    cells = memory.cells(others[0].cell) if others else None
    held = cells.items if cells is not None else {}
    pattern, flags = held.get("pattern", UNKNOWN).constant, held.get("flags", UNKNOWN).constant
    new = others[1] if len(others) > 1 else UNKNOWN
    if not isinstance(pattern, str) or not isinstance(flags, str) or "g" not in flags:
        return Value(taints=taints)
    if new.taints is None:
        mask = memory.frame.unit.book.kinds.mask(removed_kinds(pattern))
        if mask == -1:
            return Value(name=BUILT)
        taints = cleaned(taints, mask)
    return Value(taints=taints)


def removed_kinds(pattern: str) -> tuple[str, ...]:
    """Return the kinds that data cannot harm once all matches of a pattern are gone."""
    match = _ONE_CLASS.match(pattern)
    if match is not None and match[1]:  # all but a few characters
        if not _HARMLESS.match(match[2]):
            return ()
        return ("all",) if "." not in match[2] and ":" not in match[2] else _BUT_DOTS
    if match is None and (pattern == r"\W" or pattern in (r"\W+", r"\D", r"\D+")):
        return ("all",)
    inner = match[2] if match is not None else pattern
    if match is None and "|" in pattern:
        inner = pattern.replace("|", "")
    elif match is None and pattern.rstrip("+*").lstrip("\\") not in FORBIDDEN and len(pattern) > 3:
        return ()
    gone: set[str] = set()
    for token in _TOKENS.finditer(inner):
        escaped = token[1]
        gone.add(_SPELLED.get(escaped, escaped) if escaped else token[2])
    kinds = {kind for char in gone for kind in FORBIDDEN.get(char, ())}
    if not gone >= {"\n", "\r"}:
        kinds -= {"header", "log"}
        if "\n" in gone:
            kinds |= {"log"}
    return tuple(sorted(kinds))
