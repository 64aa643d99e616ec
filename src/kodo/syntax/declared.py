"""What a file declares beside its functions' bodies: the types of fields and of results.

Knows declarations of compiled languages. Guards that a name with two different types is unknown.
"""

from dataclasses import dataclass, field

from tree_sitter import Node

from kodo.syntax.tree import walk
from kodo.syntax.value_types import NOTHING, Kind, kind_of_type

_FUNCTIONS = {
    "function_declaration": "result",
    "method_declaration": "result",
    "function_item": "return_type",
    "function_definition": "type",
}
_NAMES = {"identifier", "field_identifier"}


@dataclass(slots=True)
class Declared:
    """Types by the name of a field, and by the name of a function; None where unknown."""

    fields: dict[str, Kind | None] = field(default_factory=dict[str, "Kind | None"])
    functions: dict[str, Kind | None] = field(default_factory=dict[str, "Kind | None"])
    singles: set[str] = field(default_factory=set[str])
    """Functions, no methods, that take one value."""


def declared_in(root: Node) -> Declared:
    """Return what the file of a tree declares."""
    found = Declared()
    for node in walk(root):
        if node.type == "field_declaration":
            written = node.child_by_field_name("type")
            kind = kind_of_type(written.text or b"") if written is not None else None
            for name in (*node.children_by_field_name("name"), *_declarators(node)):
                _put(found.fields, name, kind)
        elif node.type in _FUNCTIONS:
            place = "type" if node.child_by_field_name("type") else _FUNCTIONS[node.type]
            written = node.child_by_field_name(place)
            text = written.text or b"" if written is not None else b"void"
            kind = Kind(NOTHING) if text in {b"void", b"()"} else kind_of_type(text)
            name = node.child_by_field_name("name") or _called(node)
            if name is not None:
                _put(found.functions, name, kind)
                if _takes_one(node):
                    found.singles.add((name.text or b"").decode("utf-8", "replace"))
    return found


def _declarators(node: Node) -> list[Node]:
    found: list[Node] = []
    for declarator in node.children_by_field_name("declarator"):
        if declarator.type == "function_declarator":
            continue
        name = declarator.child_by_field_name("name") or declarator
        if name.type in _NAMES:
            found.append(name)
    return found


def _called(node: Node) -> Node | None:
    current = node.child_by_field_name("declarator")
    while current is not None and current.type not in {*_NAMES, "qualified_identifier"}:
        current = current.child_by_field_name("declarator")
    return current


def _takes_one(node: Node) -> bool:
    listed = node.child_by_field_name("parameters")
    declarator = node.child_by_field_name("declarator")
    while listed is None and declarator is not None:
        listed = declarator.child_by_field_name("parameters")
        declarator = declarator.child_by_field_name("declarator")
    if listed is None or len(listed.named_children) != 1 or node.child_by_field_name("receiver"):
        return False
    only = listed.named_children[0]
    return only.type != "self_parameter" and len(only.children_by_field_name("name")) <= 1


def _put(known: dict[str, Kind | None], name: Node, kind: Kind | None) -> None:
    text = (name.text or b"").rsplit(b"::", 1)[-1].decode("utf-8", "replace")
    known[text] = kind if known.get(text, kind) == kind else None
