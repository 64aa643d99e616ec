"""Rust's files: uses, modules, types, functions and methods.

Does not know what calls mean. Guards speed (bodies are lowered when they are looked at) and quiet:
what is compiled for tests alone is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import ClassVar

from tree_sitter import Node as SyntaxNode

from kodo.scan.ir import (
    Block,
    Call,
    Class,
    Declare,
    Function,
    FunctionParts,
    Literal,
    Module,
    Name,
    Node,
    Parameter,
)
from kodo.scan.lower.base import fields
from kodo.scan.lower.rust.expressions import COMMENTS, RUST_NUMBERS
from kodo.scan.lower.rust.statements import RETURN, StatementLowerer
from kodo.scan.text import SourceText

_EXTRACTED = re.compile(r"^(?:\w+\.)*(?:Query|Path|Json|Form)<(.+)>$")


def lower_rust(root: SyntaxNode, text: SourceText) -> Module:
    """Lower a Rust file. Functions keep a hold on the tree until they are asked for."""
    module = Module(text.path, "rust")
    module.name = module_name(text.path)
    lowerer = ModuleLowerer(text, module)
    module.body = lowerer.items(root.children)
    return module


def module_name(path: str) -> str:
    """Return the dotted name of a file: `src/db/mod.rs` is `crate.db`."""
    parts = list(PurePosixPath(path).with_suffix("").parts)
    if "src" in parts:
        parts = parts[parts.index("src") + 1 :]
    if parts and parts[-1] in ("mod", "lib", "main"):
        parts.pop()
    return ".".join(["crate", *parts])


def module_paths(name: str, importer: str) -> list[str]:
    """Return the files that a module of this crate may be, none for other crates."""
    first, *rest = name.split(".")
    if first != "crate":
        return []
    parts = PurePosixPath(importer).parts
    root = "/".join(parts[: parts.index("src") + 1]) if "src" in parts else ""
    start = f"{root}/" if root else ""
    if not rest:
        return [f"{start}lib.rs", f"{start}main.rs"]
    inner = "/".join(rest)
    return [f"{start}{inner}.rs", f"{start}{inner}/mod.rs"]


class ModuleLowerer(StatementLowerer):
    """Items, on top of the statements."""

    statements: ClassVar[dict[str, str]] = StatementLowerer.statements | {
        "use_declaration": "use",
        "function_item": "function",
        "struct_item": "struct_type",
        "enum_item": "struct_type",
        "impl_item": "implementation",
        "trait_item": "implementation",
        "mod_item": "inner_module",
        "const_item": "constant",
        "static_item": "constant",
        "attribute_item": "nothing",
        "inner_attribute_item": "nothing",
        "macro_definition": "nothing",
        "type_item": "nothing",
        "extern_crate_declaration": "nothing",
        "foreign_mod_item": "nothing",
        "function_signature_item": "nothing",
        "associated_type": "nothing",
    }

    owner: Class | None = None
    marks: list[SyntaxNode] | None = None

    def items(self, nodes: list[SyntaxNode]) -> Block:
        """Lower items, each with the attributes before it; those of tests are left out."""
        block: Block = []
        pending: list[SyntaxNode] = []
        for node in nodes:
            if node.type == "attribute_item":
                pending.append(node)
                continue
            if node.type in COMMENTS:
                continue
            if not any(_is_test(self.words(one)) for one in pending):
                self.marks = pending
                block += self.statement_list((node,))
            pending = []
        self.marks = None
        return block

    # --- names ------------------------------------------------------------------------------------

    def use(self, node: SyntaxNode) -> None:
        """`use a::{b, c::d as e}`."""
        argument = node.child_by_field_name("argument")
        pending = [("", argument)]
        while pending:
            prefix, one = pending.pop()
            if one is None:
                continue
            parts = fields(one)
            if one.type in ("scoped_use_list", "use_list"):
                path = parts.get("path")
                inner = _joined(prefix, self._dotted(path)) if path is not None else prefix
                listed = parts.get("list", one)
                pending += [(inner, child) for child in listed.named_children]
            elif one.type == "use_as_clause":
                path, alias = parts.get("path"), parts.get("alias")
                if path is not None and alias is not None:
                    name = self._resolved(_joined(prefix, self._dotted(path)))
                    self.module.imports[self.words(alias)] = name
            elif one.type == "use_wildcard" and one.named_children:
                name = self._resolved(_joined(prefix, self._dotted(one.named_children[0])))
                self.module.wildcards.append(name)
            elif one.type == "self":
                self.module.imports[prefix.rpartition(".")[2]] = self._resolved(prefix)
            elif one.type in ("identifier", "scoped_identifier"):
                dotted = _joined(prefix, self._dotted(one))
                self.module.imports[dotted.rpartition(".")[2]] = self._resolved(dotted)

    def _dotted(self, node: SyntaxNode | None) -> str:
        return "".join(self.words(node).replace("::", ".").split()) if node is not None else ""

    def _resolved(self, dotted: str) -> str:
        first, _, rest = dotted.partition(".")
        if first == "self":
            return _joined(self.module.name, rest)
        if first == "super":
            return _joined(self.module.name.rpartition(".")[0] or "crate", rest)
        return dotted

    def inner_module(self, node: SyntaxNode) -> None:
        """`mod a {...}`: its items; `mod a;`: a file beside."""
        parts = fields(node)
        given, body = parts.get("name"), parts.get("body")
        if given is None:
            return
        name = self.words(given)
        if body is None:
            self.module.imports.setdefault(name, _joined(self.module.name, name))
            return
        self.block.extend(self.items(body.named_children))

    def constant(self, node: SyntaxNode) -> None:
        """`const N: T = x`, `static N: T = x`; one that can change is marked by a call."""
        start, end = node.start_byte, node.end_byte
        parts = fields(node)
        given, value = parts.get("name"), parts.get("value")
        if given is None:
            return
        made = self.expression(value) if value is not None else None
        kind = self.type_text(parts.get("type"))
        if any(child.type == "mutable_specifier" for child in node.children):
            self.block.append(Call(start, end, Name(start, end, "static mut"), []))
            made = None
        self.block.append(Declare(start, end, self.name(given), kind, made))

    # --- types ------------------------------------------------------------------------------------

    def _class(self, name: str, node: SyntaxNode) -> Class:
        known = self.module.classes.get(name)
        if known is None:
            known = Class(name, name, node.start_byte, node.end_byte)
            self.module.classes[name] = known
        return known

    def struct_type(self, node: SyntaxNode) -> None:
        """A struct with its fields, or an enum."""
        parts = fields(node)
        given, body = parts.get("name"), parts.get("body")
        if given is None:
            return
        made = self._class(self.words(given), node)
        for child in body.named_children if body is not None else ():
            if child.type != "field_declaration":
                continue
            inner = fields(child)
            name, kind = inner.get("name"), self.type_text(inner.get("type"))
            if name is not None:
                place = name.start_byte, name.end_byte
                made.fields[self.words(name)] = kind
                made.body.append(Declare(*place, Name(*place, self.words(name)), kind, None))

    def implementation(self, node: SyntaxNode) -> None:
        """`impl T {...}`, `impl Trait for T {...}`, `trait T {...}`."""
        start, end = node.start_byte, node.end_byte
        parts = fields(node)
        given, body, trait = (
            parts.get("type") or parts.get("name"),
            parts.get("body"),
            parts.get("trait"),
        )
        if given is None:
            return
        if trait is not None and any(child.type == "unsafe" for child in node.children):
            name = f"unsafe impl {self.words(trait).rpartition('::')[2]}"
            self.block.append(Call(start, end, Name(start, end, name), []))
        if body is None:
            return
        saved = self.owner, self.owner_name
        self.owner = self._class(self.type_text(given).partition("<")[0], node)
        self.owner_name = self.owner.name
        if trait is not None:
            self.owner.bases.append(self.type_text(trait).partition("<")[0])
        self.items(body.named_children)
        self.owner, self.owner_name = saved

    # --- functions --------------------------------------------------------------------------------

    def function(self, node: SyntaxNode) -> None:
        """A function or method."""
        parts = fields(node)
        given, listed, body = parts.get("name"), parts.get("parameters"), parts.get("body")
        if given is None or body is None:
            return
        name, owner = self.words(given), self.owner
        qualified = f"{owner.qualified}.{name}" if owner is not None else name
        has_self = listed is not None and any(
            child.type == "self_parameter" for child in listed.named_children
        )
        build = self._build(parts, qualified, self.marks or [])
        self.module.define(
            Function(
                name,
                qualified,
                node.start_byte,
                node.end_byte,
                build,
                owner=owner,
                receiver=has_self and owner is not None,
            )
        )

    def _build(
        self, parts: dict[str, SyntaxNode], qualified: str, attributes: list[SyntaxNode]
    ) -> Callable[[], FunctionParts]:
        owner, owner_name = self.owner, self.owner_name

        def build() -> FunctionParts:
            saved = self.owner, self.owner_name, self.scope_name, self.block, self.marks
            self.owner, self.owner_name, self.scope_name = None, owner_name, qualified
            self.block, self.marks = [], None
            parameters: list[Parameter] = []
            block: Block = []
            listed = parts.get("parameters")
            for child in listed.named_children if listed is not None else ():
                if child.type == "self_parameter":
                    if owner is not None:
                        parameters.insert(0, Parameter(child.start_byte, child.end_byte, "self"))
                elif child.type == "parameter":
                    made = self.parameter(child)
                    held = _EXTRACTED.match(made.type)
                    if held is not None and _is_number(held[1]):
                        made.type = "u64"
                    parameters.append(made)
                    block += _extracted(made)
            block += self.body(parts.get("body"), RETURN)
            marks = [mark for one in attributes if (mark := self._mark(one)) is not None]
            returns = self.type_text(parts.get("return_type"))
            self.owner, self.owner_name, self.scope_name, self.block, self.marks = saved
            return FunctionParts(parameters, block, marks, returns)

        return build

    def _mark(self, node: SyntaxNode) -> Node | None:
        """`#[get("/")]`: a call with the text among its tokens."""
        start, end = node.start_byte, node.end_byte
        inner = node.named_children[0] if node.named_children else None
        if inner is None or not inner.named_children:
            return None
        function = self.expression(inner.named_children[0])
        given = inner.named_children[-1]
        texts = [
            self.expression(child)
            for child in given.named_children
            if child.type == "string_literal"
        ]
        return Call(start, end, function, [one for one in texts if isinstance(one, Literal)])


def _extracted(parameter: Parameter) -> Block:
    """`Query(q): Query<T>`, `q: web::Query<T>`: what it holds is a T."""
    match = _EXTRACTED.match(parameter.type)
    if match is None:
        return []
    kind = match[1]
    target = parameter.target if parameter.target is not None else None
    name = target.name if isinstance(target, Name) else parameter.name if target is None else ""
    if not name or not kind.isidentifier():
        return []
    place = parameter.start, parameter.end
    held = Name(*place, name)
    return [Declare(*place, held, kind, held)]


def _is_number(kind: str) -> bool:
    """Whether a type, or each of a tuple's, holds no text."""
    return all(one in RUST_NUMBERS for one in kind.strip("()").split(","))


def _is_test(attribute: str) -> bool:
    """Whether an attribute marks what only tests use."""
    bare = "".join(attribute.split())
    return "cfg(test)" in bare or bare in ("#[test]", "#[bench]", "#[tokio::test]")


def _joined(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix and name else prefix or name
