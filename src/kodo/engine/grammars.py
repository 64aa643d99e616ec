"""Grammars in GBNF put together. Pure: knows the form of rules, not what they hold."""

import re
from collections.abc import Sequence

_WORD = re.compile(
    r'"(?:\\.|[^"\\])*"|\[(?:\\.|[^\]\\])*\]|\{[^}]*\}|'
    r"(?P<comment>#[^\n]*)|(?P<name>[a-zA-Z0-9-]+)"
)


def either(grammars: Sequence[str]) -> str:
    """Return the grammar of the texts that one of `grammars` allows."""
    roots = " | ".join(f"g{number}-root" for number in range(len(grammars)))
    parts = [_renamed(grammar, f"g{number}-") for number, grammar in enumerate(grammars)]
    return "\n".join((f"root ::= {roots}", *parts)) + "\n"


def after(text: str, grammar: str) -> str:
    """Return the grammar of what `grammar` allows behind `text` (ASCII)."""
    quoted = "".join(one if one.isalnum() else f"\\x{ord(one):02X}" for one in text)
    return f'root ::= "{quoted}" t-root\n{_renamed(grammar, "t-")}\n'


def _renamed(grammar: str, prefix: str) -> str:
    """Return a grammar whose rules have names of their own."""

    def rename(found: re.Match[str]) -> str:
        if found["comment"] is not None:
            return ""
        return found[0] if found["name"] is None else prefix + found["name"]

    return _WORD.sub(rename, grammar)
