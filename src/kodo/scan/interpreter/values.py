"""What the interpreter knows of a value: constant, origin of its data, name, target, container.

Does not know syntax or rules. Guards that values are shared, never changed: every change makes a
new one, and only containers (`Cells`) live in a heap of their own.
"""

from __future__ import annotations

import msgspec

from kodo.scan.ir import Class, Function

ALL_KINDS = -1
NORMAL = 1
"""The bit of a path that has been made normal: it harms nothing and proves nothing by itself."""
MAX_PATH = 4
MAX_TAINTS = 16
MAX_TRACE = 24
MAX_OPTIONS = 4


class Varies:
    """The constant of a value that is not known. There is one: `VARIES`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "VARIES"


VARIES = Varies()


class Origin(msgspec.Struct, frozen=True, eq=False, gc=False):
    """Where data comes from: a source in a file, or a parameter of the function at hand.

    `parameter` is its place, or -1 for a source. Two origins are the same only if they are one
    object.
    """

    pack: str
    note: str
    path: str
    start: int
    end: int
    confidence: str = "high"
    parameter: int = -1


class Label:
    """A piece of data: its origin and the constant fields and keys read from it on the way.

    There is one label for one piece of data (`part` keeps them), so that identity is equality and
    dictionaries of labels are fast.
    """

    __slots__ = ("_parts", "origin", "path", "whole")

    def __init__(
        self, origin: Origin, path: tuple[str | int, ...] = (), whole: Label | None = None
    ) -> None:
        self.origin = origin
        self.path = path
        self.whole = whole
        self._parts: dict[str | int, Label] = {}

    def part(self, key: str | int) -> Label:
        """Return the label of one field or item; below MAX_PATH it is the whole's."""
        known = self._parts.get(key)
        if known is None:
            deep = len(self.path) >= MAX_PATH
            known = self._parts[key] = self if deep else Label(self.origin, (*self.path, key), self)
        return known


class Trace(msgspec.Struct, frozen=True, eq=False):
    """One stop on the way; the earlier ones are behind `before`."""

    before: Trace | None
    path: str
    start: int
    note: str
    depth: int = 1


class Taint(msgspec.Struct, frozen=True, eq=False):
    """What has happened to a piece of data so far.

    `cleaned` has the bit of each kind that it can no longer harm. `version` is the place of the
    last operation that changed it, so that a check of a copy counts and a check of a part does not.
    `certain` is False once it went through code that nobody has described.
    """

    cleaned: int = 0
    version: int = 0
    certain: bool = True
    trace: Trace | None = None


Taints = dict[Label, Taint]


class Target(msgspec.Struct, frozen=True, eq=False):
    """What code a value stands for: a function or class, the unit (file) it is in, what it is bound
    to.

    `bound` is the receiver of a method, `scope` the frame that a closure was made in.
    """

    code: Function | Class
    unit: object
    bound: Value | None = None
    scope: object = None


class Fact(msgspec.Struct, frozen=True, eq=False):
    """What a test proves: data cannot harm `kinds` any more, or a variable is a constant."""

    taints: Taints | None = None
    kinds: int = 0
    variable: str = ""
    constant: object = VARIES


class Proof(msgspec.Struct, frozen=True, eq=False):
    """What follows when a value is true, and when it is false."""

    when_true: tuple[Fact, ...] = ()
    when_false: tuple[Fact, ...] = ()


class Value(msgspec.Struct, eq=False):
    """An abstract value. Never changed after it is made.

    `constant` is VARIES when unknown. `name` is the dotted name of what it is: a module, a
    function, a class, or `T()` for an instance of T and `f()` for what `f` returns. `cell` is its
    container in the heap, 0 for none. `options` are the constants it may be where it is one of a
    few.
    """

    constant: object = VARIES
    taints: Taints | None = None
    name: str = ""
    cell: int = 0
    target: Target | None = None
    proof: Proof | None = None
    options: tuple[object, ...] = ()


BUILT = "text.built()"
"""The name of text that is put together from constants and from what is not known."""

UNKNOWN = Value()
NOTHING = Value(constant=None)
TRUE = Value(constant=True)
FALSE = Value(constant=False)


class Cells(msgspec.Struct, eq=False):
    """What a container holds. Never changed in place: the heap gets a new one.

    `kind` is list, tuple, set, map, object or builder. `items` are by constant key (a list's by
    position from 0). `rest` joins what lies under unknown keys. `exact` means that nothing else is
    inside.
    """

    kind: str
    items: dict[object, Value]
    rest: Value | None = None
    exact: bool = True


