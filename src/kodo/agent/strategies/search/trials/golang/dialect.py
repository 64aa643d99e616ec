"""Many bodies of a Go function as functions of their own inside it.

Knows Go's functions. Guards that what `return` means stays the same: each body is called with the
results of the function it stands for.
"""

import zlib
from collections.abc import Mapping

from tree_sitter import Node

from kodo.agent.strategies.search.trials.schemata.dialect import TRAP, VARIABLE, Pieces
from kodo.syntax.languages import LanguageName
from kodo.syntax.symbols import Symbol


class GoDialect:
    """See `Dialect`."""

    endings = (".go",)

    def language_of(self, path: str) -> LanguageName:
        """See `Dialect`."""
        return "go"

    def may_choose(self, text: bytes, function: Symbol, node: Node) -> bool:
        """See `Dialect`."""
        return node.type in ("function_declaration", "method_declaration")

    def pieces(
        self, path: str, text: bytes, function: Symbol, node: Node, bodies: Mapping[int, bytes]
    ) -> Pieces:
        """See `Dialect`."""
        result = node.child_by_field_name("result")
        results = text[result.start_byte : result.end_byte] if result is not None else b""
        head = text[function.decorated_byte : function.body_start_byte]
        found: Pieces = [(head + f"{{ switch {_variable(path)} {{\n".encode(), 0)]
        for number, body in {**bodies, TRAP: b'{ panic("kodo") }'}.items():
            called = b"func() " + results + b" " + body + b"()"
            said = b"return " + called if results else called + b"; return"
            found.append((f"case {number}: ".encode() + said + b"\n", number))
        # The old body's statements end the function, so that it returns as it did.
        old = text[function.body_start_byte + 1 : function.body_end_byte]
        return [*found, (b"}; " + old, 0)]

    def prelude(self, path: str, text: bytes, root: Node, first_byte: int) -> tuple[int, bytes]:
        """See `Dialect`: a variable that is read before any other code of the package runs."""
        heads = [c for c in root.children if c.type in ("package_clause", "import_declaration")]
        at = max((child.end_byte for child in heads), default=0)
        mark = _variable(path)
        return at, (
            f'; import os_{mark} "os"; import strconv_{mark} "strconv";'
            f' var {mark}, _ = strconv_{mark}.Atoi(os_{mark}.Getenv("{VARIABLE}"))'
        ).encode()


def _variable(path: str) -> str:
    return f"kodo{zlib.crc32(path.encode()):08x}"
