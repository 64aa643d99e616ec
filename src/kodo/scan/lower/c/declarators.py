"""Declarators of C: what name is declared, with how many pointers, arrays and parameters around it.

Does not lower expressions. Guards that `char *argv[]` is a name, a type and its lengths.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from tree_sitter import Node as SyntaxNode

_DROPPED = re.compile(
    r"\b(?:const|volatile|static|extern|register|restrict|struct|union|enum|class|typename|"
    r"inline|constexpr|mutable|std\s*::)\b|\bstd::|__\w+"
)
_LENGTHS = ("array_declarator", "abstract_array_declarator")
_POINTERS = ("pointer_declarator", "abstract_pointer_declarator")
_WRAPPERS = frozenset(
    {
        "parenthesized_declarator",
        "reference_declarator",
        "attributed_declarator",
        "init_declarator",
        "abstract_reference_declarator",
        "abstract_parenthesized_declarator",
    }
)


@dataclass(slots=True)
class Declared:
    """A declarator taken apart. `name` is the node of the name, None in a bare type."""

    name: SyntaxNode | None = None
    pointers: int = 0
    lengths: list[SyntaxNode | None] = field(default_factory=list[SyntaxNode | None])
    parameters: SyntaxNode | None = None
    is_function: bool = False
    is_reference: bool = False


def read_declarator(node: SyntaxNode | None) -> Declared:
    """Take a declarator apart, from outside in. `(*f)(int)` is no function but a pointer to one."""
    made = Declared()
    for _ in range(20):
        if node is None:
            break
        kind = node.type
        if kind in _POINTERS:
            made.pointers += 1
            if made.is_function:
                made.is_function = False
        elif kind in _LENGTHS:
            made.lengths.insert(0, node.child_by_field_name("size"))
        elif kind in ("function_declarator", "abstract_function_declarator"):
            made.parameters = node.child_by_field_name("parameters")
            made.is_function = True
        elif kind not in _WRAPPERS:
            made.name = node
            break
        if "reference" in kind:
            made.is_reference = True
        inner = node.child_by_field_name("declarator")
        if inner is None:
            named = [child for child in node.named_children if child.type not in ("comment",)]
            inner = named[-1] if named and kind in _WRAPPERS | {*_POINTERS} else None
        node = inner
    return made


def plain_type(written: str) -> str:
    """Return a type as one word each, without qualifiers and `std::`; `::` is a dot."""
    bare = " ".join(_DROPPED.sub(" ", written).split())
    return bare.replace(" *", "*").replace("::", ".").replace(" &", "&").rstrip("&")
