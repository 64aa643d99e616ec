"""What a bare name means inside a Java class: a local, a member of a class around it, or neither.

Does not know expressions. Guards that a local variable hides a field, and that members of outer
classes are reached through their class.
"""

from __future__ import annotations

from kodo.scan.ir import Class, Field, Name, Node

_PACKAGES = frozenset(
    {"java", "javax", "jakarta", "org", "com", "net", "io", "edu", "gov", "kotlin"}
)
"""First words of packages: `org.x.Y` written in full is no field of a base class."""


class ClassScope:
    """A class that is being lowered: which members it declares itself, and whether static."""

    __slots__ = ("definition", "fields", "methods", "outer", "reassigned")

    def __init__(self, definition: Class, outer: ClassScope | None) -> None:
        self.definition = definition
        self.outer = outer
        self.fields: set[str] = set()
        self.methods: set[str] = set()
        self.reassigned: set[str] = set()  # fields whose first value is not their only one


class Names:
    """The names around one piece of code. `locals` grows as declarations are met."""

    __slots__ = ("in_class_body", "is_static", "locals", "scope", "types")

    def __init__(
        self,
        scope: ClassScope | None,
        known: frozenset[str] = frozenset(),
        *,
        is_static: bool = False,
        in_class_body: bool = False,
    ) -> None:
        self.scope = scope
        self.locals = set(known)
        self.types: dict[str, str] = {}  # of locals, as declared
        self.is_static = is_static
        self.in_class_body = in_class_body

    def inner(self) -> Names:
        """Return the names that a closure made here starts with."""
        made = Names(self.scope, frozenset(self.locals), is_static=self.is_static)
        made.types = dict(self.types)
        return made

    def type_of(self, target: Node) -> str:
        """Return the declared type of a local or of a field of this class, "" where unknown."""
        if isinstance(target, Name):
            return self.types.get(target.name, "")
        if isinstance(target, Field) and self.scope is not None:
            return self.scope.definition.fields.get(target.name, "")
        return ""

    def variable(self, name: str, start: int, end: int) -> Node:
        """Return what reading or writing a bare name means."""
        if name in self.locals:
            return Name(start, end, name)
        scope = self.scope
        while scope is not None:
            if name in scope.fields:
                if scope is self.scope and self.in_class_body:
                    return Name(start, end, name)
                return Field(start, end, self._holder(scope, start, end), name)
            scope = scope.outer
        if self._inherits(name):
            return Field(start, end, Name(start, end, "this"), name)
        return Name(start, end, name)

    def method(self, name: str, start: int, end: int) -> Node:
        """Return what a call of a bare name calls."""
        scope = self.scope
        while scope is not None:
            if name in scope.methods:
                return Field(start, end, self._holder(scope, start, end), name)
            scope = scope.outer
        if self._inherits(name):
            return Field(start, end, Name(start, end, "this"), name)
        return Name(start, end, name)

    def _holder(self, scope: ClassScope, start: int, end: int) -> Node:
        if scope is self.scope and not self.is_static and not self.in_class_body:
            return Name(start, end, "this")
        return Name(start, end, scope.definition.name)

    def _inherits(self, name: str) -> bool:
        """Whether a name nobody declares here may come from a base class."""
        scope = self.scope
        return (
            scope is not None
            and bool(scope.definition.bases)
            and not self.is_static
            and not self.in_class_body
            and name[:1].islower()
            and name not in _PACKAGES
        )
