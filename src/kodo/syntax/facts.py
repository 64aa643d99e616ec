"""What a function tells of its names: where each can be seen, its type, whether it may be set.

Knows declarations of all grammars, no other file. Guards against guessing: what the text does not
tell is unknown, and unknown forbids nothing.
"""

import re
from dataclasses import dataclass, field

from kodo.syntax.declared import Declared
from kodo.syntax.kinds import (
    ARGUMENTS,
    BINARIES,
    BLOCKS,
    CALLS,
    INTEGERS,
    LOOPS,
    MEMBERS,
    STRINGS,
    SUBSCRIPTS,
)
from kodo.syntax.scope import Scope, Spot, target_role
from kodo.syntax.value_types import (
    NOTHING,
    NUMBER,
    OTHER,
    TEXT,
    TRUTH,
    Kind,
    element_of,
    kind_of_type,
)

STATIC = frozenset({"go", "java", "c", "cpp", "rust"})
BLOCK_SCOPED = STATIC | {"javascript", "typescript", "tsx"}

_NUMBERS = re.compile(
    r"(?:unsigned|signed|int|long|short|byte|float|double|(?:std::)?s?size_t|usize|isize"
    r"|(?:std::)?u?int(?:8|16|32|64)_t|[iuf](?:8|16|32|64|128)|u?int(?:8|16|32|64)|uint|float(?:32|64)"
    r"|rune|Integer|Long|Double|Float|Short|number)(?: (?:int|long|char|double))*"
)
_TEXTS = {"string", "String", "std::string", "str", "std::string_view", "'staticstr"}
_TRUTHS = {"bool", "boolean", "Boolean"}
_UNTYPED = {"", "auto", "var", "let", "const", "auto&", "constauto&", "any"}
_COMPARES = {"<", "<=", ">", ">=", "==", "!=", "===", "!==", "&&", "||", "and", "or", "not", "in"}
_COUNTS = {"len", "size", "length", "count", "indexOf", "lastIndexOf", "capacity", "cap"}
_TEXTUAL = {"trim", "lower", "upper", "strip", "toLowerCase", "toUpperCase", "join", "to_string"}
_TESTS = {"is_empty", "isEmpty", "empty", "contains", "is_some", "is_none", "equals", "starts_with"}
_HEADERS = {"if_statement", "switch_statement", "expression_switch_statement", "match_arm"}
_FUNCTIONS = ("lambda", "closure", "function", "arrow", "func_literal")
_WITH_VALUE = {
    "short_var_declaration",
    "let_declaration",
    "variable_declarator",
    "local_variable_declaration",
    "lexical_declaration",
    "declaration",
}
_CONSTANT = re.compile(rb"\b(?:const|final)\b")


@dataclass(slots=True)
class Name:
    """What is known of a name: byte ranges where it is seen, its type, whether it may be set."""

    seen: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    places: list[int] = field(default_factory=list[int])
    """Where it is declared, a byte for each range."""
    kinds: list[Kind | None] = field(default_factory=list["Kind | None"])
    constant: bool = False

    @property
    def kind(self) -> Kind | None:
        """The type, None where it is unknown or another one elsewhere."""
        first = self.kinds[0] if self.kinds else None
        return first if all(kind == first for kind in self.kinds) else None


