"""Python's modules, classes, functions and imports.

Does not know what calls mean. Guards speed: a function's body is lowered only when it is looked at.
"""

from pathlib import PurePosixPath
from typing import ClassVar

from tree_sitter import Node as SyntaxNode

from kodo.scan.ir import (
    Class,
    Define,
    DefineClass,
    Function,
    FunctionParts,
    Module,
    Node,
    Parameter,
)
from kodo.scan.lower.base import fields
from kodo.scan.lower.python.statements import StatementLowerer
from kodo.scan.text import SourceText


def lower_python(root: SyntaxNode, text: SourceText) -> Module:
    """Lower a Python file. Functions keep a hold on the tree until they are asked for."""
    module = Module(text.path, "python")
    module.name = module_name(text.path)
    lowerer = ModuleLowerer(text, module)
    module.body = lowerer.statement_list(root.children)
    return module


def module_name(path: str) -> str:
    """Return the dotted name a file has when its root is on the path: `a/b.py` is `a.b`."""
    parts = list(PurePosixPath(path).with_suffix("").parts)
    if parts and parts[-1] == "__init__":
        parts.pop()
    return ".".join(part for part in parts if part not in ("/", "."))


def module_paths(name: str, importer: str) -> list[str]:
    """Return where a dotted module may lie, relative to the root, nearest to the importer first."""
    inner = name.replace(".", "/")
    folders: list[str] = [""]
    for part in PurePosixPath(importer).parts[:-1]:
        folders.append(f"{folders[-1]}{part}/")
    return [
        f"{folder}{inner}{ending}"
        for folder in reversed(folders)
        for ending in (".py", "/__init__.py")
    ]


class ModuleLowerer(StatementLowerer):
    """Definitions and imports, on top of the statements."""

    statements: ClassVar[dict[str, str]] = StatementLowerer.statements | {
        "function_definition": "function",
        "class_definition": "class_definition",
        "decorated_definition": "decorated",
        "import_statement": "imported",
        "import_from_statement": "imported_from",
        "future_import_statement": "passed",
    }

    owner: Class | None = None
    in_function: bool = False
    decorators: tuple[SyntaxNode, ...] = ()

    def imported(self, node: SyntaxNode) -> None:
        """`import a.b`, `import a.b as c`. Imports inside functions count for the whole file."""
        for child in node.named_children:
            if child.type == "dotted_name":
                first = self.words(child.named_children[0])
                self.module.imports.setdefault(first, first)
                if len(child.named_children) > 1:
                    self.module.inner.append(self.words(child))
            elif child.type == "aliased_import":
                parts = child.named_children
                self.module.imports[self.words(parts[-1])] = self.words(parts[0])

    def imported_from(self, node: SyntaxNode) -> None:
        """`from a import b as c`, also relative, also `*`."""
        parts = node.named_children
        if not parts:
            return
        source = self._absolute(self.words(parts[0]).replace(" ", ""))
        for child in parts[1:]:
            kind = child.type
            if kind == "wildcard_import":
                self.module.wildcards.append(source)
            elif kind == "aliased_import":
                inner = child.named_children
                self.module.imports[self.words(inner[-1])] = f"{source}.{self.words(inner[0])}"
            elif kind == "dotted_name":
                name = self.words(child)
                self.module.imports[name] = f"{source}.{name}"

    def _absolute(self, name: str) -> str:
        inner = name.lstrip(".")
        dots = len(name) - len(inner)
        if not dots:
            return name
        package = self.module.name.split(".")
        if not self.text.path.endswith("__init__.py"):
            package = package[:-1]
        package = package[: len(package) - (dots - 1)] if dots > 1 else package
        return ".".join([*package, inner] if inner else package)

    def decorated(self, node: SyntaxNode) -> Node | None:
        """A definition with decorators: they become its marks."""
        children = node.named_children
        before = self.decorators
        self.decorators = tuple(child for child in children if child.type == "decorator")
        last = children[-1]
        made = None
        if last.type == "function_definition":
            made = self.function(last)
        elif last.type == "class_definition":
            made = self.class_definition(last)
        self.decorators = before
        return made

    def function(self, node: SyntaxNode) -> Node | None:
        """A function or method. At module and class level it goes into the tables."""
        parts = fields(node)
        if "name" not in parts:
            return self.unknown(node)
        name = self.words(parts["name"])
        decorators, self.decorators = self.decorators, ()
        qualified = f"{self.scope}.{name}" if self.scope else name
        start = decorators[0].start_byte if decorators else node.start_byte
        owner = None if self.in_function else self.owner
        static = any(
            b"staticmethod" in self.text.data[mark.start_byte : mark.end_byte]
            for mark in decorators
        )

        def build() -> FunctionParts:
            return self._parts(parts, decorators, qualified)

        made = Function(
            name,
            qualified,
            start,
            node.end_byte,
            build,
            owner=owner,
            receiver=owner is not None and not static,
        )
        if owner is not None or not self.in_function:
            self.module.define(made)
            return None
        return Define(start, node.end_byte, made)

    def _parts(
        self, parts: dict[str, SyntaxNode], decorators: tuple[SyntaxNode, ...], qualified: str
    ) -> FunctionParts:
        saved = self.scope, self.owner, self.in_function, self.decorators
        self.scope, self.owner, self.in_function, self.decorators = qualified, None, True, ()
        parameters: list[Parameter] = []
        if "parameters" in parts:
            parameters = self.parameters(parts["parameters"])
        body = self.body(parts.get("body"))
        marks = [
            self.expression(mark.named_children[0]) for mark in decorators if mark.named_children
        ]
        returns = (
            "".join(self.words(parts["return_type"]).split()) if "return_type" in parts else ""
        )
        self.scope, self.owner, self.in_function, self.decorators = saved
        return FunctionParts(parameters, body, marks, returns)

    def class_definition(self, node: SyntaxNode) -> Node | None:
        """A class: its methods and fields, its body's other statements."""
        parts = fields(node)
        if "name" not in parts:
            return self.unknown(node)
        name = self.words(parts["name"])
        decorators, self.decorators = self.decorators, ()
        qualified = f"{self.scope}.{name}" if self.scope else name
        made = Class(name, qualified, node.start_byte, node.end_byte)
        made.constructor = "__init__"
        for mark in decorators:
            if mark.named_children:
                made.marks.append(self.expression(mark.named_children[0]))
        bases = parts.get("superclasses")
        if bases is not None:
            for base in bases.named_children:
                if base.type in ("identifier", "attribute"):
                    made.bases.append(self.words(base))
        saved = self.scope, self.owner, self.in_function
        self.scope, self.owner, self.in_function = qualified, made, False
        made.body = self.body(parts.get("body"))
        self.scope, self.owner, self.in_function = saved
        if self.in_function:
            return DefineClass(node.start_byte, node.end_byte, made)
        self.module.classes[qualified] = made
        return None
