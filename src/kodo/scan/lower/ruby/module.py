"""Ruby's files: methods, classes, modules.

Does not know what calls mean. Guards speed: a method's body is lowered only when it is looked at.
"""

from pathlib import PurePosixPath
from typing import ClassVar

from tree_sitter import Node as SyntaxNode

from kodo.scan.ir import (
    Assign,
    Block,
    Class,
    Define,
    Function,
    FunctionParts,
    Literal,
    Module,
    Name,
    Node,
    Parameter,
)
from kodo.scan.lower.base import fields
from kodo.scan.lower.ruby.statements import StatementLowerer
from kodo.scan.text import SourceText

_ROOT = "~"


def lower_ruby(root: SyntaxNode, text: SourceText) -> Module:
    """Lower a Ruby file."""
    module = Module(text.path, "ruby")
    module.name = ".".join([_ROOT, *PurePosixPath(text.path).with_suffix("").parts])
    lowerer = ModuleLowerer(text, module)
    if "<<" in text.latin:
        lowerer.heredocs = _heredocs(root)
    block = lowerer.statement_list(root.children)
    module.body = [*lowerer.constants, *block]
    return module


def module_paths(name: str, _importer: str) -> list[str]:
    """Return the file that a dotted path from the root means."""
    if not name.startswith(f"{_ROOT}."):
        return []
    return [f"{name[len(_ROOT) + 1 :].replace('.', '/')}.rb"]


def _heredocs(root: SyntaxNode) -> dict[int, SyntaxNode]:
    """Return the bodies of here-documents by where they begin; both stand in one order."""
    beginnings: list[int] = []
    bodies: list[SyntaxNode] = []
    pending = [root]
    while pending:
        node = pending.pop()
        if node.type == "heredoc_beginning":
            beginnings.append(node.start_byte)
        elif node.type == "heredoc_body":
            bodies.append(node)
        pending.extend(node.named_children)
    beginnings.sort()
    bodies.sort(key=lambda body: body.start_byte)
    return dict(zip(beginnings, bodies, strict=False))


class ModuleLowerer(StatementLowerer):
    """Definitions, on top of the statements."""

    statements: ClassVar[dict[str, str]] = StatementLowerer.statements | {
        "method": "method",
        "singleton_method": "method",
        "class": "class_definition",
        "module": "class_definition",
        "singleton_class": "singleton",
    }
    expressions: ClassVar[dict[str, str]] = StatementLowerer.expressions | {
        "method": "defined",
        "singleton_method": "defined",
    }

    def __init__(self, text: SourceText, module: Module) -> None:
        super().__init__(text, module)
        self.heredocs: dict[int, SyntaxNode] = {}
        self.locals: set[str] = set()
        self.constants: Block = []
        self.in_method = False
        self.in_singleton = False

    def call_statement(self, node: SyntaxNode) -> Node:
        """A call; `require_relative` brings in a class that is named as its file is."""
        first = self.words(node.children[0])
        if first == "require_relative" and len(node.children) > 1:
            made = self.inner(node.children[-1])
            if isinstance(made, Literal) and isinstance(made.value, str):
                self._require(made.value)
        return super().call_statement(node)

    def _require(self, source: str) -> None:
        folder = list(PurePosixPath(self.text.path).parts[:-1])
        for part in source.removesuffix(".rb").split("/"):
            if part == "..":
                folder = folder[:-1]
            elif part != ".":
                folder.append(part)
        if folder:
            name = "".join(word.capitalize() for word in folder[-1].split("_"))
            self.module.imports.setdefault(name, ".".join([_ROOT, *folder, name]))

    def assignment(self, node: SyntaxNode) -> Node:
        """An assignment; a constant of a class is known in all of the file."""
        made = super().assignment(node)
        if (
            self.owner is not None
            and not self.in_method
            and isinstance(made, Assign)
            and isinstance(made.target, Name)
        ):
            self.constants.append(made)
        return made

    # --- methods --------------------------------------------------------------------------------

    def defined(self, node: SyntaxNode) -> Node:
        """A definition as an argument: `private def ...`."""
        self.block.extend(self.statement_list([node]))
        name = node.child_by_field_name("name")
        return Literal(node.start_byte, node.end_byte, self.words(name) if name is not None else "")

    def method(self, node: SyntaxNode) -> Node | None:
        """`def name`, `def self.name`."""
        parts = fields(node)
        if "name" not in parts:
            return self.unknown(node)
        name = self.words(parts["name"])
        qualified = f"{self.scope}.{name}" if self.scope else name
        owner = None if self.in_method else self.owner
        static = node.type == "singleton_method" or self.in_singleton

        def build() -> FunctionParts:
            return self._parts(node, parts, qualified, owner, static=static)

        made = Function(
            name,
            qualified,
            node.start_byte,
            node.end_byte,
            build,
            owner=owner,
            receiver=owner is not None and not static,
        )
        if owner is not None or not self.in_method:
            self.module.define(made)
            return None
        return Define(node.start_byte, node.end_byte, made)

    def _parts(
        self,
        node: SyntaxNode,
        parts: dict[str, SyntaxNode],
        qualified: str,
        owner: Class | None,
        *,
        static: bool,
    ) -> FunctionParts:
        saved = self.locals, self.owner, self.static, self.scope, self.in_method
        self.locals, self.owner, self.static = set(), owner, static
        self.scope, self.in_method = qualified, True
        start = node.start_byte
        listed: list[Parameter] = []
        if owner is not None and not static:
            listed.append(Parameter(start, start, "this"))
        given = self.parameters(parts["parameters"]) if "parameters" in parts else []
        before: Block = []
        for parameter in given:
            if parameter.kind == "block":
                target = Name(parameter.start, parameter.end, parameter.name)
                before.append(Assign(start, start, target, Name(start, start, "&")))
                parameter.name, parameter.kind = "&", "named"
            listed.append(parameter)
        yields = b"yield" in self.text.data[start : node.end_byte]
        if yields and not any(parameter.name == "&" for parameter in listed):
            listed.append(Parameter(start, start, "&", kind="named"))
        body = [*before, *self.returning(parts.get("body"))]
        self.locals, self.owner, self.static, self.scope, self.in_method = saved
        return FunctionParts(listed, body)

    # --- classes --------------------------------------------------------------------------------

    def class_definition(self, node: SyntaxNode) -> None:
        """A class or module: its methods, and the statements of its body."""
        parts = fields(node)
        if "name" not in parts:
            return
        name = self.words(parts["name"]).replace("::", ".").lstrip(".")
        qualified = f"{self.scope}.{name}" if self.scope else name
        made = self.module.classes.get(qualified)
        if made is None:
            made = Class(name.rpartition(".")[2], qualified, node.start_byte, node.end_byte)
            made.constructor = "initialize"
            self.module.classes[qualified] = made
            self.module.classes.setdefault(made.name, made)
        if "superclass" in parts:
            base = self.words(parts["superclass"]).lstrip("< ").replace("::", ".")
            made.bases.append(base)
        saved = self.owner, self.scope
        self.owner, self.scope = made, qualified
        made.body += self.body(parts.get("body"))
        self.owner, self.scope = saved

    def singleton(self, node: SyntaxNode) -> None:
        """`class << self`: methods of the class itself."""
        before, self.in_singleton = self.in_singleton, True
        self.block.extend(self.body(node.child_by_field_name("body")))
        self.in_singleton = before
