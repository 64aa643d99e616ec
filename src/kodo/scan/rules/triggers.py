"""Which words of a file make a rule possible there: the filter before anything is parsed.

Does not know syntax. Guards speed without guessing: `flask.Request().args` needs the word `args`
and a way to have a `flask.Request()` at all, which type facts tell.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Literal, NamedTuple, get_args

from kodo.scan.rules.names import NamePattern, word_of

Role = Literal["source", "danger", "pattern", "checked"]
AnyOf = frozenset[bytes]
ANYWHERE = b""
"""The word of a name that has none (a write to an item, whatever its key): it is in every file."""

_WORD = re.compile(r"[A-Za-z_]\w*")

_DEFINED = re.compile(rb"#[ \t]*define[ \t]+\w+[ \t]+(\w+)[ \t]*\r?$", re.MULTILINE)
"""What simple macros stand for: `#define RUN system` makes `RUN(` a call of `system`."""


class Need(NamedTuple):
    """What a file must have: one word of each set, the type and the text if they are given."""

    words: tuple[AnyOf, ...]
    type: str = ""
    text: bytes = b""


class Active(NamedTuple):
    """The words of a file at which something may be found, by role; `checked` are checkers' own."""

    source: frozenset[bytes]
    danger: frozenset[bytes]
    pattern: frozenset[bytes]
    checked: frozenset[bytes] = frozenset()


class Triggers:
    """Needs by role and by the word that stands at the place itself; types by how one gets them."""

    def __init__(self, *, bare_calls: bool = False) -> None:
        self._bare_calls = bare_calls  # the language calls functions without parentheses
        self._needs: dict[bytes, list[tuple[Role, Need]]] = {}
        self._types: dict[str, list[Need]] = {}

    def add(
        self,
        role: Role,
        name: NamePattern,
        imports_any: Iterable[bytes] = (),
        *,
        is_call: bool = True,
    ) -> None:
        """Add a name pattern."""
        need = _need(name)
        imports = frozenset(imports_any)
        if imports:
            need = Need((*need.words, imports), need.type)
        if is_call and not self._bare_calls and not name.tail and name.name.isidentifier():
            need = Need(need.words, need.type, name.name.encode() + b"(")
        self._needs.setdefault(_word(name), []).append((role, need))

    def add_needs(self, role: Role, needs: tuple[AnyOf, ...]) -> None:
        """Add what a signature needs; its places are the words of its last set."""
        for word in needs[-1] if needs else ():
            self._needs.setdefault(word, []).append((role, Need(needs)))

    def give(self, type_name: str, name: NamePattern) -> None:
        """Add a name that gives a type."""
        need = _need(name)
        self._types.setdefault(type_name, []).append(
            Need((*need.words, frozenset((_word(name),))), need.type)
        )

    def give_needs(self, type_name: str, needs: tuple[AnyOf, ...]) -> None:
        """Add a signature whose parameters are of a type."""
        self._types.setdefault(type_name, []).append(Need(needs))

    def active(self, words: Collection[bytes], source: bytes) -> Active:
        """Return the words of a file at which its rules may find something."""
        found: dict[Role, set[bytes]] = {role: set() for role in get_args(Role)}
        reachable: dict[str, bool] = {}
        renamed = _DEFINED.findall(source) if b"#define" in source else ()
        for word in (ANYWHERE, *(self._needs.keys() & words)):
            for role, need in self._needs.get(word, ()):
                if (
                    word not in found[role]
                    and self._holds(need, words, reachable)
                    and (not need.text or need.text in source or word in renamed)
                ):
                    found[role].add(word)
        return Active(*(frozenset(found[role]) for role in get_args(Role)))

    def _holds(self, need: Need, words: Collection[bytes], reachable: dict[str, bool]) -> bool:
        for any_of in need.words:
            if any_of.isdisjoint(words):
                return False
        return not need.type or self._reachable(need.type, words, reachable)

    def _reachable(self, name: str, words: Collection[bytes], reachable: dict[str, bool]) -> bool:
        """Whether a file with these words can hold a value of a type (or what a call returns)."""
        known = reachable.get(name)
        if known is not None:
            return known
        reachable[name] = False  # while it is being looked up: facts may be circular
        result = any(self._holds(need, words, reachable) for need in self._types.get(name, ()))
        if not result:
            bare = name.rstrip("()[]")
            prefix = _type_prefix(bare)
            parts = {word for part in _ends(bare) for word in _words(word_of(part))}
            result = parts <= set(words) and (
                not prefix or self._reachable(prefix, words, reachable)
            )
        reachable[name] = result
        return result


def place_word(segment: str) -> bytes:
    """The identifier of a file that stands for a segment: the last of `express-session`."""
    words = _words(word_of(segment))
    return words[-1] if words else ANYWHERE


def _word(name: NamePattern) -> bytes:
    return place_word(name.name.rpartition(".")[2])


def _need(name: NamePattern) -> Need:
    """What the part before the last dot asks for."""
    before = name.name.rpartition(".")[0]
    if not before:
        return Need(())
    if name.tail:
        parts = (word_of(part) for part in before.split("."))
        return Need(tuple(frozenset((word,)) for part in parts for word in _words(part)))
    prefix = _type_prefix(name.name)
    if prefix:
        return Need((), prefix)
    first = word_of(name.name.partition(".")[0])
    return Need(tuple(frozenset((word,)) for word in _words(first)))


def _words(segment: str) -> list[bytes]:
    """The identifiers in a segment of a name: packages may have dashes in theirs."""
    return [word.encode() for word in _WORD.findall(segment)]


def _type_prefix(name: str) -> str:
    """Return the longest beginning that is an instance or item (`a.B()` of `a.B().c`), or ""."""
    before = name.rpartition(".")[0]
    while before:
        if before.endswith((")", "]")):
            return before
        before = before.rpartition(".")[0]
    return ""


def _ends(name: str) -> tuple[str, ...]:
    """The first and last identifiers of a dotted name without instances in it."""
    inner = name[len(_type_prefix(name)) :].strip(".")
    parts = inner.split(".")
    return (parts[0], parts[-1])