class Facts:
    """The names of one function, and the types of its expressions."""

    __slots__ = ("_scope", "declared", "names", "returns")

    def __init__(self, scope: Scope, declared: Declared) -> None:
        self._scope = scope
        self.declared = declared
        self.names: dict[str, Name] = {}
        for spot in scope.spots:
            if spot.kind in {"identifier", "shorthand_property_identifier_pattern"}:
                role = target_role(spot)
                if role:
                    self._declare(spot, role)
        self.returns = _return_kind(scope)

    def _declare(self, spot: Spot, role: str) -> None:
        text = spot.text.decode("utf-8", "replace")
        name = self.names.get(text)
        declaration = _declaration_of(spot)
        if name is not None and not _introduces(declaration, self._scope.language):
            return
        if name is None:
            name = self.names[text] = Name()
        blocks = self._scope.language in BLOCK_SCOPED
        start = self._scope.root.start if role == "parameter" and blocks is False else spot.start
        end = _reach(spot, self._scope.root).end if blocks else self._scope.root.end
        if blocks and declaration.kind in _WITH_VALUE:
            start = declaration.end  # its own value cannot use it
        name.seen.append((start, end))
        name.places.append(spot.start)
        name.kinds.append(self._declared_kind(spot, declaration))
        outer = declaration
        if declaration.kind == "variable_declarator" and declaration.parent is not None:
            outer = declaration.parent  # `const` stands before it
        head = self._scope.source[outer.start : spot.start]
        if self._scope.language == "rust":
            name.constant = b"mut " not in head
        elif _CONSTANT.search(head) and b"*" not in head:
            name.constant = True

    def _declared_kind(self, spot: Spot, declaration: Spot) -> Kind | None:
        around: Spot | None = spot.parent
        written = None
        while around is not None and written is None and around.kind not in BLOCKS:
            written = around.child("type")
            if around is declaration:
                break
            around = around.parent
        if written is not None and (kind := kind_of_type(written.text)) is not None:
            declarator = spot.parent
            if declarator is not None and "array_declarator" in declarator.kind:
                return Kind(OTHER, kind.name + "[]")
            return kind
        if self._scope.language not in STATIC and written is None and declaration.kind in LOOPS:
            return None
        value = declaration.child("value") or declaration.child("right")
        if declaration.kind == "range_clause" or declaration.kind in LOOPS:
            return None
        if value is not None and value.kind == "expression_list":
            value = value.parts[0] if len(value.parts) == 1 else None
        left = declaration.child("left")
        if left is not None and len(left.parts) > 1:
            return None
        return self.kind_of(value) if value is not None else None

    def sees(self, text: str, at: int) -> bool:
        """Whether a name can be used at a byte; names that the function does not declare can."""
        name = self.names.get(text)
        return name is None or any(start <= at <= end for start, end in name.seen)

    def kind_of(self, spot: Spot, depth: int = 0) -> Kind | None:
        """Return the type of an expression, None where the text does not tell."""
        if depth > 6:
            return None
        kind = spot.kind
        if kind == "identifier":
            name = self.names.get(spot.text.decode("utf-8", "replace"))
            return name.kind if name is not None else None
        if kind in INTEGERS or "float" in kind:
            return Kind(NUMBER)
        if kind in STRINGS or kind in {"template_string", "raw_string_literal"}:
            return Kind(TEXT)
        if kind in {"true", "false", "boolean_literal"} or kind == "comparison_operator":
            return Kind(TRUTH)
        if kind in BINARIES:
            return self._kind_of_binary(spot, depth)
        if kind == "parenthesized_expression" and len(spot.parts) == 1:
            return self.kind_of(spot.parts[0], depth + 1)
        if kind in {"unary_expression", "not_operator"} and spot.children:
            if spot.children[0].kind in {"!", "not"}:
                return Kind(TRUTH)
            if spot.children[0].kind == "-" and spot.parts:
                return self.kind_of(spot.parts[-1], depth + 1)
        if kind in CALLS:
            return self._kind_of_call(spot)
        if kind in MEMBERS:
            member = spot.child(MEMBERS[kind])
            name = member.text.decode("utf-8", "replace") if member is not None else ""
            return self.declared.fields.get(name)
        if kind in SUBSCRIPTS and len(spot.parts) == 2 and "slice" not in kind:
            base = self.kind_of(spot.parts[0], depth + 1)
            if "range" in spot.parts[1].kind:
                return None
            return element_of(base) if base is not None else None
        return None

    def _kind_of_call(self, spot: Spot) -> Kind | None:
        arguments = next((child for child in spot.children if child.kind in ARGUMENTS), None)
        head_end = arguments.start - spot.start if arguments is not None else len(spot.text)
        head = spot.text[:head_end]
        name = re.split(rb"[.:>]", head)[-1].decode("utf-8", "replace").strip()
        if name in self.declared.functions:
            return self.declared.functions[name]
        if name in _COUNTS:
            return Kind(NUMBER)
        if name in _TEXTUAL:
            return Kind(TEXT)
        if name in _TESTS:
            return Kind(TRUTH)
        if head.startswith(b"new "):
            return Kind(OTHER)
        return None

    def _kind_of_binary(self, spot: Spot, depth: int) -> Kind | None:
        operators = {child.kind for child in spot.children if not child.named}
        if operators & _COMPARES:
            return Kind(TRUTH)
        for part in spot.parts:
            kind = self.kind_of(part, depth + 1)
            if kind is not None and kind.name:
                return kind
        known = [self.kind_of(part, depth + 1) for part in spot.parts]
        return next((kind for kind in known if kind is not None), None)

    def kind_of_text(self, text: bytes) -> Kind | None:
        """Return the type of what an edit writes, None where it is not known."""
        stripped = text.strip()
        word = stripped.decode("utf-8", "replace")
        if word in self.names:
            return self.names[word].kind
        if re.fullmatch(rb"-?\d+", stripped):
            return Kind(NUMBER)
        if re.fullmatch(rb'"[^"]*"', stripped):
            return Kind(TEXT)
        if word in {"true", "false", "True", "False"}:
            return Kind(TRUTH)
        spot = self._scope.expressions.get(stripped)
        return self.kind_of(spot) if spot is not None else None


