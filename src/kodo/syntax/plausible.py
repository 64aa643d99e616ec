"""Whether an edit can make sense at all: names in reach, types that fit, nothing constant set.

Knows edits by their kind and the facts of a function. Guards the time of builds: what a compiler
would surely refuse never comes to one. What is not known is let pass.
"""

import re
from collections import Counter
from collections.abc import Callable

from kodo.syntax.callee_words import knows_callee
from kodo.syntax.declared import Declared
from kodo.syntax.edit import Edit
from kodo.syntax.facts import BLOCK_SCOPED, STATIC, Facts
from kodo.syntax.kinds import LITERALS, RETURNS
from kodo.syntax.scope import Scope, Spot
from kodo.syntax.value_types import NOTHING, NUMBER, OTHER, TEXT, TRUTH, Kind, element_of

_WORD = re.compile(rb"(?<![\w.\"'])(?<!->)[A-Za-z_]\w*")
_STRING = re.compile(rb'"(?:\\.|[^"\\\n])*"')
_REPLACES = {"variable", "operand", "constant-name", "constant", "target", "unwrap"}
_ARITHMETIC = {"offset", "offset-index", "offset-name", "scale", "bound", "drop-operand"}
_MOVES = {"move", "move-block", "branches"}
_SETS = re.compile(rb"^\s*([A-Za-z_]\w*) (?:[+\-*/%]?=)(?!=)\s*(.*?);?\s*$", re.DOTALL)
_ADDED = re.compile(rb"^(?P<name>[A-Za-z_]\w*)(?:\.|->)?(?:push|push_back|insert|add)\(")
_GUARD = re.compile(
    rb"^(?:if|return) ?\(?(?P<test>.*?)\)?[ {]*\breturn (?P<value>[^;}\n]*)", re.DOTALL
)
_VARIADIC = {"append", "Printf", "Sprintf", "Println", "Errorf", "Join", "min", "max"}
_PLAIN = {"int", "long", "double"}
_UNCERTAIN = 0.15


