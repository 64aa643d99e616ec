"""Statements. An expression may stand as a statement as it is.

Knows definitions by name only. Guards that chains of `else if` stay flat.
"""

from __future__ import annotations

from msgspec import field

from kodo.scan.ir.definitions import Class, Function
from kodo.scan.ir.node import Block, Node


class Assign(Node, gc=False):
    """`target = value`, with `operator` for `target += value`."""

    target: Node
    value: Node
    operator: str = ""


class Declare(Node, gc=False):
    """A typed or scoped declaration: `type target[lengths] = value`. Makes a new local name.

    `type` is text without spaces around `*`, `[]`, `<>`; "" where the language infers it.
    """

    target: Node
    type: str
    value: Node | None
    lengths: list[Node | None] = field(default_factory=list)


class Arm(Node, gc=False):
    """One test of an `If` and what runs when it holds."""

    test: Node
    body: Block


class If(Node, gc=False):
    """`if` and its `else if`s, flat, so that long chains do not nest."""

    arms: list[Arm]
    otherwise: Block


class While(Node, gc=False):
    """A loop on a test (None: forever). `step` runs after the body and on `continue`.

    The three-part `for` is its first part, then this. `test_first` is False for `do ... while`.
    """

    test: Node | None
    body: Block
    step: Block = field(default_factory=list)
    otherwise: Block = field(default_factory=list)
    test_first: bool = True


class ForEach(Node, gc=False):
    """`for target in iterable`."""

    target: Node
    iterable: Node
    body: Block
    otherwise: Block = field(default_factory=list)


class Handler(Node, gc=False):
    """`except types as target`, `catch`, `rescue`."""

    types: list[Node]
    target: Node | None
    body: Block


class Try(Node, gc=False):
    """`try` with its handlers, `else` and `finally`."""

    body: Block
    handlers: list[Handler]
    otherwise: Block = field(default_factory=list)
    final: Block = field(default_factory=list)


class Using(Node, gc=False):
    """A resource that is closed at the end of the body: `with`, try-with-resources."""

    value: Node
    target: Node | None
    body: Block


class Defer(Node, gc=False):
    """A call that runs when the function ends; its arguments are evaluated now."""

    value: Node


class Case(Node, gc=False):
    """One arm of a `Switch`.

    `values` are what the subject is compared with (none and no `otherwise`: a pattern that cannot
    be decided), `targets` the names that the pattern binds to the subject or to parts of it.
    """

    values: list[Node]
    body: Block
    targets: list[Node] = field(default_factory=list)
    guard: Node | None = None
    otherwise: bool = False
    falls_through: bool = False


class Switch(Node, gc=False):
    """`switch`, `match`, `case`, `select`. A `Break` without label in a body ends it."""

    subject: Node
    cases: list[Case]


class Return(Node, gc=False):
    """`return value`. Implicit results (Ruby, Rust, arrow functions) are lowered to it."""

    value: Node | None


class Throw(Node, gc=False):
    """`raise`, `throw`, `panic`: this path ends or goes to a handler."""

    value: Node | None


class Break(Node, gc=False):
    """Leaves a loop or switch."""

    label: str = ""


class Continue(Node, gc=False):
    """Goes to the next round of a loop."""

    label: str = ""


class Goto(Node, gc=False):
    """C's `goto`. Only forward jumps are followed."""

    label: str


class Label(Node, gc=False):
    """Where `Goto` goes, or the name of the loop that follows."""

    name: str


class Scope(Node, gc=False):
    """Names that belong to an outer function ("nonlocal") or to the module ("global")."""

    where: str
    names: list[str]


class Define(Node, gc=False):
    """A nested function's definition."""

    function: Function


class DefineClass(Node, gc=False):
    """A class defined inside a function or module body."""

    definition: Class
