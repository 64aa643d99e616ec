"""Many bodies of a Java method as methods beside it, one of which it calls.

Knows method declarations. Guards that constructors, whose calls of others must come first, are left
alone.
"""

import zlib
from collections.abc import Mapping

from tree_sitter import Node

from kodo.agent.strategies.search.trials.schemata.dialect import (
    TRAP,
    VARIABLE,
    Pieces,
    top_child_at,
)
from kodo.syntax.languages import LanguageName
from kodo.syntax.symbols import Symbol

_ANNOTATIONS = ("annotation", "marker_annotation")


class JavaDialect:
    """See `Dialect`."""

    endings = (".java",)

    def language_of(self, path: str) -> LanguageName:
        """See `Dialect`."""
        return "java"

    def may_choose(self, text: bytes, function: Symbol, node: Node) -> bool:
        """See `Dialect`."""
        return node.type == "method_declaration" and _names(text, node) is not None

    def pieces(
        self, path: str, text: bytes, function: Symbol, node: Node, bodies: Mapping[int, bytes]
    ) -> Pieces:
        """See `Dialect`."""
        name, kind = node.child_by_field_name("name"), node.child_by_field_name("type")
        names = _names(text, node)
        if name is None or kind is None or names is None:
            return [(text[function.decorated_byte : function.body_end_byte], 0)]
        plain = name.text or b""
        returns = kind.type != "void_type"
        head = text[function.decorated_byte : function.body_start_byte]
        calls: list[bytes] = []
        copies: Pieces = []
        before = _without_annotations(text, node, name.start_byte)
        after = text[name.end_byte : function.body_start_byte].replace(b"\n", b" ")
        for number, body in {**bodies, TRAP: b'{ throw new Error("kodo"); }'}.items():
            own = plain + f"_kodo{number}".encode()
            called = own + b"(" + b", ".join(names) + b");"
            said = b"return " + called if returns else called + b" return;"
            calls.append(f"case {number}: ".encode() + said)
            copies.append((before + own + after + body + b"\n", number))
        choice = f"{{ switch ({_holder(path)}.N) {{ ".encode() + b" ".join(calls) + b" } "
        old = text[function.body_start_byte + 1 : function.body_end_byte]
        return [(head + choice + old + b"\n", 0), *copies]

    def prelude(self, path: str, text: bytes, root: Node, first_byte: int) -> tuple[int, bytes]:
        """See `Dialect`: a class of its own, before the one that holds the first method."""
        top = top_child_at(root, first_byte)
        return (top.start_byte if top is not None else 0), (
            f"final class {_holder(path)} {{ static final int N = Integer.parseInt("
            f'System.getenv().getOrDefault("{VARIABLE}", "0")); }} '
        ).encode()


def _holder(path: str) -> str:
    return f"Kodo{zlib.crc32(path.encode()):08x}"


def _names(text: bytes, node: Node) -> list[bytes] | None:
    """Return the names of a method's parameters, or None where one has none."""
    parameters = node.child_by_field_name("parameters")
    found: list[bytes] = []
    for child in parameters.named_children if parameters is not None else ():
        if child.type == "formal_parameter":
            name = child.child_by_field_name("name")
        elif child.type == "spread_parameter":
            declared = [c for c in child.named_children if c.type == "variable_declarator"]
            name = declared[0].child_by_field_name("name") if declared else None
        else:
            return None
        if name is None:
            return None
        found.append(text[name.start_byte : name.end_byte])
    return found


def _without_annotations(text: bytes, node: Node, end: int) -> bytes:
    """Return a method's words before its name, on one line, without `@Override` and the like."""
    words: list[bytes] = []
    for child in node.children:
        if child.start_byte >= end:
            break
        parts = child.children if child.type == "modifiers" else [child]
        words += [
            text[part.start_byte : part.end_byte]
            for part in parts
            if part.type not in _ANNOTATIONS and "comment" not in part.type
        ]
    return b" ".join(words).replace(b"\n", b" ") + b" "
