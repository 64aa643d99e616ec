"""Rust's macros: their arguments, and templates as text.

Does not know statements. Guards offsets: arguments are read by the grammar itself, over the range
of bytes where they stand.
"""

from __future__ import annotations

import re
from typing import ClassVar

from tree_sitter import Node as SyntaxNode
from tree_sitter import Range

from kodo.scan.ir import (
    Bind,
    Call,
    Collection,
    Do,
    Field,
    Literal,
    Name,
    Node,
    Text,
    Throw,
    Unknown,
)
from kodo.scan.lower.rust.expressions import COMMENTS, ExpressionLowerer
from kodo.syntax.languages import new_parser

_TEMPLATES = frozenset(
    {"format!", "print!", "println!", "eprint!", "eprintln!", "write!", "writeln!", "panic!",
     "format_args!", "info!", "warn!", "error!", "debug!", "trace!", "log!", "bail!", "anyhow!",
     "ensure!", "unreachable!", "todo!"}
)  # fmt: skip
_SLOT = re.compile(r"\{(\w*)(?::([^{}]*))?\}|\{\{|\}\}")


class MacroLowerer(ExpressionLowerer):
    """Macros, on top of the expressions."""

    expressions: ClassVar[dict[str, str]] = ExpressionLowerer.expressions | {
        "macro_invocation": "macro",
    }

    def macro(self, node: SyntaxNode) -> Node:
        """`name!(...)`: its arguments are read by the grammar, on the bytes where they stand."""
        start, end = node.start_byte, node.end_byte
        children = [child for child in node.children if child.type not in COMMENTS]
        if len(children) < 2 or children[-1].type != "token_tree":
            return self.unknown(node)
        function = self.expression(children[0])
        if isinstance(function, (Name, Field)):
            function.name += "!"
        name = function.name if isinstance(function, (Name, Field)) else ""
        tree = children[-1]
        arguments = self.macro_arguments(tree)
        if arguments is None:
            return Call(start, end, function, [self.names_inside(tree)])
        if name == "matches!" and arguments:
            return Unknown(start, end, arguments)
        if name == "vec!":
            only = arguments[0] if len(arguments) == 1 else None
            return only if only is not None else Collection(start, end, "list", arguments)
        if name in _TEMPLATES:
            arguments = _filled(arguments, start, end)
        if name == "format!" and len(arguments) == 1:
            return arguments[0]
        if name in ("panic!", "unreachable!", "todo!", "unimplemented!", "bail!"):
            return Do(start, end, [*arguments, Throw(start, end, None)], None)
        return Call(start, end, function, arguments)

    def macro_arguments(self, tree: SyntaxNode) -> list[Node] | None:
        """Return the arguments of a macro, None where they are no list of expressions."""
        if tree.child_count <= 2:
            return []
        if self._depth > 60:
            return None
        parser = new_parser("rust")
        parser.included_ranges = [
            Range(tree.start_point, tree.end_point, tree.start_byte, tree.end_byte)
        ]
        node = parser.parse(self.text.data).root_node
        while node.start_byte == tree.start_byte and node.named_child_count:
            if node.type in ("tuple_expression", "parenthesized_expression", "array_expression"):
                break
            node = node.named_children[0]
        if node.type == "array_expression" and not _broken(node):
            return [self.expression(node)]
        if node.type not in ("tuple_expression", "parenthesized_expression") or _broken(node):
            return None
        return self.expression_list(node.named_children)

    def names_inside(self, tree: SyntaxNode) -> Node:
        """All identifiers of tokens that nothing else can be made of."""
        found: list[Node] = []
        pending = [tree]
        while pending and len(found) < 40:
            one = pending.pop()
            if one.type == "identifier":
                found.append(self.name(one))
            else:
                pending.extend(one.named_children)
        return Unknown(tree.start_byte, tree.end_byte, found)


def _broken(node: SyntaxNode) -> bool:
    return node.has_error


def _filled(arguments: list[Node], start: int, end: int) -> list[Node]:
    """Return the arguments with the template and its values as one text."""
    place = next(
        (
            at
            for at, one in enumerate(arguments)
            if isinstance(one, Literal) and isinstance(one.value, str)
        ),
        None,
    )
    if place is None:
        return arguments
    template = arguments[place]
    assert isinstance(template, Literal)
    values = arguments[place + 1 :]
    named = {
        one.target.name: one.value
        for one in values
        if isinstance(one, Bind) and isinstance(one.target, Name)
    }
    parts: list[Node] = []
    position = counter = 0
    text = str(template.value)
    for slot in _SLOT.finditer(text):
        parts.append(Literal(template.start, template.end, text[position : slot.start()]))
        position = slot.end()
        if slot[0] in ("{{", "}}"):
            parts.append(Literal(template.start, template.end, slot[0][0]))
            continue
        name = slot[1]
        value: Node
        if not name or name.isdigit():
            at = int(name) if name else counter
            counter += not name
            value = values[at] if at < len(values) else Unknown(start, end, [])
        else:
            value = named.get(name) or Name(template.start, template.end, name)
        if slot[2] and slot[2].endswith("?"):
            value = Call(value.start, value.end, Name(value.start, value.end, "%q"), [value])
        parts.append(value)
    parts.append(Literal(template.start, template.end, text[position:]))
    kept: list[Node] = [one for one in parts if not (isinstance(one, Literal) and one.value == "")]
    if not kept:
        kept = [template]
    return [*arguments[:place], Text(start, end, kept)]
