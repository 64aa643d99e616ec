"""Operations on text: folding what is known, passing data on where it stays in the result.

Does not know names of any library. Guards versions: what only changes case or space is still the
same data, so that a check of it counts for the original.
"""

from __future__ import annotations

import re

from kodo.scan.interpreter.fold import MAX_TEXT, text_of
from kodo.scan.interpreter.memory import Memory
from kodo.scan.interpreter.site import Site
from kodo.scan.interpreter.values import (
    BUILT,
    UNKNOWN,
    VARIES,
    Fact,
    Proof,
    Taints,
    Value,
    changed,
    cleaned,
)

_SLOT = re.compile(r"\{(\w*)\}")
_PERCENT = re.compile(r"%[sd]")

SQL_QUOTES = ("sqli", "xpathi", "ldapi", "nosqli")
FORBIDDEN: dict[str, tuple[str, ...]] = {
    "..": ("pathtraver",),
    "../": ("pathtraver",),
    "/": ("pathtraver",),
    "\\": ("pathtraver",),
    "'": SQL_QUOTES,
    '"': (*SQL_QUOTES, "xss"),
    "<": ("xss",),
    "\n": ("header", "log"),
    "\r": ("header", "log"),
    "\r\n": ("header",),
    "*": ("ldapi",),
    "(": ("ldapi",),
    ";": ("cmdi",),
    "$": ("nosqli",),
}
"""Kinds that data can no longer harm once these characters are known not to be in it."""


def constant_text(value: Value | None) -> str | None:
    return value.constant if value is not None and isinstance(value.constant, str) else None


def _gentle(memory: Memory, site: Site, folded: str | None) -> Value:
    """The same data in another dress."""
    if folded is not None:
        return Value(folded)
    taints = memory.data_of(site.subject())
    return Value(taints=taints) if taints is not None else UNKNOWN


def upper(memory: Memory, site: Site) -> Value:
    """Upper case."""
    text = constant_text(site.subject())
    return _gentle(memory, site, text.upper() if text is not None else None)


def lower(memory: Memory, site: Site) -> Value:
    """Lower case."""
    text = constant_text(site.subject())
    return _gentle(memory, site, text.lower() if text is not None else None)


def trim(memory: Memory, site: Site) -> Value:
    """Without space around it."""
    text = constant_text(site.subject())
    return _gentle(memory, site, text.strip() if text is not None and not site.others() else None)


def text(memory: Memory, site: Site) -> Value:
    """As text: `str(x)`, `x.toString()`; a builder's content."""
    subject = site.subject()
    cells = memory.cells(subject.cell)
    if cells is not None and cells.kind == "builder" and cells.rest is not None:
        return cells.rest
    if subject.constant is not VARIES and subject.constant is not None:
        return Value(text_of(subject.constant))
    return _gentle(memory, site, None)


def same(memory: Memory, site: Site) -> Value:
    """The subject, under the name of the call's result where it has one."""
    subject = site.subject()
    return Value(
        subject.constant, memory.data_of(subject), subject.name, subject.cell, subject.target
    )


def flows(memory: Memory, site: Site) -> Value:
    """The data of receiver and arguments, changed in a way that is known to keep it."""
    taints = memory.union(site.everything(), site.node)
    return Value(taints=taints) if taints is not None else UNKNOWN


def from_receiver(memory: Memory, site: Site) -> Value:
    """The data of the receiver (or first argument) alone, changed."""
    taints = memory.union([site.subject()], site.node)
    return Value(taints=taints) if taints is not None else UNKNOWN


def body(memory: Memory, site: Site) -> Value:
    """A response's body: the first of a tuple of body, status and headers, or the value itself."""
    cells = memory.cells(site.first().cell)
    if cells is not None and cells.kind == "tuple" and 0 in cells.items:
        return Value(taints=memory.data_of(cells.items[0]))
    return flows(memory, site)


def nothing(_memory: Memory, _site: Site) -> Value:
    """A result without data: lengths, tests, identities."""
    return UNKNOWN


def number(_memory: Memory, site: Site) -> Value:
    """A number made of text."""
    constant = site.subject().constant
    if isinstance(constant, bool) or not isinstance(constant, (str, int, float)):
        return UNKNOWN
    if isinstance(constant, str):
        digits = constant.strip()
        return (
            Value(int(digits))
            if digits.isascii() and digits.isdigit() and len(digits) < 20
            else UNKNOWN
        )
    return Value(int(constant)) if abs(constant) < 1 << 64 else UNKNOWN


def length(memory: Memory, site: Site) -> Value:
    """How long text or a container is."""
    subject = site.subject()
    if isinstance(subject.constant, (str, bytes)):
        return Value(len(subject.constant))
    cells = memory.cells(subject.cell)
    if (
        cells is not None
        and cells.exact
        and cells.rest is None
        and cells.kind in ("list", "tuple", "map")
    ):
        return Value(len(cells.items))
    return UNKNOWN


