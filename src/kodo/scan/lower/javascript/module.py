"""JavaScript's modules: imports, exports, what TypeScript adds.

Does not know what calls mean. Guards speed: a function's body is lowered only when it is looked at.
"""

from typing import ClassVar

from tree_sitter import Node as SyntaxNode

from kodo.scan.ir import (
    Assign,
    Literal,
    Mapping,
    Module,
    Name,
    Node,
    Pair,
    Unknown,
)
from kodo.scan.lower.base import fields
from kodo.scan.lower.javascript.classes import CLASSES, ClassLowerer
from kodo.scan.lower.javascript.functions import FUNCTIONS
from kodo.scan.lower.javascript.names import DEFAULT, dotted_source, module_name
from kodo.scan.text import SourceText

_EXPORTS = frozenset(("module.exports", "exports"))


def lower_javascript(root: SyntaxNode, text: SourceText) -> Module:
    """Lower a JavaScript or TypeScript file."""
    module = Module(text.path, "javascript")
    module.name = module_name(text.path)
    lowerer = ModuleLowerer(text, module)
    module.body = lowerer.statement_list(root.children)
    lowerer.give_names()
    return module


class ModuleLowerer(ClassLowerer):
    """Imports and exports, on top of definitions."""

    statements: ClassVar[dict[str, str]] = ClassLowerer.statements | {
        "import_statement": "imported",
        "export_statement": "exported",
        "enum_declaration": "enumeration",
        "internal_module": "namespace",
        "module": "namespace",
        "interface_declaration": "passed",
        "type_alias_declaration": "passed",
        "ambient_declaration": "passed",
        "function_signature": "passed",
    }

    def __init__(self, text: SourceText, module: Module) -> None:
        super().__init__(text, module)
        self._aliases: list[tuple[str, str]] = []  # exported name, local name

    # --- imports --------------------------------------------------------------------------------

    def imported(self, node: SyntaxNode) -> None:
        """`import a, {b as c} from "x"`."""
        parts = fields(node)
        if "source" not in parts:
            for child in node.named_children:
                if child.type == "import_require_clause":
                    source = self._source(fields(child).get("source"))
                    self.module.imports[self.words(child.named_children[0])] = source
            return
        source = self._source(parts["source"])
        imports = self.module.imports
        for clause in node.named_children:
            if clause.type != "import_clause":
                continue
            for child in clause.named_children:
                if child.type == "identifier":
                    imports[self.words(child)] = source
                elif child.type == "namespace_import":
                    imports[self.words(child.named_children[-1])] = source
                elif child.type == "named_imports":
                    for one in child.named_children:
                        named = fields(one)
                        if "name" in named:
                            name = self.words(named["name"]).strip("'\"")
                            local = self.words(named["alias"]) if "alias" in named else name
                            imports[local] = source if name == DEFAULT else f"{source}.{name}"

    def _source(self, node: SyntaxNode | None) -> str:
        literal = self.expression(node) if node is not None else None
        written = literal.value if isinstance(literal, Literal) else ""
        return dotted_source(str(written), self.text.path) if written else "?"

    def declarator(self, node: SyntaxNode) -> Node | None:
        """A declaration: of an import, of a function of the module, or of anything else."""
        parts = fields(node)
        target, value = parts.get("name"), parts.get("value")
        if target is not None and value is not None:
            if target.type == "identifier" and not self.in_function:
                if value.type in FUNCTIONS:
                    self.define(self.words(target), value)
                    return None
                if value.type in CLASSES:
                    self.define_class(value, self.words(target))
                    return None
            if self._requires(target, value):
                return None
        return super().declarator(node)

    def _requires(self, target: SyntaxNode, value: SyntaxNode) -> bool:
        """`const x = require("y")`, also `.z` of it, also taken apart."""
        names: list[str] = []
        while value.type == "member_expression":
            names.append(self.words(value.children[-1]))
            value = value.children[0]
        while value.type in ("parenthesized_expression", "await_expression"):
            value = value.named_children[0] if value.named_children else value.children[0]
        source = self.required(value) if value.type == "call_expression" else ""
        if not source:
            return False
        dotted = ".".join([source, *reversed(names)])
        if target.type == "identifier":
            self.module.imports[self.words(target)] = dotted.removesuffix(f".{DEFAULT}")
            return True
        if target.type != "object_pattern":
            return False
        for child in target.named_children:
            if child.type == "shorthand_property_identifier_pattern":
                name = self.words(child)
                self.module.imports[name] = f"{dotted}.{name}"
            elif child.type == "pair_pattern":
                named = fields(child)
                if "value" in named and named["value"].type == "identifier":
                    key = self.words(named["key"]).strip("'\"")
                    local = self.words(named["value"])
                    self.module.imports[local] = dotted if key == DEFAULT else f"{dotted}.{key}"
        return True

    # --- exports --------------------------------------------------------------------------------

    def exported(self, node: SyntaxNode) -> Node | None:
        """`export ...`."""
        parts = fields(node)
        source = self._source(parts["source"]) if "source" in parts else ""
        is_default = any(child.type in ("default", "=") for child in node.children)
        inner = parts.get("declaration") or parts.get("value")
        for child in node.named_children:
            if child.type == "export_clause":
                self._export_clause(child, source)
                return None
            if inner is None and child.type not in ("decorator", "string", *self.skipped):
                inner = child
        if inner is None or source:
            if source:
                self.module.wildcards.append(source)
            return None
        if is_default:
            return self.export_value(DEFAULT, inner)
        if inner.type in CLASSES:
            marks = tuple(child for child in node.children if child.type == "decorator")
            return self.class_of(inner, "", marks)
        made = self.statement_list([inner])
        self.block.extend(made)
        return None

    def _export_clause(self, node: SyntaxNode, source: str) -> None:
        for child in node.named_children:
            named = fields(child)
            if "name" not in named:
                continue
            name = self.words(named["name"])
            exported = self.words(named["alias"]) if "alias" in named else name
            if source:
                target = source if name == DEFAULT else f"{source}.{name}"
                self.module.imports.setdefault(exported, target)
            elif exported != name:
                self._aliases.append((exported, name))

    def export_value(self, name: str, value: SyntaxNode) -> Node | None:
        """What a module gives under a name: a function, class, object, or anything else."""
        kind = value.type
        if kind in FUNCTIONS or kind in ("function_declaration", "generator_function_declaration"):
            own = value.child_by_field_name("name")
            local = self.words(own) if own is not None else name
            self.define(local, value)
            if local != name:
                self._aliases.append((name, local))
            return None
        if kind in CLASSES:
            own = value.child_by_field_name("name")
            local = self.words(own) if own is not None else name
            made = self.class_of(value, local, ())
            if local != name:
                self._aliases.append((name, local))
            return made
        if kind == "identifier":
            self._aliases.append((name, self.words(value)))
            return None
        if kind == "new_expression":
            maker = value.child_by_field_name("constructor")
            if maker is not None and maker.type == "identifier":
                self._aliases.append((f"{name}()", self.words(maker)))
            return self.expression(value)
        if kind == "object" and name == DEFAULT:
            return self._export_object(value)
        if kind == "call_expression" and self.required(value):
            self.module.imports.setdefault(name, self.required(value))
            return None
        return self.expression(value)

    def _export_object(self, node: SyntaxNode) -> Node | None:
        rest: list[Node] = []
        for child in node.named_children:
            kind = child.type
            if kind == "method_definition":
                named = child.child_by_field_name("name")
                if named is not None:
                    self.define(self.words(named), child)
            elif kind == "shorthand_property_identifier":
                self._aliases.append((self.words(child), self.words(child)))
            elif kind == "pair":
                parts = fields(child)
                key, value = parts.get("key"), parts.get("value")
                if key is not None and value is not None and value.type != "object":
                    made = self.export_value(self.words(key).strip("'\""), value)
                    rest += [made] if made is not None else []
                elif value is not None:
                    rest.append(self.expression(value))
            elif kind == "spread_element":
                inner = child.named_children[0]
                source = self.required(inner) if inner.type == "call_expression" else ""
                if source:
                    self.module.wildcards.append(source)
            elif kind not in self.skipped:
                rest.append(self.expression(child))
        return Unknown(node.start_byte, node.end_byte, rest) if rest else None

    def assignment(self, node: SyntaxNode) -> Node:
        """An assignment; `module.exports = ...`, `exports.a = ...` name what a module gives."""
        parts = fields(node)
        left, right = parts.get("left"), parts.get("right")
        if left is None or right is None or self.in_function or left.type != "member_expression":
            return super().assignment(node)
        written = self.words(left)
        holder, _, name = written.rpartition(".")
        exported = ""
        if written == "module.exports":
            exported = DEFAULT
        elif holder in _EXPORTS:
            exported = name
        if not exported:
            return super().assignment(node)
        while right.type == "assignment_expression":  # module.exports = exports.default = x
            inner = fields(right).get("right")
            if inner is None:
                break
            right = inner
        made = self.export_value(exported, right)
        return made if made is not None else Unknown(node.start_byte, node.end_byte, [])

    def give_names(self) -> None:
        """Give exported names to what they stand for, once all of the file is known."""
        module = self.module
        for exported, local in self._aliases:
            if exported.endswith("()"):  # an instance: its methods are what is called
                made = module.classes.get(local)
                for name, method in (made.methods if made is not None else {}).items():
                    module.functions.setdefault(name, method)
            elif local in module.functions:
                module.functions.setdefault(exported, module.functions[local])
            elif local in module.classes:
                module.classes.setdefault(exported, module.classes[local])
            elif local in module.imports and exported != local:
                module.imports.setdefault(exported, module.imports[local])

    # --- TypeScript -----------------------------------------------------------------------------

    def enumeration(self, node: SyntaxNode) -> Node | None:
        """`enum E { A = 1 }`: a map of its members."""
        parts = fields(node)
        if "name" not in parts or "body" not in parts:
            return None
        start, end = node.start_byte, node.end_byte
        pairs: list[Pair] = []
        for place, child in enumerate(parts["body"].named_children):
            named = fields(child)
            key = self.words(named.get("name", child)).strip("'\"")
            value = self.expression(named["value"]) if "value" in named else None
            at, to = child.start_byte, child.end_byte
            pairs.append(Pair(at, to, Literal(at, to, key), value or Literal(at, to, place)))
        target = Name(start, end, self.words(parts["name"]))
        return Assign(start, end, target, Mapping(start, end, pairs))

    def namespace(self, node: SyntaxNode) -> None:
        """`namespace N { ... }`: its definitions are the module's."""
        self.block.extend(self.block_of(node.child_by_field_name("body")))
