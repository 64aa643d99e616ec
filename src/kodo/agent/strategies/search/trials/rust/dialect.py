"""Many bodies of a Rust function as the arms of one match.

Knows Rust's functions. Guards that constant functions, which run in the compiler, are left alone.
"""

import re
from collections.abc import Mapping

from tree_sitter import Node

from kodo.agent.strategies.search.trials.schemata.dialect import TRAP, VARIABLE, Pieces
from kodo.syntax.languages import LanguageName
from kodo.syntax.symbols import Symbol

_CHOICE = (
    "{ let kodo_variant: u32 = { static KODO: ::std::sync::OnceLock<u32> ="
    " ::std::sync::OnceLock::new(); *KODO.get_or_init(|| ::std::env::var("
    f'"{VARIABLE}"'
    ").ok().and_then(|v| v.parse().ok()).unwrap_or(0)) }; match kodo_variant {\n"
)
_CONSTANT = re.compile(r"\bconst\s+(?:async\s+|unsafe\s+|extern\s+\S+\s+)*fn\b")


class RustDialect:
    """See `Dialect`."""

    endings = (".rs",)

    def language_of(self, path: str) -> LanguageName:
        """See `Dialect`."""
        return "rust"

    def may_choose(self, text: bytes, function: Symbol, node: Node) -> bool:
        """See `Dialect`."""
        return _CONSTANT.search(function.signature) is None

    def pieces(
        self, path: str, text: bytes, function: Symbol, node: Node, bodies: Mapping[int, bytes]
    ) -> Pieces:
        """See `Dialect`."""
        head = text[function.decorated_byte : function.body_start_byte]
        found: Pieces = [(b"#[allow(warnings)] " + head + _CHOICE.encode(), 0)]
        for number, body in {**bodies, TRAP: b'{ panic!("kodo") }'}.items():
            found.append((f"{number}u32 => ".encode() + body + b"\n", number))
        old = text[function.body_start_byte : function.body_end_byte]
        return [*found, (b"_ => " + old + b"\n} }", 0)]

    def prelude(self, path: str, text: bytes, root: Node, first_byte: int) -> tuple[int, bytes]:
        """See `Dialect`; nothing is needed."""
        return 0, b""