def replace(memory: Memory, site: Site) -> Value:
    """Text with one part replaced."""
    whole, others = constant_text(site.subject()), site.others()
    if whole is not None and len(others) >= 2:
        old, new = constant_text(others[0]), constant_text(others[1])
        if old is not None and new is not None:
            result = whole.replace(old, new)
            return Value(result) if len(result) <= MAX_TEXT else UNKNOWN
    taints = memory.union([site.subject(), *others], site.node)
    if taints is None:
        return UNKNOWN
    old = constant_text(others[0]) if others else None
    new = constant_text(others[1]) if len(others) > 1 else None
    if old is not None and new is not None and len(old) == 1 and (old not in new or new == old * 2):
        taints = cleaned(taints, memory.frame.unit.book.kinds.mask(FORBIDDEN.get(old, ())))
    return Value(taints=taints)


def concat(memory: Memory, site: Site) -> Value:
    """Subject and arguments, one after another."""
    pieces = [site.subject(), *site.others()]
    if all(piece.constant is not VARIES for piece in pieces):
        joined = "".join(text_of(piece.constant) for piece in pieces)
        return Value(joined) if len(joined) <= MAX_TEXT else UNKNOWN
    taints = memory.union(pieces, site.node)
    return Value(taints=taints) if taints is not None else UNKNOWN


def split(memory: Memory, site: Site) -> Value:
    """Text cut into a list."""
    whole, others = constant_text(site.subject()), site.others()
    if whole is not None:
        mark = constant_text(others[0]) if others else None
        if (mark or not others) and len(others) <= 1:
            pieces = whole.split(mark)
            if len(pieces) <= 100:
                return memory.container(
                    "list", {place: Value(piece) for place, piece in enumerate(pieces)}
                )
    taints = changed(memory.data_of(site.subject()), site.node.start)
    return Value(taints=taints) if taints is not None else UNKNOWN


def join(memory: Memory, site: Site) -> Value:
    """`separator.join(items)`, `items.join(separator)`: all that is in either."""
    taints = memory.union([site.subject(), *site.others()], site.node)
    if taints is not None:
        return Value(taints=taints)
    separator, items = site.subject(), site.others()
    cells = memory.cells(items[0].cell) if items else None
    if (
        isinstance(separator.constant, str)
        and cells is not None
        and cells.exact
        and cells.rest is None
    ):
        constants = [item.constant for item in cells.items.values()]
        if all(isinstance(constant, str) for constant in constants):
            joined = separator.constant.join(text_of(constant) for constant in constants)
            return Value(joined) if len(joined) <= MAX_TEXT else UNKNOWN
    return UNKNOWN


def format_slots(memory: Memory, site: Site) -> Value:
    """`"{} {name}".format(...)`."""
    taints = memory.union(site.everything(), site.node)
    if taints is not None:
        return Value(taints=taints, name=BUILT)
    template = constant_text(site.subject())
    if template is None or site.spread or template.count("{") != len(_SLOT.findall(template)):
        return UNKNOWN
    values: dict[str, object] = {name: value.constant for name, value in site.keywords.items()}
    values |= {str(place): value.constant for place, value in enumerate(site.others())}
    counter = iter(range(100))

    def fill(match: re.Match[str]) -> str:
        constant = values.get(match[1] or str(next(counter)), VARIES)
        if constant is VARIES:
            raise KeyError(match[1])
        return text_of(constant)

    try:
        filled = _SLOT.sub(fill, template)
    except (KeyError, StopIteration):
        return Value(name=BUILT)
    return Value(filled) if len(filled) <= MAX_TEXT else UNKNOWN


def fold_percent(template: object, values: list[object]) -> object:
    """Return `template % values` for the plain slots, VARIES for any other."""
    if not isinstance(template, str) or any(value is VARIES for value in values):
        return VARIES
    if template.count("%") != len(_PERCENT.findall(template)) or template.count("%") != len(values):
        return VARIES
    pieces = _PERCENT.split(template)
    filled = pieces[0] + "".join(
        text_of(value) + piece for value, piece in zip(values, pieces[1:], strict=True)
    )
    return filled if len(filled) <= MAX_TEXT else VARIES


def char_at(memory: Memory, site: Site) -> Value:
    """One character."""
    others = site.others()
    if others:
        return memory.read_item(site.subject(), others[0], site.node)
    return from_receiver(memory, site)


def substring(memory: Memory, site: Site) -> Value:
    """A part between two positions."""
    whole, bounds = constant_text(site.subject()), [other.constant for other in site.others()]
    if whole is not None and bounds and all(type(bound) is int and bound >= 0 for bound in bounds):
        numbers = [bound for bound in bounds if isinstance(bound, int)]
        return Value(whole[numbers[0] : numbers[1] if len(numbers) > 1 else None])
    return from_receiver(memory, site)


def find(_memory: Memory, site: Site) -> Value:
    """Where one text is in another."""
    whole, others = constant_text(site.subject()), site.others()
    part = constant_text(others[0]) if others else None
    if whole is not None and part is not None and len(others) == 1:
        return Value(whole.find(part))
    return UNKNOWN


