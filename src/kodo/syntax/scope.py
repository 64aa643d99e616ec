"""A function laid out for editing: its nodes with parents and fields, and the names in reach.

Knows node types of all grammars, not edits. Guards speed: one pass, plain Python objects, no
recursion.
"""

from collections import Counter
from dataclasses import dataclass, field

from tree_sitter import Node

from kodo.syntax.kinds import ASSIGNMENTS, BLOCKS, COMPARISONS, INTEGERS, MEMBERS, OPERANDS, STRINGS
from kodo.syntax.languages import LanguageName
from kodo.syntax.words import WORDS, Words

_PATTERNS = {
    "pattern_list",
    "tuple_pattern",
    "list_pattern",
    "expression_list",
    "array_pattern",
    "left_assignment_list",
    "pointer_declarator",
    "reference_declarator",
    "list_splat_pattern",
    "mut_pattern",
    "tuple",
    "reference_pattern",
    "array_declarator",
}
_PARAMETERS = {
    "parameters",
    "formal_parameters",
    "parameter_list",
    "method_parameters",
    "lambda_parameters",
    "block_parameters",
    "closure_parameters",
}
_TARGET_FIELDS = {"left", "pattern", "name", "declarator", "variable", "alias"}
_NOT_VALUES = {
    "name",
    "attribute",
    "function",
    "field",
    "property",
    "key",
    "method",
    "type",
    "label",
    "alias",
    "macro",
    "constructor",
    "declarator",
}
_SKIPPED = {
    "import_statement",
    "import_from_statement",
    "comment",
    "line_comment",
    "block_comment",
    "decorator",
    "attribute_item",
    "modifiers",
    "type_annotation",
    "use_declaration",
    "import_declaration",
    "type_arguments",
    "template_argument_list",
    "superclass",
    "preproc_include",
}
_SELVES = {"self", "this", "cls"}


@dataclass(slots=True, eq=False)
class Spot:
    """One node, unrolled: bytes [start, end), 1-based line, the field it fills in its parent."""

    kind: str
    named: bool
    start: int
    end: int
    line: int
    column: int
    field: str
    parent: "Spot | None"
    text: bytes
    children: "list[Spot]"

    def child(self, name: str) -> "Spot | None":
        """Return the first child in the field `name`."""
        for child in self.children:
            if child.field == name:
                return child
        return None

    @property
    def parts(self) -> "list[Spot]":
        """The named children, comments apart."""
        return [child for child in self.children if child.named and "comment" not in child.kind]


@dataclass(slots=True)
class Scope:
    """What the edits of one function need to know, collected once."""

    source: bytes
    language: LanguageName
    words: Words
    root: Spot
    spots: list[Spot]
    names: list[str] = field(default_factory=list[str])
    """Parameters and local variables, in order of appearance."""
    parameters: list[str] = field(default_factory=list[str])
    members: list[str] = field(default_factory=list[str])
    """Attribute names used in the file, this function's first."""
    self_members: list[str] = field(default_factory=list[str])
    expressions: dict[bytes, Spot] = field(default_factory=dict[bytes, Spot])
    near: dict[int, list[Spot]] = field(default_factory=dict[int, list[Spot]])
    strings: list[bytes] = field(default_factory=list[bytes])
    integers: list[str] = field(default_factory=list[str])
    """Integer literals above 1 of the function, the rarest first."""
    function_names: list[str] = field(default_factory=list[str])
    own_name: str = ""
    is_async: bool = False

    @property
    def self_values(self) -> list[str]:
        """The attributes of the object itself, spelled as values."""
        prefix = self.words.self_
        return [prefix.rstrip("@") + member for member in self.self_members] if prefix else []

    def nearest_expressions(self, line: int) -> list[Spot]:
        """Return the expressions of the function, those nearest to `line` first."""
        found = self.near.get(line)
        if found is None:
            found = list(self.expressions.values())
            found.sort(key=lambda other: (abs(other.line - line), other.start))
            self.near[line] = found
        return found

    def indent_of(self, offset: int) -> str:
        """Return the whitespace that the line of `offset` begins with."""
        begin = self.source.rfind(b"\n", 0, offset) + 1
        line = self.source[begin : offset + 200].split(b"\n", 1)[0]
        return line[: len(line) - len(line.lstrip())].decode("utf-8", "replace")


