"""Expressions, among them the targets of assignments.

Does not know statements. Guards that syntax which no lowering handles loses precision and never
silently loses data: it becomes `Unknown` with its children.
"""

from __future__ import annotations

from msgspec import field

from kodo.scan.ir.definitions import Function
from kodo.scan.ir.node import Block, Constant, Node


class Literal(Node, gc=False):
    """A constant: text, bytes, number, truth value, or the language's nothing as None."""

    value: Constant


class Name(Node, gc=False):
    """An identifier."""

    name: str


class Field(Node, gc=False):
    """`object.name`, `object->name`, `Type::name`, `@name` of Ruby (on `self`)."""

    object: Node
    name: str


class Index(Node, gc=False):
    """`object[key]`."""

    object: Node
    key: Node


class Slice(Node, gc=False):
    """`object[low:high:step]`, `&object[low..high]`; what is left out is None."""

    object: Node
    low: Node | None
    high: Node | None
    step: Node | None = None


class Spread(Node, gc=False):
    """`*items`, `...items` among arguments, items or targets; the rest, as a target."""

    value: Node


class Keyword(Node, gc=False):
    """A named argument. Name "" spreads a mapping (`**options`), "&" is Ruby's block."""

    name: str
    value: Node


class Call(Node, gc=False):
    """`function(arguments, keyword=...)`; a method is a call of a `Field`; `creates` marks `new`.

    Macros are calls whose name keeps its mark (`format!`), operators that run code (Ruby's
    backticks) calls of a name that the lowering documents.
    """

    function: Node
    arguments: list[Node]
    keywords: list[Keyword] = field(default_factory=list)
    creates: bool = False


class Operation(Node, gc=False):
    """An operator on one (`not`, `-`, `~`), two or more operands: chains of one operator are flat.

    Normal names: `and or not == != < <= > >= in "not in" is "is not" + - * / // % ** @ & | ^ << >>
    ??`, `address` and `deref` for C's `&x` and `*p`, `try` for Rust's `?`. `in` has the item first.
    """

    operator: str
    operands: list[Node]


class Text(Node, gc=False):
    """Interpolated text: literals and expressions in order."""

    parts: list[Node]


class Choice(Node, gc=False):
    """`test ? then : otherwise`."""

    test: Node
    then: Node
    otherwise: Node


class Collection(Node, gc=False):
    """A list, tuple or set display; also a destructuring target. `kind` is its name."""

    kind: str
    items: list[Node]


class Pair(Node, gc=False):
    """An entry of a mapping; key None spreads `value`."""

    key: Node | None
    value: Node


class Mapping(Node, gc=False):
    """A dictionary, hash, object or struct literal; also an object pattern as a target."""

    pairs: list[Pair]


class Clause(Node, gc=False):
    """One `for target in iterable if tests` of a comprehension."""

    target: Node
    iterable: Node
    tests: list[Node]


class Comprehension(Node, gc=False):
    """`[element for ...]`; a dictionary's has two elements, key and value."""

    kind: str
    elements: list[Node]
    clauses: list[Clause]


class Closure(Node, gc=False):
    """A function as a value: lambda, arrow function, block, function literal."""

    function: Function


class Bind(Node, gc=False):
    """An assignment inside an expression. Its value is the new one, or the old one for `x++`."""

    target: Node
    value: Node
    gives_old: bool = False


class Do(Node, gc=False):
    """Statements inside an expression (`if`, `match`, blocks of Rust and Ruby), then its value."""

    body: Block
    result: Node | None


class Cast(Node, gc=False):
    """A conversion to a declared type: `(T) x`, `x as T`, `x.(T)`, `static_cast<T>(x)`."""

    type: str
    value: Node


class Array(Node, gc=False):
    """Storage of `length` elements: `new int[n]`, `make([]byte, n)`, `[0; n]`."""

    element: str
    length: Node | None


class Default(Node, gc=False):
    """A destructuring target with a default value: `{a = 1}`."""

    target: Node
    value: Node


class Yield(Node, gc=False):
    """`yield value`: what a generator gives its caller."""

    value: Node | None


class Unknown(Node, gc=False):
    """Anything else. Its value is the union of its children's, which are evaluated in order."""

    children: list[Node]
