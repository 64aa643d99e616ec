"""Files of C and C++: functions, types, simple macros, namespaces.

Does not know what calls mean. Guards speed: a function's body is lowered only when it is looked at.
"""

import re
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import ClassVar

from tree_sitter import Node as SyntaxNode

from kodo.scan.ir import (
    Assign,
    Call,
    Class,
    Field,
    Function,
    FunctionParts,
    Literal,
    Module,
    Name,
    Node,
    Parameter,
)
from kodo.scan.lower.base import fields
from kodo.scan.lower.c.declarators import Declared, read_declarator
from kodo.scan.lower.c.literals import number_value, string_value
from kodo.scan.lower.c.statements import StatementLowerer
from kodo.scan.text import SourceText

C_NUMBERS = frozenset(
    {
        "int", "long", "short", "float", "double", "bool", "size_t", "ssize_t", "unsigned", "off_t",
        "unsigned int", "unsigned long", "long long", "unsigned long long", "int32_t", "int64_t",
        "uint32_t", "uint64_t", "uint16_t", "int16_t",
    }
)  # fmt: skip
"""Declared types whose values hold no text."""

_IDENTIFIER = re.compile(r"[A-Za-z_]\w*\Z")
_STRING = re.compile(r'(?:u8|[uUL])?"(?:[^"\\]|\\.)*"\Z')


def lower_c(root: SyntaxNode, text: SourceText) -> Module:
    """Lower a C file. Functions keep a hold on the tree until they are asked for."""
    return _lower(root, text, "c")


def lower_cpp(root: SyntaxNode, text: SourceText) -> Module:
    """Lower a C++ file."""
    return _lower(root, text, "cpp")


def _lower(root: SyntaxNode, text: SourceText, language: str) -> Module:
    module = Module(text.path, language)
    module.name = PurePosixPath(text.path).stem
    lowerer = ModuleLowerer(text, module)
    module.body = lowerer.statement_list(root.children)
    return module


def module_paths(_name: str, _importer: str) -> list[str]:
    """No names of C lead to files: headers declare, and what defines is up to the linker."""
    return []


