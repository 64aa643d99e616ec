"""The rules of one language, indexed for the interpreter: one look-up by last name segment.

Does not know values or syntax. Guards speed: what no rule speaks of costs one dictionary miss, and
a file without a word of any rule is not even parsed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import NamedTuple

from kodo.scan.rules.names import NamePattern, NameTable, expand, word_of
from kodo.scan.rules.schema import (
    Condition,
    GuardCall,
    Pattern,
    Rule,
    RuleFile,
    Sanitizer,
    Signature,
    Sink,
    SourcePack,
    Turn,
    TypeFact,
)
from kodo.scan.rules.triggers import Triggers

BARE_CALLS = frozenset({"ruby", "cpp"})
"""Languages in which a call needs none right behind its name: `std::ofstream out(path)`."""


class Kinds:
    """A bit for every kind of weakness, given out as they are named."""

    def __init__(self) -> None:
        self._bits: dict[str, int] = {"normal": 1}  # a normalised path: see values.NORMAL

    def bit(self, kind: str) -> int:
        """Return the bit of one kind."""
        return self._bits.setdefault(kind, 1 << len(self._bits))

    def mask(self, kinds: Iterable[str]) -> int:
        """Return the bits of several; "all" is every kind there is or will be."""
        mask = 0
        for kind in kinds:
            if kind == "all":
                return -1
            mask |= self.bit(kind)
        return mask


class Check(NamedTuple):
    """A condition with its patterns compiled."""

    spec: Condition
    matches: re.Pattern[str] | None
    named: tuple[NamePattern, ...]


class Gate(NamedTuple):
    """What must hold around a match: words of the file, the receiver's name, conditions."""

    imports_any: tuple[bytes, ...]
    receiver: re.Pattern[str] | None
    when: tuple[Check, ...]
    unless: tuple[Check, ...]


class CompiledSink(NamedTuple):
    """A sink of a rule."""

    rule: Rule
    spec: Sink
    bit: int
    sources: tuple[str, ...]
    gate: Gate


class CompiledPattern(NamedTuple):
    """A pattern of a rule."""

    rule: Rule
    spec: Pattern
    gate: Gate


class CompiledSanitizer(NamedTuple):
    """A sanitizer with the bits it cleans."""

    spec: Sanitizer
    mask: int
    when: tuple[Check, ...]


class CompiledGuard(NamedTuple):
    """A guard call with the bits it cleans."""

    spec: GuardCall
    mask: int


class CompiledTurn(NamedTuple):
    """A call that makes something else of what it is given."""

    spec: Turn
    when: tuple[Check, ...]


class CompiledSignature(NamedTuple):
    """A signature with its patterns compiled, and what it means: a pack or a type."""

    spec: Signature
    marked: tuple[NamePattern, ...]
    parameter_marked: tuple[NamePattern, ...]
    bases: tuple[NamePattern, ...]
    functions: tuple[NamePattern, ...]
    typed: tuple[NamePattern, ...]
    result: tuple[NamePattern, ...]
    except_types: tuple[NamePattern, ...]
    except_defaults: tuple[NamePattern, ...]
    passed_to: tuple[NamePattern, ...]
    imports_any: tuple[bytes, ...]
    mark_argument: re.Pattern[str] | None
    pack: SourcePack | None
    gives: str
    needs: tuple[frozenset[bytes], ...]

    def concerns(self, words: Collection[bytes]) -> bool:
        """Whether a file with these words can have what is meant."""
        return all(any(word in words for word in any_of) for any_of in self.needs)


class CallEntry:
    """All that is known of calls with one last segment."""

    __slots__ = (
        "fills",
        "guards",
        "models",
        "patterns",
        "sanitizers",
        "sinks",
        "sources",
        "turns",
        "types",
    )

    def __init__(self) -> None:
        self.sinks: list[tuple[NamePattern, CompiledSink]] = []
        self.patterns: list[tuple[NamePattern, CompiledPattern]] = []
        self.sources: list[tuple[NamePattern, SourcePack]] = []
        self.fills: list[tuple[NamePattern, tuple[SourcePack, tuple[int | str, ...]]]] = []
        self.sanitizers: list[tuple[NamePattern, CompiledSanitizer]] = []
        self.guards: list[tuple[NamePattern, CompiledGuard]] = []
        self.types: list[tuple[NamePattern, str]] = []
        self.models: list[tuple[NamePattern, str]] = []
        self.turns: list[tuple[NamePattern, CompiledTurn]] = []

    def sort(self) -> None:
        """Put exact names before those that end anyhow: where one answer is wanted, it wins."""
        self.models.sort(key=_is_loose)
        self.types.sort(key=_is_loose)
        self.sources.sort(key=_is_loose)


