"""Go's files: imports, types, functions and methods.

Does not know what calls mean. Guards speed: a function's body is lowered only when it is looked at.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import ClassVar

from tree_sitter import Node as SyntaxNode

from kodo.scan.ir import (
    Block,
    Class,
    Closure,
    Declare,
    DefineClass,
    Function,
    FunctionParts,
    Module,
    Name,
    Node,
    Parameter,
)
from kodo.scan.lower.base import fields
from kodo.scan.lower.go.switches import SwitchLowerer
from kodo.scan.text import SourceText

_VERSION = re.compile(r"[/.]v\d+(?=/|$)")


def lower_go(root: SyntaxNode, text: SourceText) -> Module:
    """Lower a Go file. Functions keep a hold on the tree until they are asked for."""
    module = Module(text.path, "go")
    lowerer = ModuleLowerer(text, module)
    lowerer.at_top = True
    module.body = lowerer.statement_list(root.children)
    return module


def package_name(path: str, package: str) -> str:
    """Return the dotted name of a file's package: its folder, at the root its own name."""
    folder = PurePosixPath(path).parent
    return ".".join(part for part in folder.parts if part not in ("/", "")) or package


def import_name(written: str) -> tuple[str, str]:
    """Return the local and the dotted name of an import path, versions left out."""
    bare = _VERSION.sub("", written)
    local = bare.rpartition("/")[2]
    for prefix in ("go-", "go."):
        local = local.removeprefix(prefix)
    return local.replace("-", "_"), bare.replace("/", ".")


