"""JavaScript's functions that have names, and classes.

Does not know imports and exports. Guards that a method knows its receiver, and a class the types
that its fields are declared with.
"""

from typing import ClassVar

from tree_sitter import Node as SyntaxNode

from kodo.scan.ir import (
    Class,
    Declare,
    Define,
    DefineClass,
    Do,
    Function,
    FunctionParts,
    Name,
    Node,
)
from kodo.scan.lower.base import fields
from kodo.scan.lower.javascript.functions import FUNCTIONS
from kodo.scan.lower.javascript.names import DEFAULT
from kodo.scan.lower.javascript.statements import StatementLowerer

CLASSES = frozenset(("class", "class_declaration", "abstract_class_declaration"))
_METHODS = frozenset(("method_definition", "abstract_method_signature"))


class ClassLowerer(StatementLowerer):
    """Definitions, on top of the statements."""

    expressions: ClassVar[dict[str, str]] = StatementLowerer.expressions | {
        "class": "class_value",
    }
    statements: ClassVar[dict[str, str]] = StatementLowerer.statements | {
        "function_declaration": "function_statement",
        "generator_function_declaration": "function_statement",
        "class_declaration": "class_statement",
        "abstract_class_declaration": "class_statement",
    }

    def define(self, name: str, node: SyntaxNode) -> None:
        """Define a function of the module."""
        made = self._function(name, node)
        if (
            made.qualified not in self.module.functions
            or self.module.functions[made.qualified].start != made.start
        ):
            self.module.define(made)

    def _function(
        self,
        name: str,
        node: SyntaxNode,
        *,
        owner: Class | None = None,
        marks: tuple[SyntaxNode, ...] = (),
    ) -> Function:
        parts = fields(node)
        qualified = f"{self.scope}.{name}" if self.scope else name
        start = marks[0].start_byte if marks else node.start_byte
        static = any(child.type == "static" for child in node.children)
        method = owner is not None and not static
        if method and "name" not in parts:
            parts["name"] = node  # a field that holds an arrow function

        def build() -> FunctionParts:
            return self.parts(parts, qualified, method=method, marks=marks)

        return Function(name, qualified, start, node.end_byte, build, owner=owner, receiver=method)

    def function_statement(self, node: SyntaxNode) -> Node | None:
        """A function declaration."""
        name = node.child_by_field_name("name")
        if name is None:
            return self.unknown(node)
        if not self.in_function:
            self.define(self.words(name), node)
            return None
        made = self._function(self.words(name), node)
        return Define(node.start_byte, node.end_byte, made)

    def class_statement(self, node: SyntaxNode) -> Node | None:
        """A class declaration."""
        return self.class_of(node, "", ())

    def class_value(self, node: SyntaxNode) -> Node:
        """A class as a value."""
        start, end = node.start_byte, node.end_byte
        name = node.child_by_field_name("name")
        named = self.words(name) if name is not None else f"%class{start}"
        made = self.make_class(node, named, ())
        return Do(start, end, [DefineClass(start, end, made)], Name(start, end, named))

    def class_of(self, node: SyntaxNode, name: str, marks: tuple[SyntaxNode, ...]) -> Node | None:
        """A class of the module, or one defined inside a function."""
        own = node.child_by_field_name("name")
        named = name or (self.words(own) if own is not None else DEFAULT)
        if self.in_function:
            made = self.make_class(node, named, marks)
            return DefineClass(node.start_byte, node.end_byte, made)
        self.define_class(node, named, marks)
        return None

    def define_class(self, node: SyntaxNode, name: str, marks: tuple[SyntaxNode, ...] = ()) -> None:
        """Put a class into the module's table."""
        made = self.make_class(node, name, marks)
        self.module.classes[made.qualified] = made

    def make_class(self, node: SyntaxNode, name: str, marks: tuple[SyntaxNode, ...]) -> Class:
        """Lower a class: its methods, fields and bases."""
        qualified = f"{self.scope}.{name}" if self.scope else name
        made = Class(name, qualified, node.start_byte, node.end_byte)
        made.constructor = "constructor"
        own = tuple(child for child in node.children if child.type == "decorator")
        made.marks = [self.decorator(mark) for mark in (*marks, *own)]
        body: SyntaxNode | None = None
        for child in node.named_children:
            if child.type == "class_heritage":
                made.bases = self._bases(child)
            elif child.type == "class_body":
                body = child
        if body is None:
            return made
        saved, self.scope = self.scope, qualified
        pending: list[SyntaxNode] = []
        for child in body.named_children:
            kind = child.type
            if kind == "decorator":
                pending.append(child)
                continue
            if kind in _METHODS:
                self._method(made, child, tuple(pending))
            elif kind in ("field_definition", "public_field_definition"):
                self._class_field(made, child)
            elif kind == "class_static_block":
                made.body += self.block_of(child.child_by_field_name("body"))
            pending = []
        self.scope = saved
        return made

    def _bases(self, node: SyntaxNode) -> list[str]:
        found: list[str] = []
        for child in node.named_children:
            value = child.child_by_field_name("value") if child.type == "extends_clause" else child
            if value is not None and value.type in ("identifier", "member_expression"):
                found.append(self.words(value))
            elif child.type == "implements_clause":
                found += [self.words(one).partition("<")[0] for one in child.named_children]
        return found

    def _method(self, owner: Class, node: SyntaxNode, marks: tuple[SyntaxNode, ...]) -> None:
        named = node.child_by_field_name("name")
        if named is None or node.child_by_field_name("body") is None:
            return
        name = self.words(named).strip("'\"#")
        made = self._function(name, node, owner=owner, marks=marks)
        if self.in_function:
            owner.methods[name] = made
        else:
            self.module.define(made)
        if name == owner.constructor:
            self._constructor_fields(owner, node)

    def _constructor_fields(self, owner: Class, node: SyntaxNode) -> None:
        """`constructor(private readonly db: Db)`: parameters that are fields."""
        listed = node.child_by_field_name("parameters")
        for child in listed.named_children if listed is not None else ():
            if not any(
                one.type in ("accessibility_modifier", "readonly") for one in child.children
            ):
                continue
            parts = fields(child)
            if "pattern" not in parts:
                continue
            name = self.words(parts["pattern"])
            owner.fields[name] = self.type_text(parts["type"]) if "type" in parts else ""
            target = Name(child.start_byte, child.end_byte, name)
            owner.body.append(
                Declare(child.start_byte, child.end_byte, target, owner.fields[name], None)
            )

    def _class_field(self, owner: Class, node: SyntaxNode) -> None:
        parts = fields(node)
        named = parts.get("name") or parts.get("property")
        if named is None:
            return
        name = self.words(named).strip("'\"#")
        value = parts.get("value")
        start, end = node.start_byte, node.end_byte
        owner.fields[name] = self.type_text(parts["type"]) if "type" in parts else ""
        if value is not None and value.type in FUNCTIONS:
            made = self._function(name, value, owner=owner)
            if self.in_function:
                owner.methods[name] = made
            else:
                self.module.define(made)
            return
        lowered = self.expression(value) if value is not None else None
        if lowered is not None or owner.fields[name]:
            target = Name(start, end, name)
            owner.body.append(Declare(start, end, target, owner.fields[name], lowered))