def _is_loose(entry: tuple[NamePattern, object]) -> bool:
    return entry[0].tail != ""


class ReadEntry:
    """All that is known of names with one last segment that are read."""

    __slots__ = ("patterns", "sources", "types")

    def __init__(self) -> None:
        self.sources: list[tuple[NamePattern, SourcePack]] = []
        self.types: list[tuple[NamePattern, str]] = []
        self.patterns: list[tuple[NamePattern, CompiledPattern]] = []


class Book:
    """The rules of one language."""

    def __init__(self, language: str, files: Iterable[RuleFile]) -> None:
        self.language = language
        self.kinds = Kinds()
        self.calls: dict[str, CallEntry] = {}
        self.reads: dict[str, ReadEntry] = {}
        self.write_sinks: NameTable[CompiledSink] = NameTable()
        self.write_patterns: NameTable[CompiledPattern] = NameTable()
        self.return_sinks: list[tuple[CompiledSignature, CompiledSink]] = []
        self.parameters: list[CompiledSignature] = []
        self.parameter_types: list[CompiledSignature] = []
        self.harmless: dict[str, int] = {}
        self.exceptions: dict[str, list[CompiledSignature]] = {}
        self.rules: dict[str, Rule] = {}
        self.triggers = Triggers(bare_calls=language in BARE_CALLS)
        self.checkers: set[str] = set()
        self.looks_everywhere = False  # a checker wants every function of every file
        self.prefixes: set[str] = set()
        for rule_file in files:
            if language in rule_file.languages:
                self._add(rule_file)
        for entry in self.calls.values():
            entry.sort()

    def _add(self, rule_file: RuleFile) -> None:
        for pack in rule_file.sources:
            self._add_source(pack)
        for fact in rule_file.types:
            self._add_type(fact)
        for sanitizer in rule_file.sanitizers:
            compiled = CompiledSanitizer(
                sanitizer, self.kinds.mask(sanitizer.cleans), _checks(sanitizer.when)
            )
            for name, entry in self._call_entries(sanitizer.calls):
                entry.sanitizers.append((name, compiled))
        for guard in rule_file.guards:
            for name, entry in self._call_entries(guard.calls):
                entry.guards.append((name, CompiledGuard(guard, self.kinds.mask(guard.cleans))))
        for model in rule_file.models:
            for name, entry in self._call_entries(model.calls):
                entry.models.append((name, model.does))
        for turn in rule_file.turns:
            for name, entry in self._call_entries(turn.calls):
                entry.turns.append((name, CompiledTurn(turn, _checks(turn.when))))
        for rule in rule_file.rules:
            self._add_rule(rule)

    def _add_source(self, pack: SourcePack) -> None:
        if pack.cleans:
            self.harmless[pack.pack] = self.kinds.mask(pack.cleans)
        if pack.except_in:
            self.exceptions[pack.pack] = [_signature(spec, pack, "") for spec in pack.except_in]
        for name, entry in self._call_entries(pack.calls):
            entry.sources.append((name, pack))
            self.triggers.add("source", name)
        for name, entry in self._read_entries(pack.reads):
            entry.sources.append((name, pack))
            self.triggers.add("source", name, is_call=False)
        for fill in pack.fills:
            for name, entry in self._call_entries(fill.calls):
                entry.fills.append((name, (pack, fill.arguments)))
                self.triggers.add("source", name)
        for signature in pack.parameters:
            made = _signature(signature, pack, "")
            self.parameters.append(made)
            self.triggers.add_needs("source", made.needs)

    def _add_type(self, fact: TypeFact) -> None:
        self.prefixes.add(fact.gives.removesuffix("()"))
        for name, entry in self._call_entries(fact.calls):
            entry.types.append((name, fact.gives))
            self.triggers.give(fact.gives, name)
        for name, read in self._read_entries(fact.reads):
            read.types.append((name, fact.gives))
            self.triggers.give(fact.gives, name)
        for signature in fact.parameters:
            made = _signature(signature, None, fact.gives)
            self.parameter_types.append(made)
            self.triggers.give_needs(fact.gives, made.needs)

    def _add_rule(self, rule: Rule) -> None:
        self.rules[rule.id] = rule
        if rule.checker:
            self.checkers.add(rule.checker)
            words = frozenset(word.encode() for word in rule.words)
            self.looks_everywhere = self.looks_everywhere or not words
            self.triggers.add_needs("checked", (words,) if words else ())
        for sink in rule.sinks:
            gate = _gate(sink)
            compiled = CompiledSink(rule, sink, self.kinds.bit(rule.kind), rule.sources, gate)
            imports = gate.imports_any
            for name, entry in self._call_entries(sink.calls):
                entry.sinks.append((name, compiled))
                self.triggers.add("danger", name, imports)
            for write in sink.writes:
                self.write_sinks.add(write, compiled)
                for name in expand(write):
                    self.triggers.add("danger", name, imports, is_call=False)
            for signature in sink.returns:
                made = _signature(signature, None, "")
                self.return_sinks.append((made, compiled))
                self.triggers.add_needs("danger", made.needs)
        for pattern in rule.patterns:
            found = CompiledPattern(rule, pattern, _gate(pattern))
            imports = found.gate.imports_any
            for name, entry in self._call_entries(pattern.calls):
                entry.patterns.append((name, found))
                self.triggers.add("pattern", name, imports)
            for name, read in self._read_entries(pattern.reads):
                read.patterns.append((name, found))
                self.triggers.add("pattern", name, imports, is_call=False)
            for write in pattern.writes:
                self.write_patterns.add(write, found)
                for name in expand(write):
                    self.triggers.add("pattern", name, imports, is_call=False)

    def _call_entries(self, patterns: Iterable[str]) -> Iterable[tuple[NamePattern, CallEntry]]:
        for pattern in patterns:
            for name in expand(pattern):
                self._remember(name.name)
                last = _last(name.name)
                entry = self.calls.get(last)
                if entry is None:
                    entry = self.calls[last] = CallEntry()
                yield name, entry

    def _read_entries(self, patterns: Iterable[str]) -> Iterable[tuple[NamePattern, ReadEntry]]:
        for pattern in patterns:
            for name in expand(pattern):
                self._remember(name.name)
                last = _last(name.name)
                entry = self.reads.get(last)
                if entry is None:
                    entry = self.reads[last] = ReadEntry()
                yield name, entry

    def _remember(self, name: str) -> None:
        """Keep the dotted beginnings of names, to know what a wildcard import may bring."""
        parts = name.split(".")
        for length in range(1, len(parts) + 1):
            self.prefixes.add(".".join(parts[:length]).rstrip("()[]"))


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _encoded(words: set[str]) -> set[bytes]:
    return {word.encode() for word in words if word}


