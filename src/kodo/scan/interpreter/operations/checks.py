"""Operations that check data: regular expressions and type tests.

Does not know names of any library. Guards against loose patterns: only an anchored pattern whose
every part is a narrow set of characters proves anything.
"""

from __future__ import annotations

import re

from kodo.scan.interpreter.memory import Memory
from kodo.scan.interpreter.operations.text import is_origin
from kodo.scan.interpreter.site import Site
from kodo.scan.interpreter.values import UNKNOWN, Cells, Fact, Proof, Value

_HARMFUL = set("'\"<>;|&$`/\\*()\n\r ")
_CLASS = re.compile(r"\[(\^?)((?:\\.|[^\]\\])+)\]")
_SAFE_ESCAPES = re.compile(r"\\[dwAZzbB.\-_@+]")
_NARROW = re.compile(r"[\w\-@:=,#~!%+?{}()^$|\s]*\Z")
_LITERAL_START = re.compile(r"\^?((?:[\w:/\-]|\\[./\-:])+)")
NUMERIC_TYPES = frozenset({"int", "float", "bool", "complex", "Decimal", "UUID"})


def is_narrow(pattern: str) -> bool:
    """Whether what a pattern matches as a whole holds no character that could harm."""
    harmful = False

    def inside(match: re.Match[str]) -> str:
        nonlocal harmful
        body = _SAFE_ESCAPES.sub("", match[2])
        if match[1] or "\\" in body or any(char in _HARMFUL for char in body):
            harmful = True
        return "A"

    rest = _CLASS.sub(inside, pattern)
    rest = _SAFE_ESCAPES.sub("", rest).replace("(?:", "(").replace("(?i)", "")
    rest = re.sub(r"\(\?P<\w+>", "(", rest)
    return not harmful and "." not in rest and _NARROW.match(rest) is not None


def is_anchored(pattern: str, *, at_start: bool) -> bool:
    """Whether a pattern can only match a whole text."""
    if "|" in re.sub(r"\([^()]*\)", "", pattern):
        return False
    starts = at_start or pattern.startswith(("^", "\\A"))
    return starts and pattern.endswith(("$", "\\Z", "\\z")) and not pattern.endswith("\\$")


def pattern_facts(memory: Memory, pattern: Value, subject: Value, how: str) -> tuple[Fact, ...]:
    """Return what it proves that `subject` matches; `how` is whole, start or anywhere."""
    cells = memory.cells(pattern.cell)
    if cells is not None and "pattern" in cells.items:
        pattern = cells.items["pattern"]
    if not isinstance(pattern.constant, str) or subject.taints is None:
        return ()
    text = pattern.constant
    flags = cells.items.get("flags") if cells is not None else None
    if flags is not None and isinstance(flags.constant, str) and "m" in flags.constant:
        return ()  # anchors mean lines
    if how == "whole" or is_anchored(text, at_start=how == "start"):
        if is_narrow(text):
            return (Fact(subject.taints, -1),)
    elif how == "anywhere" and not text.startswith("^"):
        return ()
    start = _LITERAL_START.match(text)
    if start is not None and is_origin(start[1].replace("\\", "")):
        return (Fact(subject.taints, memory.frame.unit.book.kinds.mask(("redirect", "ssrf"))),)
    return ()


def _matched(memory: Memory, site: Site, how: str) -> Value:
    """`re.match(pattern, x)`, `pattern.match(x)`: the match holds x's data, and is a proof."""
    if site.is_method and site.receiver is not None:
        pattern, subject = site.receiver, site.first()
    else:
        pattern = site.first()
        subject = site.arguments[1] if len(site.arguments) > 1 else UNKNOWN
    facts = pattern_facts(memory, pattern, subject, how)
    taints = memory.union([subject], site.node)
    return Value(taints=taints, proof=Proof(when_true=facts) if facts else None)


def match_whole(memory: Memory, site: Site) -> Value:
    """The pattern matches the whole text."""
    return _matched(memory, site, "whole")


def match_start(memory: Memory, site: Site) -> Value:
    """The pattern matches from the beginning."""
    return _matched(memory, site, "start")


def match_anywhere(memory: Memory, site: Site) -> Value:
    """The pattern matches somewhere."""
    return _matched(memory, site, "anywhere")


def matches_argument(memory: Memory, site: Site) -> Value:
    """`text.matches(pattern)`: the receiver as a whole, as in Java."""
    facts = pattern_facts(memory, site.first(), site.receiver or UNKNOWN, "whole")
    return Value(proof=Proof(when_true=facts)) if facts else UNKNOWN


def finds_argument(memory: Memory, site: Site) -> Value:
    """`text.match(pattern)`: anywhere in the receiver; the match holds its data."""
    subject = site.receiver or UNKNOWN
    cells = memory.cells(subject.cell)
    if cells is not None and "pattern" in cells.items:
        return match_anywhere(memory, site)
    facts = pattern_facts(memory, site.first(), subject, "anywhere")
    taints = memory.union([subject], site.node)
    return Value(taints=taints, proof=Proof(when_true=facts) if facts else None)


def compile_pattern(memory: Memory, site: Site) -> Value:
    """A regular expression as a value."""
    pattern = site.first()
    if not isinstance(pattern.constant, str):
        taints = memory.union([pattern], site.node)
        return Value(taints=taints) if taints is not None else UNKNOWN
    items: dict[object, Value] = {"pattern": pattern}
    if len(site.arguments) > 1:
        items["flags"] = site.arguments[1]
    return Value(cell=memory.new_cell(Cells("object", items)))


def is_type(memory: Memory, site: Site) -> Value:
    """`isinstance(x, T)`: a number cannot harm."""
    if len(site.arguments) < 2 or site.arguments[0].taints is None:
        return UNKNOWN
    names = {site.arguments[1].name.rpartition(".")[2]}
    cells = memory.cells(site.arguments[1].cell)
    if cells is not None:
        names = {item.name.rpartition(".")[2] for item in cells.items.values()}
    if names and names <= NUMERIC_TYPES:
        return Value(proof=Proof(when_true=(Fact(site.arguments[0].taints, -1),)))
    return UNKNOWN