class ModuleLowerer(SwitchLowerer):
    """Declarations, on top of the statements."""

    statements: ClassVar[dict[str, str]] = SwitchLowerer.statements | {
        "package_clause": "package",
        "import_declaration": "imports",
        "type_declaration": "types",
        "function_declaration": "function",
        "method_declaration": "method",
    }

    scope_name: str = ""

    # --- the file ---------------------------------------------------------------------------------

    def package(self, node: SyntaxNode) -> None:
        """The package: with the folder, the name of the module."""
        name = self.words(node.named_children[-1]) if node.named_children else ""
        self.module.name = package_name(self.module.path, name)

    def imports(self, node: SyntaxNode) -> None:
        """`import "a/b"`, `import x "a/b"`, `import . "a/b"`."""
        pending = list(node.named_children)
        while pending:
            child = pending.pop()
            if child.type == "import_spec_list":
                pending.extend(child.named_children)
            elif child.type == "import_spec":
                self._import(child)

    def _import(self, node: SyntaxNode) -> None:
        parts = fields(node)
        path, given = parts.get("path"), parts.get("name")
        if path is None:
            return
        local, dotted = import_name(self.text.slice(path.start_byte + 1, path.end_byte - 1))
        if given is not None and given.type == "dot":
            self.module.wildcards.append(dotted)
        elif given is None:
            self.module.imports[local] = dotted
        elif given.type == "package_identifier":
            self.module.imports[self.words(given)] = dotted

    # --- types ------------------------------------------------------------------------------------

    def types(self, node: SyntaxNode) -> None:
        """`type T struct {...}`, `type T = a.B`."""
        for child in node.named_children:
            parts = fields(child)
            given, made = parts.get("name"), parts.get("type")
            if given is None or made is None:
                continue
            name = self.words(given)
            if child.type == "type_alias" and made.type == "qualified_type":
                first, _, rest = self.type_text(made).partition(".")
                self.module.imports[name] = f"{self.module.imports.get(first, first)}.{rest}"
                continue
            definition = self._class(name, child) if self.at_top else self._local(name, child)
            if made.type == "struct_type":
                saved, self.at_top = self.at_top, True
                self._fields(made, definition)
                self.at_top = saved

    def _class(self, name: str, node: SyntaxNode) -> Class:
        """Return the type of a name, which its methods may have made before it stands."""
        known = self.module.classes.get(name)
        if known is None:
            known = Class(name, name, node.start_byte, node.end_byte)
            self.module.classes[name] = known
        return known

    def _local(self, name: str, node: SyntaxNode) -> Class:
        made = Class(name, name, node.start_byte, node.end_byte)
        self.block.append(DefineClass(node.start_byte, node.end_byte, made))
        return made

    def _fields(self, node: SyntaxNode, made: Class) -> None:
        """Fields are declarations in the type's body, embedded types its bases."""
        for listed in node.named_children:
            for child in listed.named_children:
                if child.type != "field_declaration":
                    continue
                kind = child.child_by_field_name("type")
                written = self.type_text(kind)
                names = child.children_by_field_name("name")
                if not names:
                    made.bases.append(written)
                    names = [kind] if kind is not None else []
                for given in names:
                    name = self.type_text(given).rpartition(".")[2]
                    place = given.start_byte, given.end_byte
                    made.fields[name] = written
                    made.body.append(Declare(*place, Name(*place, name), written, None))

    # --- functions --------------------------------------------------------------------------------

    def function(self, node: SyntaxNode) -> None:
        """A function of the package."""
        parts = fields(node)
        given, body = parts.get("name"), parts.get("body")
        if given is None or body is None:
            return
        name = self.words(given)
        qualified = f"init@{node.start_byte}" if name == "init" else name
        build = self._build(parts, name, None)
        self.module.define(Function(name, qualified, node.start_byte, node.end_byte, build))

    def method(self, node: SyntaxNode) -> None:
        """A method: a function of the type of its receiver."""
        parts = fields(node)
        given, body, listed = parts.get("name"), parts.get("body"), parts.get("receiver")
        if given is None or body is None or listed is None:
            return
        receivers = self.parameters(listed)
        receiver = receivers[0] if receivers else Parameter(listed.start_byte, listed.end_byte, "")
        owner = self._class(receiver.type.partition("[")[0], node)
        name = self.words(given)
        qualified = f"{owner.qualified}.{name}"
        self.module.define(
            Function(
                name,
                qualified,
                node.start_byte,
                node.end_byte,
                self._build(parts, qualified, receiver),
                owner=owner,
                receiver=True,
            )
        )

    def closure(self, node: SyntaxNode) -> Node:
        """A function literal: it shares the variables around it."""
        start, end = node.start_byte, node.end_byte
        made = self._build(fields(node), self.scope_name, None, outer=None)
        return Closure(start, end, Function("", self.scope_name, start, end, made))

    def variable(self, node: SyntaxNode) -> None:
        """A function that the file names at its top is one of the package."""
        if self.at_top:
            values = node.child_by_field_name("value")
            given = node.child_by_field_name("name")
            first = values.named_children[0] if values and values.named_children else None
            if given is not None and first is not None and first.type == "func_literal":
                name = self.words(given)
                build = self._build(fields(first), name, None)
                self.module.define(Function(name, name, first.start_byte, first.end_byte, build))
                return
        super().variable(node)

    def _build(
        self,
        parts: dict[str, SyntaxNode],
        qualified: str,
        receiver: Parameter | None,
        outer: tuple[str, ...] | None = (),
    ) -> Callable[[], FunctionParts]:
        def build() -> FunctionParts:
            saved = self.results, self.at_top, self.scope_name, self.function_text, self.block
            body = parts.get("body")
            self.at_top, self.scope_name = False, qualified
            self.function_text = self.words(body) if body is not None else ""
            parameters = [receiver] if receiver is not None else []
            listed = parts.get("parameters")
            if listed is not None:
                parameters += self.parameters(listed)
            block = self.named_results(parts.get("result"))
            block += self.body(body)
            result = parts.get("result")
            returns = self.type_text(result) if result is not None else ""
            self.results, self.at_top, self.scope_name, self.function_text, self.block = saved
            return FunctionParts(parameters, block, [], returns, outer)

        return build

    def named_results(self, node: SyntaxNode | None) -> Block:
        """Declare the results that have names; keep their names for a bare `return`."""
        self.results = ()
        if node is None or node.type != "parameter_list":
            return []
        named = [one for one in self.parameters(node) if one.name not in ("", "_")]
        self.results = tuple(one.name for one in named)
        return [
            Declare(one.start, one.end, Name(one.start, one.end, one.name), one.type, None)
            for one in named
        ]

    def parameters(self, node: SyntaxNode) -> list[Parameter]:
        """`(a, b T, rest ...U)`."""
        made: list[Parameter] = []
        for child in node.named_children:
            if child.type not in ("parameter_declaration", "variadic_parameter_declaration"):
                continue
            kind = self.type_text(child.child_by_field_name("type"))
            rest = child.type == "variadic_parameter_declaration"
            names = [one for one in child.children_by_field_name("name") if one.is_named]
            for given in names or [child]:
                made.append(
                    Parameter(
                        given.start_byte,
                        given.end_byte,
                        self.words(given) if names else "",
                        "" if rest else kind,
                        kind="rest" if rest else "plain",
                    )
                )
        return made


def module_paths(name: str, importer: str) -> list[str]:
    """Return the files that a package's functions may be in: those named after it.

    What stands before the folders in an import is the name of the module, of unknown length.
    """
    parts = name.split(".")
    own = f"{parts[-1]}.go"
    starts = range(max(0, len(parts) - 3), len(parts))
    return ["/".join([*parts[at:], own]) for at in starts]