class Plausibility:
    """The factor, 0 to 1, that an edit's weight is worth in one function."""

    __slots__ = ("_checks", "_count", "_facts", "_known", "_scope", "_spots", "_static")

    def __init__(self, scope: Scope, declared: Declared) -> None:
        self._scope = scope
        self._facts = Facts(scope, declared)
        self._static = scope.language in STATIC
        self._spots = {(spot.start, spot.end): spot for spot in scope.spots if spot.named}
        self._known = {name.encode() for name in self._facts.names}
        self._count = Counter(_WORD.findall(scope.source[scope.root.start : scope.root.end]))
        self._checks: dict[str, Callable[[Edit], float]] = {
            "delete": self._removal,
            "guard-none": self._absence,
            "callee": self._callee,
            "negate": self._negation,
            "drop-not": self._negation,
            "widen-condition": self._clause,
            "guard": self._guard,
            "insert": self._statement,
            "add-argument": self._argument,
            "drop-argument": self._argument,
            "swap-arguments": self._swap,
            "equals": self._equality,
            "prefix": self._prefix,
            "wrap": self._wrapping,
            "slice": self._sequence,
            "copy": self._sequence,
            "return": self._returned,
            "attribute": self._attribute,
        }

    def of(self, edit: Edit) -> float:
        """Return 0 for an edit that cannot compile or run, 1 where nothing speaks against it."""
        factor = self._reach(edit)
        if not factor:
            return 0.0
        if edit.kind in _REPLACES:
            return factor * self._replacement(edit)
        if edit.kind in _ARITHMETIC:
            return factor * self._arithmetic(edit)
        if edit.kind in _MOVES:
            return factor * self._order(edit)
        check = self._checks.get(edit.kind)
        return factor * check(edit) if check is not None else factor

    def _reach(self, edit: Edit) -> float:
        """Return whether the names that an edit brings are seen where it brings them."""
        if edit.kind in _MOVES:
            return 1.0
        old = self._scope.source[edit.start : edit.end]
        words = set(_WORD.findall(_STRING.sub(b"", edit.text))) & self._known
        gone = set(_WORD.findall(old)) & self._known
        gone, words = gone - words, words - gone
        if self._scope.language == "go" and any(self._unused(word, old) for word in gone):
            return 0.0
        for word in words:
            if not self._facts.sees(word.decode(), edit.start):
                return 0.0 if self._scope.language in BLOCK_SCOPED else _UNCERTAIN
        return 1.0

    def _unused(self, word: bytes, removed: bytes) -> bool:
        """Whether Go would find a variable declared and never read, once a text is removed."""
        name = self._facts.names[word.decode()]
        if word.decode() in self._scope.parameters:
            return False
        left = self._count[word] - _WORD.findall(removed).count(word)
        return 0 < left <= len(name.places)

    def _fits(self, one: Kind | None, other: Kind | None) -> float:
        if one is None or other is None:
            return 1.0
        if one.fits(other, strict=self._scope.language in {"go", "rust"}):
            return 1.0
        return 0.0 if self._static else 0.5

    def _kind_at(self, edit: Edit) -> Kind | None:
        spot = self._spots.get((edit.start, edit.end))
        return self._facts.kind_of(spot) if spot is not None else None

    def _replacement(self, edit: Edit) -> float:
        if edit.kind == "target":
            name = self._facts.names.get(edit.text.decode("utf-8", "replace"))
            if name is not None and name.constant and self._scope.language in BLOCK_SCOPED:
                spot = self._spots.get((edit.start, edit.end))
                return 0.0 if spot is None or not _declares(spot) else 1.0
        if edit.text in {b"null", b"nil", b"NULL", b"nullptr", b"None"} and self._static:
            kind = self._kind_at(edit)
            plain = kind is not None and kind.family in {NUMBER, TRUTH}
            return 0.0 if plain or self._scope.language == "rust" else 1.0
        if edit.kind == "constant" and not self._static:
            return 1.0  # None or "" for 0 is a common repair where types are free
        return self._fits(self._kind_at(edit), self._facts.kind_of_text(edit.text))

    def _attribute(self, edit: Edit) -> float:
        """Return whether a field takes the place of a field of its type, a method of a method."""
        if not self._static:
            return 1.0
        fields = self._facts.declared.fields
        functions = self._facts.declared.functions
        old = self._scope.source[edit.start : edit.end].decode("utf-8", "replace")
        new = edit.text.decode("utf-8", "replace")
        called = self._scope.source[edit.end : edit.end + 1] == b"("
        if called:
            return 0.0 if new in fields and new not in functions else 1.0
        if new not in fields:
            return 0.0 if old in fields or new in functions else 0.1
        return self._fits(fields.get(old), fields.get(new))

    def _arithmetic(self, edit: Edit) -> float:
        kind = self._kind_at(edit)
        if edit.kind == "drop-operand":
            return 1.0
        if kind is None:
            return 0.5 if self._static else 1.0
        if kind.family in {TRUTH, OTHER}:
            pointer = self._scope.language in {"c", "cpp"} and kind.name.endswith("*")
            return 1.0 if pointer else (0.0 if self._static else 0.4)
        if kind.family == TEXT:
            return 0.0 if self._static and edit.kind != "offset-name" else 0.3
        if edit.kind == "offset-name":
            name = edit.text.rsplit(b" ", 1)[-1].rstrip(b")").decode("utf-8", "replace")
            known = self._facts.names.get(name)
            return self._fits(kind, known.kind if known is not None else None)
        return 1.0

    def _removal(self, edit: Edit) -> float:
        """Return whether what is deleted declares nothing that the rest needs."""
        removed = self._scope.source[edit.start : edit.end]
        root = self._scope.root
        last = self._scope.source[edit.end : root.end].strip() == b"}"
        if self._static and last and removed.strip().startswith(b"return "):
            return 0.0
        rest = self._scope.source[root.start : edit.start] + b"\n"
        rest += self._scope.source[edit.end : root.end]
        others = _WORD.findall(rest)
        for word in set(_WORD.findall(removed)) & self._known:
            name = self._facts.names[word.decode()]
            declared = [start for start in name.places if edit.start <= start < edit.end]
            if declared and len(declared) == len(name.seen) and word in others:
                return 0.0 if self._scope.language in BLOCK_SCOPED else _UNCERTAIN
        return 1.0

    def _order(self, edit: Edit) -> float:
        """Return whether what moves still stands behind what it needs."""
        for word in set(_WORD.findall(edit.text)) & self._known:
            name = self._facts.names[word.decode()]
            for start in name.places:
                if not edit.start <= start < edit.end:
                    continue
                line = self._scope.source.rfind(b"\n", 0, start) + 1
                head = self._scope.source[max(line, edit.start) : start + len(word)].strip()
                at = edit.text.find(head)
                first = next((m.start() for m in _WORD.finditer(edit.text) if m[0] == word), -1)
                if at < 0 or 0 <= first < at:
                    return 0.0 if self._scope.language in BLOCK_SCOPED else _UNCERTAIN
        return 1.0

    def _negation(self, edit: Edit) -> float:
        if self._scope.language not in {"go", "java", "rust"}:
            return 1.0
        spot = self._spots.get((edit.start, edit.end))
        if spot is None:
            return 1.0
        if edit.kind == "drop-not":
            return 1.0
        kind = self._facts.kind_of(spot)
        return 1.0 if kind is None or kind.family == TRUTH else 0.0

    def _absence(self, edit: Edit) -> float:
        """Return whether what is tested for nothing can be nothing."""
        if not self._static:
            return 1.0
        tested = next((w for w in _WORD.findall(edit.text) if w in self._known), b"")
        name = self._facts.names.get(tested.decode())
        kind = name.kind if name is not None else None
        if self._scope.language == "rust":
            return 1.0 if kind is not None and kind.name.startswith("Option") else 0.0
        if kind is None:
            return 0.6
        held = kind.family == TEXT and self._scope.language != "java"
        return 0.0 if held or kind.family in {NUMBER, TRUTH} else 1.0

    def _callee(self, edit: Edit) -> float:
        """Return whether the language has a function of that name at all."""
        name = edit.text.decode("utf-8", "replace")
        own = name in self._scope.function_names
        return 1.0 if own or knows_callee(self._scope.language, name) else 0.0

    def _clause(self, edit: Edit) -> float:
        """Return whether the clause that joins a condition is a truth."""
        if not self._static:
            return 1.0
        word = _WORD.findall(edit.text)[-1:] or [b""]
        name = self._facts.names.get(word[0].decode())
        kind = name.kind if name is not None else None
        if self._scope.language in {"c", "cpp"}:
            plain = kind is None or kind.family in {TRUTH, NUMBER} or kind.name.endswith("*")
            return 1.0 if plain else 0.0
        return 1.0 if kind is None or kind.family == TRUTH else 0.0

    def _guard(self, edit: Edit) -> float:
        """Return whether an early return tests what can be tested and gives what is promised."""
        match = _GUARD.match(edit.text)
        if match is None or not self._static:
            return 1.0
        given = self._facts.kind_of_text(match["value"])
        returns = self._facts.returns
        value = match["value"].strip()
        if returns is not None and returns.family == NOTHING:
            return 0.0
        if value in {b"null", b"nil", b"NULL", b"nullptr"}:
            if returns is not None and returns.family in {NUMBER, TRUTH}:
                return 0.0
            held = returns is not None and (
                returns.family == TEXT or returns.name.startswith("std::")
            )
            if held and self._scope.language in {"go", "cpp"}:
                return 0.0
        elif returns is not None and returns.family == OTHER and given is not None:
            if given.family != OTHER:
                return 0.0
        elif self._fits(given, returns) == 0.0:
            return 0.0
        tested = next((w for w in _WORD.findall(match["test"]) if w in self._known), b"")
        name = self._facts.names.get(tested.decode())
        kind = name.kind if name is not None else None
        if kind is None:
            return 1.0
        test = match["test"]
        plain = kind.family in {NUMBER, TRUTH}
        if b"is_empty" in test or b"isEmpty" in test or b"empty()" in test or b"len(" in test:
            return 0.0 if plain else 1.0
        if b"null" in test or b"nil" in test:
            return 0.0 if plain else 1.0
        pointer = plain or kind.name.endswith("*") or self._scope.language not in {"c", "cpp"}
        return 1.0 if pointer else 0.0

    def _statement(self, edit: Edit) -> float:
        text = edit.text.strip()
        if match := _SETS.match(text):
            name = self._facts.names.get(match[1].decode())
            if name is not None:
                if name.constant and self._scope.language in BLOCK_SCOPED:
                    return 0.0
                return self._fits(name.kind, self._facts.kind_of_text(match[2]))
        if match := _ADDED.match(text):
            name = self._facts.names.get(match["name"].decode())
            kind = name.kind if name is not None else None
            if kind is not None and kind.family != OTHER:
                return 0.0 if self._static else 0.3
            if kind is not None and self._static:
                is_list = element_of(kind) is not None
                if is_list and b".insert(" in text:
                    return 0.0
                given = text[match.end() :].rstrip(b";").removesuffix(b")")
                return self._fits(element_of(kind), self._facts.kind_of_text(given))
        return 1.0

    def _argument(self, edit: Edit) -> float:
        """Return less for another number of arguments where a compiler counts them."""
        if not self._static:
            return 1.0
        at: Spot | None = None
        for spot in self._scope.spots:
            if spot.start <= edit.start <= spot.end and spot.end >= edit.end:
                at = spot if spot.kind in {"argument_list", "arguments"} else at
        call = at.parent if at is not None else None
        callee = call.child("function") or call.child("name") if call is not None else None
        if callee is None:
            return 0.1
        name = re.split(rb"[.:>]", callee.text)[-1].decode("utf-8", "replace")
        if name in self._scope.function_names:
            return 0.0
        if self._scope.language in {"go", "rust"}:  # no overloads, hardly a default
            return 0.5 if name in _VARIADIC else 0.0
        return 0.1

    def _swap(self, edit: Edit) -> float:
        inside = [
            spot
            for spot in self._scope.spots
            if spot.named and edit.start <= spot.start and spot.end <= edit.end
        ]
        first = next((s for s in inside if s.start == edit.start), None)
        last = next((s for s in inside if s.end == edit.end), None)
        if first is None or last is None or not self._static:
            return 1.0
        return self._fits(self._facts.kind_of(first), self._facts.kind_of(last))

    def _equality(self, edit: Edit) -> float:
        spot = self._spots.get((edit.start, edit.end))
        if spot is None or not spot.parts:
            return 1.0
        for part in spot.parts:
            kind = self._facts.kind_of(part)
            if kind is not None and (kind.family == TRUTH or kind.name in _PLAIN):
                return 0.0
            if part.kind in {"null_literal", "character_literal"}:
                return 0.0
        return 1.0

    def _prefix(self, edit: Edit) -> float:
        kind = self._kind_at(edit)
        name = self._facts.names.get(edit.text.split(b" ", 1)[0].decode("utf-8", "replace"))
        other = name.kind if name is not None else None
        for known in (kind, other):
            if known is not None and known.family in {TRUTH, OTHER} and self._static:
                return 0.0
        if self._static and kind is None and other is None and self._scope.language != "java":
            return 0.5
        return self._fits(kind, other) if self._scope.language != "java" else 1.0

    def _wrapping(self, edit: Edit) -> float:
        if not self._static:
            return 1.0
        kind, text = self._kind_at(edit), edit.text
        callee = text.split(b"(", 1)[0].decode("utf-8", "replace")
        if callee in self._scope.function_names:
            return 1.0 if callee in self._facts.declared.singles else 0.0
        if text.startswith((b"Some(", b"Ok(")):
            spot = self._spots.get((edit.start, edit.end))
            returned = spot is not None and spot.parent and spot.parent.kind in RETURNS
            wanted = self._facts.returns.name if self._facts.returns is not None else ""
            promised = "Option" if text.startswith(b"Some(") else "Result"
            return 1.0 if returned and promised in wanted else (0.3 if promised in wanted else 0.0)
        if text.startswith((b"len(", b"strlen(", b"*")):
            if kind is None:
                return 0.3
            held = kind.family == TEXT or "[" in kind.name or "*" in kind.name
            return 0.6 if held else 0.0
        if text.startswith((b"string(", b"String.valueOf(", b"&")):
            return 0.3 if kind is None or kind.family == NUMBER else 0.0
        if kind is not None and kind.family != NUMBER:
            return 0.0
        return 1.0 if kind is not None else 0.4

    def _sequence(self, edit: Edit) -> float:
        kind = self._kind_at(edit)
        if kind is not None and kind.family in {NUMBER, TRUTH}:
            return 0.0 if self._static else 0.4
        spot = self._spots.get((edit.start, edit.end))
        if spot is not None and spot.kind in LITERALS:
            return 0.0
        if self._scope.language == "java" and kind is not None:
            array = kind.name.endswith("[]")
            return 1.0 if array == edit.text.endswith(b".clone()") else 0.0
        return 1.0

    def _returned(self, edit: Edit) -> float:
        if not self._static or not edit.text.strip().startswith(b"return"):
            return 1.0
        returns = self._facts.returns
        if returns is not None and returns.family == NOTHING:
            return 0.0
        value = edit.text.strip().removeprefix(b"return").strip(b" ;")
        return self._fits(returns, self._facts.kind_of_text(value))


def _declares(spot: Spot) -> bool:
    parent = spot.parent
    return parent is not None and "declar" in parent.kind