def equals(memory: Memory, site: Site) -> Value:
    """Whether two values are equal; true makes the unknown one a constant."""
    one, other = site.subject(), (site.others() or [UNKNOWN])[0]
    if one.constant is not VARIES and other.constant is not VARIES:
        return Value(one.constant == other.constant)
    unknown = one if one.constant is VARIES else other
    known = other if unknown is one else one
    if known.constant is not VARIES and unknown.taints is not None:
        return Value(proof=Proof(when_true=(Fact(memory.data_of(unknown), -1),)))
    return UNKNOWN


def starts_with(memory: Memory, site: Site) -> Value:
    """Whether text begins so: a check of normal paths and of whole origins of URLs."""
    subject, others = site.subject(), site.others()
    prefix = others[0] if others else UNKNOWN
    if isinstance(subject.constant, str) and isinstance(prefix.constant, str):
        return Value(subject.constant.startswith(prefix.constant))
    facts = prefix_facts(memory, subject, prefix)
    if prefix.constant == "//" and subject.taints is not None:
        mask = memory.frame.unit.book.kinds.mask(("redirect",))
        return Value(proof=Proof(when_false=(Fact(subject.taints, mask),)))
    return Value(proof=Proof(when_true=facts)) if facts else UNKNOWN


def prefix_facts(memory: Memory, subject: Value, prefix: Value) -> tuple[Fact, ...]:
    """Return what a prefix proves of a value."""
    if subject.taints is None:
        return ()
    own = memory.data_of(prefix) or {}
    if any(label.origin.parameter < 0 for label in own):
        return ()
    kinds = memory.frame.unit.book.kinds
    if isinstance(prefix.constant, str) and is_origin(prefix.constant):
        return (Fact(subject.taints, kinds.mask(("redirect", "ssrf"))),)
    normal = {
        label: taint
        for label, taint in subject.taints.items()
        if taint.cleaned & 1 and label not in own
    }
    return (Fact(normal, kinds.mask(("pathtraver",))),) if normal else ()


def is_origin(prefix: str) -> bool:
    """Whether a URL with this prefix can lead to one host only: scheme, host and a slash."""
    scheme, mark, rest = prefix.partition("://")
    return bool(scheme) and bool(mark) and "/" in rest and bool(rest.partition("/")[0])


def ends_with(memory: Memory, site: Site) -> Value:
    """Whether text ends so. Proves nothing of the rest."""
    subject, others = site.subject(), site.others()
    if isinstance(subject.constant, str) and others and isinstance(others[0].constant, str):
        return Value(subject.constant.endswith(others[0].constant))
    return UNKNOWN


def contains(memory: Memory, site: Site) -> Value:
    """Whether the subject contains the first argument."""
    others = site.others()
    return membership(memory, others[0], site.subject()) if others else UNKNOWN


def membership(memory: Memory, item: Value, whole: Value) -> Value:
    """`item in whole`: of a set that outsiders cannot fill, or of forbidden characters in text."""
    if isinstance(item.constant, str) and isinstance(whole.constant, str):
        return Value(item.constant in whole.constant)
    cells = memory.cells(whole.cell)
    if item.constant is not VARIES and cells is not None and cells.exact and cells.rest is None:
        members = cells.items if cells.kind in ("map", "object") else None
        constants = (
            list(members)
            if members is not None
            else [member.constant for member in cells.items.values()]
        )
        if all(constant is not VARIES for constant in constants):
            return Value(item.constant in constants)
    if isinstance(item.constant, str):
        kinds = FORBIDDEN.get(item.constant)
        taints = whole.taints
        if kinds is not None and taints is not None:
            mask = memory.frame.unit.book.kinds.mask(kinds)
            return Value(proof=Proof(when_false=(Fact(taints, mask),)))
        return UNKNOWN
    taints = item.taints
    if taints is None or isinstance(whole.constant, (str, bytes)):
        return UNKNOWN
    if cells is not None and cells.kind in ("map", "object"):
        outside = whole.taints is not None  # keys alone decide
    else:
        outside = memory.data_of(whole) is not None
    if outside:
        return UNKNOWN
    return Value(proof=Proof(when_true=(membership_fact(memory, taints),)))


URL_PARTS = frozenset({"netloc", "hostname", "host", "origin", "authority", "Host", "Hostname"})


def membership_fact(memory: Memory, taints: Taints) -> Fact:
    """Return what it proves that data is one of a known few: all of it, or a URL's host alone."""
    hosts: Taints = {}
    for label, taint in taints.items():
        if label.path[-1:] == ("origin",) and label.origin.pack == "message" and label.whole:
            return Fact({label.whole: taint}, -1)
        if label.whole is not None and label.path[-1] in URL_PARTS:
            hosts[label.whole] = taint
    if hosts:
        kinds = memory.frame.unit.book.kinds
        return Fact(hosts, kinds.mask(("redirect", "ssrf")))
    return Fact(taints, -1)
