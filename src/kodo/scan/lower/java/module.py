"""Java's files, classes, methods and imports.

Does not know what calls mean. Guards speed: a method's body is lowered only when it is looked at.
"""

import re
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import ClassVar

from tree_sitter import Node as SyntaxNode

from kodo.scan.ir import (
    Assign,
    Block,
    Call,
    Class,
    Declare,
    DefineClass,
    Field,
    Function,
    FunctionParts,
    Module,
    Name,
    Node,
    Parameter,
    Return,
    Unknown,
)
from kodo.scan.lower.base import fields
from kodo.scan.lower.java.expressions import COMMENTS
from kodo.scan.lower.java.names import ClassScope, Names
from kodo.scan.lower.java.statements import StatementLowerer
from kodo.scan.text import SourceText

CONSTRUCTOR = "<init>"
JAVA_NUMBERS = frozenset(
    {
        "int",
        "long",
        "short",
        "byte",
        "float",
        "double",
        "boolean",
        "Integer",
        "Long",
        "Short",
        "Byte",
        "Float",
        "Double",
        "Boolean",
        "Number",
        "java.math.BigInteger",
        "java.math.BigDecimal",
        "java.util.UUID",
        "java.time.LocalDate",
        "java.time.LocalDateTime",
        "java.time.Instant",
        "java.util.Date",
    }
)
"""Declared types whose values hold no text."""

_CLASSES = frozenset(
    {"class_declaration", "interface_declaration", "enum_declaration", "record_declaration"}
)
_LIBRARIES = (
    "java.",
    "javax.",
    "jakarta.",
    "org.springframework.",
    "org.apache.",
    "org.hibernate.",
)
_FULL_NAME = re.compile(r"\b(?:[a-z]\w*\.){2,}[A-Z]\w*")
_ROOT = re.compile(r"^(.*?(?:src/(?:main|test)/java|src)/)")


def lower_java(root: SyntaxNode, text: SourceText) -> Module:
    """Lower a Java file. Methods keep a hold on the tree until they are asked for."""
    module = Module(text.path, "java")
    for dotted in set(_FULL_NAME.findall(text.latin)):
        if not dotted.startswith(_LIBRARIES):
            module.imports.setdefault(dotted, dotted)  # classes named in full are imported too
    lowerer = ModuleLowerer(text, module)
    module.body = lowerer.statement_list(root.children)
    return module


def module_paths(name: str, importer: str) -> list[str]:
    """Return where a class may lie: below the source root, or beside the importer."""
    last = name.rpartition(".")[2]
    if not last[:1].isupper() or name.startswith(_LIBRARIES):
        return []
    inner = name.replace(".", "/")
    folder = PurePosixPath(importer).parent.as_posix()
    beside = "" if folder == "." else f"{folder}/"
    if "." not in name:
        return [f"{beside}{inner}.java"]
    found = _ROOT.match(importer)
    if found is not None:
        return [f"{found[1]}{inner}.java"]
    roots = [""]
    for part in PurePosixPath(importer).parts[:-1]:
        roots.append(f"{roots[-1]}{part}/")
    return [f"{start}{inner}.java" for start in reversed(roots)]