def _patterns(names: Iterable[str]) -> tuple[NamePattern, ...]:
    return tuple(pattern for name in names for pattern in expand(name))


def _checks(conditions: tuple[Condition, ...]) -> tuple[Check, ...]:
    return tuple(
        Check(
            condition,
            re.compile(condition.matches) if condition.matches else None,
            _patterns(condition.named),
        )
        for condition in conditions
    )


def _gate(part: Sink | Pattern) -> Gate:
    return Gate(
        tuple(name.encode() for name in part.imports_any),
        re.compile(part.receiver) if part.receiver else None,
        _checks(part.when),
        _checks(part.unless),
    )


def _signature(spec: Signature, pack: SourcePack | None, gives: str) -> CompiledSignature:
    return CompiledSignature(
        spec,
        _patterns(spec.marked),
        _patterns(spec.parameter_marked),
        _patterns(spec.bases),
        _patterns(spec.functions),
        _patterns(spec.typed),
        _patterns(spec.result),
        _patterns(spec.except_types),
        _patterns(spec.except_defaults),
        _patterns(spec.passed_to),
        tuple(name.encode() for name in spec.imports_any),
        re.compile(spec.mark_argument) if spec.mark_argument else None,
        pack,
        gives,
        _needs(spec),
    )


def _needs(spec: Signature) -> tuple[frozenset[bytes], ...]:
    """Sets of words, of each of which a file must have one."""
    needs: list[frozenset[bytes]] = []
    if spec.imports_any:
        needs.append(frozenset(name.encode() for name in spec.imports_any))
    for names in (
        spec.marked,
        spec.parameter_marked,
        spec.bases,
        spec.passed_to,
        spec.typed,
        spec.functions,
        spec.result,
    ):
        if names:
            words = {word_of(_last(name.name)) for name in _patterns(names)}
            needs.append(frozenset(_encoded(words)))
    if spec.named:
        needs.append(frozenset(name.encode() for name in spec.named))
    return tuple(need for need in needs if need)
