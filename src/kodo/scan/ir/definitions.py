"""Functions, classes and modules.

Does not know what bodies consist of. Guards speed: a function's parts are lowered when they are
first asked for.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from msgspec import field

from kodo.scan.ir.node import Block, Node


class Parameter(Node, gc=False):
    """A parameter. `kind`: "plain", "rest" (`*args`), "named" (keyword only), "named_rest".

    `target` is the pattern where the parameter is destructured. `marks` are its annotations
    (`@RequestParam`), as calls or names.
    """

    name: str
    type: str = ""
    default: Node | None = None
    kind: str = "plain"
    target: Node | None = None
    marks: list[Node] = field(default_factory=list)


class FunctionParts(msgspec.Struct, gc=False):
    """What is lowered only when a function is looked at.

    `outer` names what the body assigns in the enclosing function; None means every name that it
    does not declare itself (JavaScript, Go, Ruby blocks), the empty tuple none (Python, Java).
    """

    parameters: list[Parameter]
    body: Block
    marks: list[Node] = field(default_factory=list)
    returns: str = ""
    outer: tuple[str, ...] | None = ()


class Function:
    """A function, method, closure or macro; its parts are lowered when first asked for.

    `name` is "" for closures, `qualified` has the classes and functions around it (`Shop.pay`).
    `receiver` says whether the first parameter is the object (`self`): a lowering of a language
    with an implicit one adds the parameter itself. `earlier` is a definition of the same name
    before this one: an overload, or what this one replaces.
    """

    __slots__ = (
        "_build",
        "_parts",
        "earlier",
        "end",
        "name",
        "owner",
        "qualified",
        "receiver",
        "start",
    )

    def __init__(
        self,
        name: str,
        qualified: str,
        start: int,
        end: int,
        build: Callable[[], FunctionParts],
        *,
        owner: Class | None = None,
        receiver: bool = False,
    ) -> None:
        self.name = name
        self.qualified = qualified
        self.start = start
        self.end = end
        self.owner = owner
        self.receiver = receiver
        self.earlier: Function | None = None
        self._build: Callable[[], FunctionParts] | None = build
        self._parts: FunctionParts | None = None

    @property
    def parts(self) -> FunctionParts:
        """The lowered parameters and body."""
        if self._parts is None:
            assert self._build is not None
            self._parts = self._build()
            self._build = None
        return self._parts


class Class:
    """A class, struct, trait or interface: its methods, its bases' names as written.

    `constructor` names the method that runs when an instance is made.
    """

    __slots__ = (
        "bases",
        "body",
        "constructor",
        "end",
        "fields",
        "marks",
        "methods",
        "name",
        "qualified",
        "start",
    )

    def __init__(self, name: str, qualified: str, start: int, end: int) -> None:
        self.name = name
        self.qualified = qualified
        self.start = start
        self.end = end
        self.constructor = ""
        self.bases: list[str] = []
        self.methods: dict[str, Function] = {}
        self.fields: dict[str, str] = {}  # declared name -> type
        self.body: Block = []  # statements of the class itself, as assignments to its fields
        self.marks: list[Node] = []


class Module:
    """One file, lowered.

    `imports` maps a local name to the dotted name it stands for (also of simple macros),
    `wildcards` are modules whose names all come in, `inner` those that stand below the name that an
    import gives (`a.b` of `import a.b`, which gives `a`). `functions` and `classes` are by
    qualified name, outermost first in the order of the file. `partial` says what could not be read,
    "" when all was.
    """

    __slots__ = (
        "body",
        "classes",
        "functions",
        "imports",
        "inner",
        "language",
        "name",
        "partial",
        "path",
        "wildcards",
    )

    def __init__(self, path: str, language: str) -> None:
        self.path = path
        self.language = language
        self.name = ""  # the dotted name of the module or package itself, where it is known
        self.imports: dict[str, str] = {}
        self.wildcards: list[str] = []
        self.inner: list[str] = []
        self.functions: dict[str, Function] = {}
        self.classes: dict[str, Class] = {}
        self.body: list[Node] = []
        self.partial = ""

    def define(self, function: Function) -> None:
        """Add a function, and to its class if it has one. Of several of one name the last is
        called.

        The earlier ones stay in the table under `name@start`, so that they are looked at too.
        """
        before = self.functions.get(function.qualified)
        if before is not None:
            function.earlier = before
            self.functions[f"{function.qualified}@{before.start}"] = before
        self.functions[function.qualified] = function
        if function.owner is not None:
            function.owner.methods[function.name] = function