class ModuleLowerer(StatementLowerer):
    """Functions, types and macros, on top of the statements."""

    statements: ClassVar[dict[str, str]] = StatementLowerer.statements | {
        "function_definition": "function",
        "preproc_def": "macro",
        "type_definition": "alias",
        "alias_declaration": "passed",
        "struct_specifier": "structure",
        "union_specifier": "structure",
        "class_specifier": "structure",
        "enum_specifier": "enumeration",
        "declaration": "outer_declaration",
        "field_declaration": "field_declaration",
        "namespace_definition": "namespace",
        "linkage_specification": "nested_part",
        "declaration_list": "nested_block",
        "template_declaration": "nested_block",
        "access_specifier": "passed",
        "template_parameter_list": "passed",
        "friend_declaration": "passed",
    }

    owner: Class | None = None
    in_function: bool = False

    # --- the preprocessor -----------------------------------------------------------------------

    def macro(self, node: SyntaxNode) -> None:
        """`#define NAME value`: another name, a number or text; others are left alone."""
        parts = fields(node)
        if "name" not in parts or "value" not in parts:
            return
        name = self.words(parts["name"])
        value = self.words(parts["value"]).split("/*")[0].strip()
        while value.startswith("(") and value.endswith(")"):
            value = value[1:-1].strip()
        start, end = node.start_byte, node.end_byte
        constant: int | float | str | None = None
        if _IDENTIFIER.match(value):
            if value != name:
                self.module.imports.setdefault(name, value)
            return
        if _STRING.match(value):
            constant = string_value(value)
        elif value[:1].isdigit():
            constant = number_value(value)
        elif value[:1] == "-" and value[1:2].isdigit():
            number = number_value(value[1:])
            constant = -number if number is not None else None
        if constant is not None:
            self.block.append(
                Assign(start, end, Name(start, end, name), Literal(start, end, constant))
            )

    def conditional_part(self, node: SyntaxNode) -> None:
        """`#if`: inside functions one part, around definitions every part that is not off."""
        if self.in_function:
            super().conditional_part(node)
            return
        self.block.extend(self.statement_list(self.chosen_part(node)))
        rest = node.child_by_field_name("alternative")
        for _ in range(50):
            if rest is None:
                break
            following = rest.child_by_field_name("alternative")
            condition = rest.child_by_field_name("condition") or rest.child_by_field_name("name")
            inside = [
                child
                for child in rest.named_children
                if child not in (following, condition)
                and child.type in ("function_definition", "preproc_def")
            ]
            self.block.extend(self.statement_list(inside))
            rest = following

    # --- types ----------------------------------------------------------------------------------

    def nested_part(self, node: SyntaxNode) -> None:
        """`extern "C" {...}`."""
        body = node.child_by_field_name("body")
        if body is not None:
            self.block.extend(self.statement_list((body,)))

    def namespace(self, node: SyntaxNode) -> None:
        """A namespace: what is inside, under its own names."""
        body = node.child_by_field_name("body")
        if body is not None:
            self.block.extend(self.statement_list(body.children))

    def alias(self, node: SyntaxNode) -> None:
        """`typedef`."""
        parts = fields(node)
        given, declarator = parts.get("type"), parts.get("declarator")
        if given is None or declarator is None:
            return
        declared = read_declarator(declarator)
        if declared.name is None:
            return
        name = self.words(declared.name)
        if given.child_by_field_name("body") is not None and not declared.pointers:
            self._structure(given, name)
        elif not declared.pointers and not declared.lengths and not declared.is_function:
            kind = self.type_text(given)
            if kind and kind != name:
                self.module.imports.setdefault(name, kind)

    def structure(self, node: SyntaxNode) -> None:
        """A struct, union or class."""
        given = node.child_by_field_name("name")
        self._structure(node, self.words(given) if given is not None else "")

    def _structure(self, node: SyntaxNode, name: str) -> None:
        body = node.child_by_field_name("body")
        if body is None or body.type == "enumerator_list":
            return
        name = name.partition("<")[0].rpartition("::")[2] or f"%{node.start_byte}"
        made = Class(name, name, node.start_byte, node.end_byte)
        made.constructor = name
        if node.type == "union_specifier":
            made.bases = ["union"]
        for child in node.named_children:
            if child.type == "base_class_clause":
                made.bases += [
                    self.type_text(base)
                    for base in child.named_children
                    if base.type in ("type_identifier", "qualified_identifier", "template_type")
                ]
        self.module.classes.setdefault(name, made)
        saved = self.owner, self.members, self.in_function
        self.owner, self.in_function = made, False
        for child in body.named_children:
            if child.type == "field_declaration":
                self.field_declaration(child)
        self.members = frozenset(made.fields)
        rest = [child for child in body.children if child.type != "field_declaration"]
        self.statement_list(rest)
        self.owner, self.members, self.in_function = saved

    def field_declaration(self, node: SyntaxNode) -> None:
        """Fields: their types are kept, with lengths."""
        owner = self.owner
        if owner is None:
            return
        given = node.child_by_field_name("type")
        kind = self.type_text(given)
        if given is not None and given.child_by_field_name("body") is not None:
            self._structure(given, kind)
            kind = kind or f"%{given.start_byte}"
        for child in node.children_by_field_name("declarator"):
            declared = read_declarator(child)
            if declared.name is None or declared.is_function:
                continue
            lengths = "".join(
                f"[{self.words(length) if length is not None else ''}]"
                for length in declared.lengths
            )
            owner.fields[self.words(declared.name)] = kind + "*" * declared.pointers + lengths

    def enumeration(self, node: SyntaxNode) -> None:
        """An enum: its constants that count up from a number."""
        body = node.child_by_field_name("body")
        following: int | None = 0
        for child in body.named_children if body is not None else ():
            if child.type != "enumerator":
                continue
            parts = fields(child)
            given, value = parts.get("name"), parts.get("value")
            if given is None:
                continue
            if value is not None:
                number = number_value(self.words(value))
                following = number if isinstance(number, int) else None
            if following is not None:
                start, end = child.start_byte, child.end_byte
                target = Name(start, end, self.words(given))
                self.block.append(Assign(start, end, target, Literal(start, end, following)))
                following += 1

    def outer_declaration(self, node: SyntaxNode) -> None:
        """Variables at the top of the file, and types that are defined on the way."""
        given = node.child_by_field_name("type")
        if given is not None and given.child_by_field_name("body") is not None:
            if given.type == "enum_specifier":
                self.enumeration(given)
            else:
                self.structure(given)
        if self.owner is None or self.in_function:
            self.declaration(node)
            if not self.in_function:
                self.locals.clear()

    # --- functions ------------------------------------------------------------------------------

    def function(self, node: SyntaxNode) -> Node | None:
        """A function or method."""
        parts = fields(node)
        declared = read_declarator(parts.get("declarator"))
        body = parts.get("body")
        if declared.name is None or body is None:
            return self.unknown(node) if declared.name is None else None
        name = self.words(declared.name).replace(" ", "")
        owner = self.owner
        if "::" in name:
            holder, _, name = name.rpartition("::")
            owner = self.module.classes.get(holder.rpartition("::")[2].partition("<")[0])
        qualified = f"{owner.qualified}.{name}" if owner is not None else name
        static = any(
            child.type == "storage_class_specifier" and self.words(child) == "static"
            for child in node.children
        )
        has_receiver = owner is not None and not (static and self.owner is not None)
        build = self._builder(node, parts, declared, qualified, owner if has_receiver else None)
        made = Function(
            name,
            qualified,
            node.start_byte,
            node.end_byte,
            build,
            owner=owner,
            receiver=has_receiver,
        )
        self.module.define(made)
        return None

    def _builder(
        self,
        node: SyntaxNode,
        parts: dict[str, SyntaxNode],
        declared: Declared,
        qualified: str,
        receiver: Class | None,
    ) -> Callable[[], FunctionParts]:
        def build() -> FunctionParts:
            saved = self.locals, self.members, self.in_function, self.scope_name, self.owner
            self.locals, self.in_function, self.scope_name = set(), True, qualified
            self.owner = None
            self.members = frozenset(receiver.fields) if receiver is not None else frozenset()
            parameters: list[Parameter] = []
            if receiver is not None:
                parameters.append(Parameter(node.start_byte, node.start_byte, "this"))
            parameters += self.parameters(declared.parameters)
            block = self._initializers(node)
            block += self.body(parts.get("body"))
            returns = self.type_text(parts.get("type")) + "*" * declared.pointers
            self.locals, self.members, self.in_function, self.scope_name, self.owner = saved
            return FunctionParts(parameters, block, returns=returns)

        return build

    def _initializers(self, node: SyntaxNode) -> list[Node]:
        """`: x(a), y(b)` of a constructor, as assignments."""
        made: list[Node] = []
        for child in node.named_children:
            if child.type != "field_initializer_list":
                continue
            for one in child.named_children:
                named = one.named_children
                if one.type != "field_initializer" or len(named) < 2:
                    continue
                start, end = one.start_byte, one.end_byte
                values = self.arguments(named[1])
                name = self.words(named[0])
                if len(values) == 1:
                    target = Field(start, end, Name(start, end, "this"), name)
                    made.append(Assign(start, end, target, values[0]))
                else:
                    made.append(Call(start, end, Name(start, end, name), values))
        return made