def _declaration_of(spot: Spot) -> Spot:
    """Return the outermost node that belongs to the declaration alone."""
    current = spot
    while current.parent is not None:
        parent = current.parent
        if parent.kind in BLOCKS or parent.kind in _HEADERS or "parameters" in parent.kind:
            break
        if parent.kind in {"parameter_list", "method_parameters"}:
            break
        if current.kind in LOOPS or (parent.kind in LOOPS and current.field in {"body"}):
            break
        if parent.kind.startswith(_FUNCTIONS) or parent.kind.endswith("_definition"):
            break
        current = parent
        if current.kind in {"let_declaration", "short_var_declaration", "variable_declarator"}:
            holder = current.parent
            if holder is not None and holder.kind in {
                "lexical_declaration",
                "local_variable_declaration",
                "variable_declaration",
            }:
                return current if holder.child("type") is None else _with_value(current, holder)
            return current
    return current


def _with_value(declarator: Spot, holder: Spot) -> Spot:
    return holder if holder.child("value") is not None else declarator


def _introduces(declaration: Spot, language: str) -> bool:
    """Whether a target is a new variable there, and not one that is set again."""
    if language not in BLOCK_SCOPED:
        return False
    return not declaration.kind.startswith(
        ("assignment", "augmented", "compound_assignment", "expression_statement", "update")
    )


def _reach(spot: Spot, root: Spot) -> Spot:
    """Return the node in which a block-scoped name can be seen."""
    current = spot
    while current.parent is not None:
        current = current.parent
        kind = current.kind
        if "declarator" in kind or kind == "function_type":
            continue  # the head of a C function: its names are seen in the body beside it
        if kind in BLOCKS or kind in LOOPS or kind in _HEADERS or kind.startswith(_FUNCTIONS):
            return current
    return root


def _return_kind(scope: Scope) -> Kind | None:
    for place in ("return_type", "result", "type"):
        written = scope.root.child(place)
        if written is not None:
            if written.text in {b"void", b"()"}:
                return Kind(NOTHING)
            return kind_of_type(written.text)
    if scope.language in {"go", "rust"} and scope.root.kind != "source_file":
        return Kind(NOTHING)
    return None