class ModuleLowerer(StatementLowerer):
    """Classes, methods and imports, on top of the statements."""

    statements: ClassVar[dict[str, str]] = StatementLowerer.statements | {
        "package_declaration": "package",
        "import_declaration": "imported",
        "class_declaration": "class_definition",
        "interface_declaration": "class_definition",
        "enum_declaration": "class_definition",
        "record_declaration": "class_definition",
        "annotation_type_declaration": "passed",
        "module_declaration": "passed",
        "method_declaration": "method",
        "constructor_declaration": "method",
        "compact_constructor_declaration": "passed",
        "field_declaration": "field_declaration",
        "constant_declaration": "field_declaration",
        "enum_constant": "enum_constant",
        "enum_body_declarations": "nested_block",
        "static_initializer": "initializer",
    }

    in_method: bool = False

    # --- the file -------------------------------------------------------------------------------

    def package(self, node: SyntaxNode) -> None:
        """The package: the name of the module."""
        self.module.name = self.words(node.named_children[-1])

    def imported(self, node: SyntaxNode) -> None:
        """`import a.b.C`, `import static a.b.C.d`, `import a.b.*`."""
        children = [child for child in node.named_children if child.type not in COMMENTS]
        if not children:
            return
        dotted = self.words(children[0])
        if children[-1].type == "asterisk":
            self.module.wildcards.append(dotted)
        else:
            self.module.imports[dotted.rpartition(".")[2]] = dotted.removeprefix("java.lang.")

    # --- classes --------------------------------------------------------------------------------

    def class_definition(self, node: SyntaxNode) -> Node | None:
        """A class, interface, enum or record: its methods and fields."""
        parts = fields(node)
        given, body = parts.get("name"), parts.get("body")
        if given is None:
            return self.unknown(node)
        name = self.words(given)
        qualified = f"{self.scope_name}.{name}" if self.scope_name else name
        made = Class(name, qualified, node.start_byte, node.end_byte)
        made.constructor = CONSTRUCTOR
        made.bases = self._bases(node)
        scope = ClassScope(made, self.names.scope)
        if body is not None:
            self._outline(body, scope)
        saved = self.names, self.scope_name, self.in_method
        self.names = Names(scope, frozenset(self.names.locals), in_class_body=True)
        self.scope_name, self.in_method = qualified, False
        if not saved[2]:
            self.module.classes[qualified] = made
            self.module.classes.setdefault(name, made)
        modifiers = node.children[0]
        if modifiers.type == "modifiers":
            made.marks = self.marks(modifiers)
        if node.type == "record_declaration":
            self._record(node, parts, made, scope)
        if body is not None:
            made.body = self.statement_list(body.children)
        self.names, self.scope_name, self.in_method = saved
        return DefineClass(node.start_byte, node.end_byte, made) if self.in_method else None

    def _bases(self, node: SyntaxNode) -> list[str]:
        bases: list[str] = []
        for child in node.named_children:
            if child.type == "superclass":
                bases.append(self.type_text(child.named_children[-1]).partition("<")[0])
            elif child.type in ("super_interfaces", "extends_interfaces"):
                for listed in child.named_children:
                    bases += [
                        self.type_text(one).partition("<")[0] for one in listed.named_children
                    ]
        return bases

    def _outline(self, body: SyntaxNode, scope: ClassScope) -> None:
        """Read the names of the members, so that bodies know them wherever they stand."""
        for child in body.named_children:
            kind = child.type
            if kind in ("field_declaration", "constant_declaration"):
                for inner in child.named_children:
                    if inner.type == "variable_declarator" and inner.child_count:
                        self._outline_field(child, self.words(inner.children[0]), scope)
            elif kind == "method_declaration":
                given = child.child_by_field_name("name")
                if given is not None:
                    scope.methods.add(self.words(given))
            elif kind == "enum_constant" and child.named_children:
                given = child.child_by_field_name("name")
                if given is not None:
                    scope.fields.add(self.words(given))
            elif kind == "enum_body_declarations":
                self._outline(child, scope)

    def _outline_field(self, node: SyntaxNode, name: str, scope: ClassScope) -> None:
        scope.fields.add(name)
        first = node.children[0]
        if first.type == "modifiers" and any(child.type == "final" for child in first.children):
            return
        owner = scope.definition
        inside = self.text.latin[owner.start : owner.end]
        writes = re.findall(rf"\b{re.escape(name)}\s*(?:=(?!=)|[-+*/|&^%]=|\+\+|--)", inside)
        declared = 1 if node.child_by_field_name("declarator") is not None else 0
        if len(writes) > declared:
            scope.reassigned.add(name)

    def field_declaration(self, node: SyntaxNode) -> None:
        """Fields, as declarations in the class's body."""
        scope = self.names.scope
        kind = self.type_text(node.child_by_field_name("type"))
        for child in node.named_children:
            if child.type != "variable_declarator":
                continue
            made = self.declarator(child, kind)
            if isinstance(made, Declare) and isinstance(made.target, Name) and scope is not None:
                name = made.target.name
                scope.definition.fields[name] = kind
                self.names.locals.discard(name)
                if name in scope.reassigned and made.value is not None:
                    made.value = Unknown(made.value.start, made.value.end, [made.value])
            self.block.append(made)

    def initializer(self, node: SyntaxNode) -> None:
        """`static {...}`: part of the class's body."""
        self.block.extend(self.statement_list(node.named_children))

    def enum_constant(self, node: SyntaxNode) -> Node | None:
        """A constant of an enum: an instance of it."""
        start, end = node.start_byte, node.end_byte
        parts = fields(node)
        given, scope = parts.get("name"), self.names.scope
        if given is None or scope is None:
            return None
        arguments = self.arguments(parts)
        if "body" in parts:
            arguments += self.methods_as_closures(parts["body"])
        owner = Name(start, end, scope.definition.name)
        value = Call(start, end, owner, arguments, creates=True)
        target = Name(given.start_byte, given.end_byte, self.words(given))
        return Declare(start, end, target, "", value)

    def _record(
        self, node: SyntaxNode, parts: dict[str, SyntaxNode], made: Class, scope: ClassScope
    ) -> None:
        """A record's fields, its constructor and the methods that read its fields."""
        listed = parts.get("parameters")
        if listed is None:
            return
        start, end = listed.start_byte, listed.end_byte
        names = self.names
        self.names = Names(None)
        parameters = self.parameters(listed)
        self.names = names
        compact: SyntaxNode | None = None
        body = parts.get("body")
        for child in body.named_children if body is not None else []:
            if child.type == "compact_constructor_declaration":
                compact = child.child_by_field_name("body")

        def build() -> FunctionParts:
            saved, self.names = self.names, Names(scope, frozenset(p.name for p in parameters))
            block: Block = self.body(compact)
            self.names = saved
            this = Name(start, end, "this")
            block += [
                Assign(start, end, Field(start, end, this, one.name), Name(start, end, one.name))
                for one in parameters
            ]
            return FunctionParts([Parameter(start, end, "this"), *parameters], block)

        self._define(CONSTRUCTOR, node, build, made, is_static=False)
        for parameter in parameters:
            scope.fields.add(parameter.name)
            made.fields[parameter.name] = parameter.type
            if parameter.name not in scope.methods:
                scope.methods.add(parameter.name)
                self._accessor(parameter, node, made)

    def _accessor(self, parameter: Parameter, node: SyntaxNode, owner: Class) -> None:
        start, end = parameter.start, parameter.end

        def build() -> FunctionParts:
            read = Field(start, end, Name(start, end, "this"), parameter.name)
            return FunctionParts([Parameter(start, end, "this")], [Return(start, end, read)])

        self._define(parameter.name, node, build, owner, is_static=False)

    # --- methods --------------------------------------------------------------------------------

    def method(self, node: SyntaxNode) -> Node | None:
        """A method or constructor. One without a body tells nothing and is left out."""
        parts = fields(node)
        given, body, scope = parts.get("name"), parts.get("body"), self.names.scope
        if given is None or body is None:
            return None
        if scope is None:
            return self.unknown(body)
        name = CONSTRUCTOR if node.type == "constructor_declaration" else self.words(given)
        first = node.children[0]
        modifiers = first if first.type == "modifiers" else None
        is_static = modifiers is not None and any(
            child.type == "static" for child in modifiers.children
        )
        known = frozenset(self.names.locals)

        def build() -> FunctionParts:
            saved = self.names, self.in_method, self.scope_name
            self.names = Names(scope, known, is_static=is_static)
            self.in_method, self.scope_name = True, f"{scope.definition.qualified}.{name}"
            parameters: list[Parameter] = []
            if not is_static:
                parameters.append(Parameter(given.start_byte, given.end_byte, "this"))
            if "parameters" in parts:
                parameters += self.parameters(parts["parameters"])
            block = self.body(body)
            marks = self.marks(modifiers) if modifiers is not None else []
            returns = self.type_text(parts.get("type"))
            self.names, self.in_method, self.scope_name = saved
            return FunctionParts(parameters, block, marks, returns)

        self._define(name, node, build, scope.definition, is_static=is_static)
        return None

    def _define(
        self,
        name: str,
        node: SyntaxNode,
        build: Callable[[], FunctionParts],
        owner: Class,
        *,
        is_static: bool,
    ) -> None:
        made = Function(
            name,
            f"{owner.qualified}.{name}",
            node.start_byte,
            node.end_byte,
            build,
            owner=owner,
            receiver=not is_static,
        )
        self.module.define(made)