def join_taints(one: Taints | None, other: Taints | None) -> Taints | None:
    """Return the union; what both have keeps only the cleaning that both had."""
    if one is None or one is other:
        return other
    if other is None:
        return one
    joined: Taints | None = None  # a copy, made when the first difference is met
    for label, taint in other.items():
        mine = one.get(label)
        if mine is taint or (mine is None and len(joined or one) >= MAX_TAINTS):
            continue
        if joined is None:
            joined = dict(one)
        joined[label] = taint if mine is None else _join_taint(mine, taint)
    return one if joined is None else joined


def add_taint(taints: Taints, label: Label, taint: Taint) -> None:
    """Add one piece of data to a dictionary that nobody else holds yet."""
    mine = taints.get(label)
    if mine is None:
        if len(taints) < MAX_TAINTS:
            taints[label] = taint
    elif mine is not taint:
        taints[label] = _join_taint(mine, taint)


def _join_taint(mine: Taint, other: Taint) -> Taint:
    return Taint(
        mine.cleaned & other.cleaned,
        mine.version
        if mine.version == other.version
        else (mine.version if mine.version > other.version else other.version) + 1,
        mine.certain or other.certain,
        mine.trace if mine.cleaned & ~other.cleaned == 0 else other.trace,
    )


def same_constant(one: object, other: object) -> bool:
    """Whether two constants are equal and of one type (1 is not True)."""
    return one is other or (type(one) is type(other) and one == other)


def join_values(one: Value, other: Value) -> Value:
    """Return what holds of both: either's data, constants and names only where they agree."""
    if one is other:
        return one
    constant = one.constant if same_constant(one.constant, other.constant) else VARIES
    taints = join_taints(one.taints, other.taints)
    name = one.name if one.name == other.name else _either(one, other)
    cell = one.cell if one.cell == other.cell else (one.cell or other.cell)
    target = one.target if one.target is other.target else (one.target or other.target)
    options = _options(one, other) if constant is VARIES else ()
    return Value(constant, taints, name, cell, target, _joined_proof(one, other), options)


def _joined_proof(one: Value, other: Value) -> Proof | None:
    """Beside a value that is never true, what the other proves by being true stays proven."""
    if one.proof is not None and other.constant is not VARIES and not other.constant:
        return Proof(one.proof.when_true, ())
    if other.proof is not None and one.constant is not VARIES and not one.constant:
        return Proof(other.proof.when_true, ())
    return one.proof if one.proof is other.proof else None


def _options(one: Value, other: Value) -> tuple[object, ...]:
    """The constants that either may be, as long as they are few."""
    mine = one.options if one.constant is VARIES else (one.constant,)
    theirs = other.options if other.constant is VARIES else (other.constant,)
    if not theirs:
        return mine
    both = mine + tuple(constant for constant in theirs if constant not in mine)
    return both if len(both) <= MAX_OPTIONS else ()


def _either(one: Value, other: Value) -> str:
    """The name of a join: None and constants say nothing against the other side's name."""
    if one.constant is not VARIES and not one.name:
        return other.name
    if other.constant is not VARIES and not other.name:
        return one.name
    return ""


def changed(taints: Taints | None, version: int, *, certain: bool = True) -> Taints | None:
    """Return the same data after an operation at `version`; a path is no longer a normal one."""
    if taints is None:
        return None
    return {
        label: Taint(taint.cleaned & ~NORMAL, version, taint.certain and certain, taint.trace)
        for label, taint in taints.items()
    }


def narrowed(taints: Taints | None, key: str | int) -> Taints | None:
    """Return the data of one field or item of what is tainted."""
    if taints is None:
        return None
    return {label.part(key): taint for label, taint in taints.items()}


def cleaned(taints: Taints | None, kinds: int) -> Taints | None:
    """Return the data with `kinds` made harmless; None when nothing harmful is left."""
    if taints is None or kinds == ALL_KINDS:
        return None
    return {
        label: Taint(taint.cleaned | kinds, taint.version, taint.certain, taint.trace)
        for label, taint in taints.items()
    }


def stepped(taints: Taints | None, path: str, start: int, note: str) -> Taints | None:
    """Return the data with one more step on its way; long ways keep their beginning."""
    if taints is None:
        return None
    moved: Taints = {}
    for label, taint in taints.items():
        before = taint.trace
        depth = before.depth + 1 if before is not None else 1
        if depth > MAX_TRACE or (before is not None and before.start == start):
            moved[label] = taint
        else:
            moved[label] = Taint(
                taint.cleaned,
                taint.version,
                taint.certain,
                Trace(before, path, start, note, depth),
            )
    return moved


def clean(value: Value) -> Value:
    """Return a value of the same name without data in it."""
    return Value(name=value.name) if value.name else UNKNOWN