def build_scope(
    source: bytes,
    language: LanguageName,
    node: Node,
    *,
    members: list[str],
    function_names: list[str],
    own_name: str,
) -> Scope:
    """Return the scope of the function at `node`."""
    root, spots = _unroll(source, node)
    scope = Scope(source, language, WORDS[language], root, spots)
    scope.function_names = function_names
    scope.own_name = own_name
    scope.is_async = any(spot.kind == "async" for spot in root.children)
    names: Counter[str] = Counter()
    own_members: Counter[str] = Counter()
    self_members: Counter[str] = Counter()
    for spot in spots:
        if spot.kind in {"identifier", "shorthand_property_identifier_pattern", "variable_name"}:
            text = spot.text.decode("utf-8", "replace")
            role = target_role(spot)
            if role and text not in _SELVES and text != "_":
                names[text] += 1
                if role == "parameter" and text not in scope.parameters:
                    scope.parameters.append(text)
        elif spot.kind in MEMBERS:
            member = spot.child(MEMBERS[spot.kind])
            if member is not None:
                text = member.text.decode("utf-8", "replace")
                own_members[text] += 1
                base = spot.parts[0].text if spot.parts else b""
                if base in {b"self", b"this"}:
                    self_members[text] += 1
        elif spot.kind == "instance_variable":
            self_members[spot.text.decode("utf-8", "replace")] += 1
        elif spot.kind in STRINGS and len(spot.text) <= 60 and spot.text not in scope.strings:
            scope.strings.append(spot.text)
        if (
            spot.kind in OPERANDS
            and len(spot.text) <= 60
            and spot.text not in scope.expressions
            and is_value(spot)
        ):
            scope.expressions[spot.text] = spot
    numbers = Counter(spot.text for spot in spots if spot.kind in INTEGERS and len(spot.text) < 7)
    scope.integers = [
        text.decode() for text, _ in numbers.most_common() if text not in {b"0", b"1"}
    ]
    scope.names = list(names)
    scope.self_members = list(self_members)
    scope.members = list(dict.fromkeys([*own_members, *members]))[:60]
    return scope


def _unroll(source: bytes, node: Node) -> tuple[Spot, list[Spot]]:
    cursor = node.walk()
    spots: list[Spot] = []
    parent: Spot | None = None
    open_spots: list[Spot] = []
    while True:
        current = cursor.node
        assert current is not None
        kind = current.type
        row, column = current.start_point
        start, end = current.start_byte, current.end_byte
        spot = Spot(
            kind,
            current.is_named,
            start,
            end,
            row + 1,
            column,
            cursor.field_name or "",
            parent,
            source[start:end] if end - start < 4000 else b"",
            [],
        )
        if parent is not None:
            parent.children.append(spot)
        spots.append(spot)
        if kind not in _SKIPPED and kind not in STRINGS and cursor.goto_first_child():
            open_spots.append(spot)
            parent = spot
            continue
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent() or not open_spots:
                return spots[0], spots
            open_spots.pop()
            parent = open_spots[-1] if open_spots else None
            if parent is None:
                return spots[0], spots


def target_role(spot: Spot) -> str:
    """Return "parameter" or "local" where an identifier is defined, "" where it is only used."""
    inner, parent = spot, spot.parent
    while parent is not None:
        if parent.kind in _PARAMETERS:
            return "parameter" if inner.field != "type" else ""
        if inner.field in {"type", "value", "right"}:
            return ""
        if inner.field in _TARGET_FIELDS and parent.kind not in COMPARISONS:
            in_parameter = "parameter" in parent.kind
            if in_parameter:
                return "parameter" if "argument" not in parent.kind else ""
            is_definition = parent.kind in ASSIGNMENTS or "for" in parent.kind
            clause = "clause" in parent.kind or parent.kind in {"as_pattern", "declaration"}
            return "local" if is_definition or clause else ""
        if (
            parent.kind not in _PATTERNS
            and "pattern" not in parent.kind
            and "parameter" not in parent.kind
        ):
            return ""
        inner, parent = parent, parent.parent
    return ""


def is_value(spot: Spot) -> bool:
    """Whether a spot is read as a value: not a callee, a target, a type or a name being defined."""
    parent = spot.parent
    if parent is None or spot.field in _NOT_VALUES:
        return False
    if spot.field == "left" and parent.kind in ASSIGNMENTS:
        return False
    if parent.kind in BLOCKS or parent.kind == "else":
        return parent.children[-1] is spot or parent.parts[-1] is spot  # what a block gives back
    if parent.kind in {"expression_statement", "argument"}:
        return False
    if parent.kind in {"expression_list", "pattern_list", "left_assignment_list"}:
        return parent.field != "left"
    return "parameter" not in parent.kind and "pattern" not in parent.kind


def is_block(spot: Spot) -> bool:
    """Whether a node of a block kind holds statements itself."""
    return spot.named and bool(spot.parts) and spot.parts[0].kind not in BLOCKS


def is_docstring(statement: Spot) -> bool:
    """Whether a statement is a bare string, as docstrings are."""
    return (
        statement.kind == "expression_statement"
        and len(statement.parts) == 1
        and statement.parts[0].kind == "string"
    )


def starts_line(scope: Scope, spot: Spot) -> bool:
    """Whether nothing but whitespace stands before a statement on its line."""
    begin = scope.source.rfind(b"\n", 0, spot.start) + 1
    return not scope.source[begin : spot.start].strip()
