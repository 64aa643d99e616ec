"""Many bodies of a C or C++ function as the cases of one switch.

Knows function definitions. Guards that what the compiler itself may run (constexpr) is left alone.
"""

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

_PRELUDE = f"""
#ifndef KODO_VARIANT_READ
#define KODO_VARIANT_READ
#include <stdlib.h>
static inline int kodo_variant(void) {{ static int known = -1; if (known < 0) {{ \
const char *word = getenv("{VARIABLE}"); known = word ? atoi(word) : 0; }} return known; }}
#endif
"""


class CDialect:
    """See `Dialect`."""

    endings = (".c", ".cc", ".cpp", ".cxx", ".h", ".hh", ".hpp", ".hxx")

    def language_of(self, path: str) -> LanguageName:
        """See `Dialect`."""
        return "c" if path.endswith(".c") else "cpp"

    def may_choose(self, text: bytes, function: Symbol, node: Node) -> bool:
        """See `Dialect`."""
        body = node.child_by_field_name("body")
        words = text[function.decorated_byte : function.body_start_byte]
        in_compiler = b"constexpr" in words or b"consteval" in words
        return (
            node.type == "function_definition"
            and body is not None
            and body.type == "compound_statement"
            and not in_compiler
        )

    def pieces(
        self, path: str, text: bytes, function: Symbol, node: Node, bodies: Mapping[int, bytes]
    ) -> Pieces:
        """See `Dialect`."""
        head = text[function.decorated_byte : function.body_start_byte]
        found: Pieces = [(head + b"{ switch (kodo_variant()) {\n", 0)]
        for number, body in {**bodies, TRAP: b"{ __builtin_trap(); }"}.items():
            found.append((f"case {number}: ".encode() + body + b" break;\n", number))
        old = text[function.body_start_byte : function.body_end_byte]
        return [*found, (b"default: " + old + b"\n} }", 0)]

    def prelude(self, path: str, text: bytes, root: Node, first_byte: int) -> tuple[int, bytes]:
        """See `Dialect`: before the declaration that holds the first function, at file level."""
        top = top_child_at(root, first_byte)
        at = top.start_byte if top is not None else 0
        return text.rfind(b"\n", 0, at) + 1, _PRELUDE.encode()
