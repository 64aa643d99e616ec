"""The engine: bytes of a file in, what is wrong with it out. Warm, reusable, for one thread at a
time.

Does not know folders, reports or agents; other files come through a port. Guards time: most files
are let go by their words alone, functions without a word of any rule are not lowered, and past the
deadline only patterns are matched and the report says that it is partial.
"""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence

from tree_sitter import Node as SyntaxNode

from kodo.scan.findings import FileReport
from kodo.scan.interpreter.activations import Late
from kodo.scan.interpreter.found import Found
from kodo.scan.interpreter.interpreter import Interpreter
from kodo.scan.interpreter.unit import Unit
from kodo.scan.ir import Function, Module, Node
from kodo.scan.language import SCAN_LANGUAGES, ScanLanguage
from kodo.scan.reach import CHECKED, DANGER, FLOW, PATTERN, SOURCE, Hits, Reach
from kodo.scan.rules.book import Book
from kodo.scan.rules.schema import Rule, RuleFile
from kodo.scan.rules.triggers import ANYWHERE, Active, place_word
from kodo.scan.text import SourceText
from kodo.syntax.languages import language_of
from kodo.syntax.tree import parse

MAX_FILE_BYTES = 4 << 20
MAX_KEPT_UNITS = 256
MAX_KEPT_ACTIVES = 20_000

IMPORTING = frozenset({"c", "cpp", "go", "javascript", "python", "typescript"})
"""Languages in which code of other files has a name that an import gives, or is not followed (C).
Elsewhere (a class by its
full name in Java, `crate::` in Rust) any function may lead out of the file, and none is left out.
"""

ReadFile = Callable[[str], bytes | None]
"""Gives another file of the repository by its path from the root, None where there is none."""

Clock = Callable[[], float]
Ranges = Sequence[tuple[int, int]]

_WORD = re.compile(rb"[A-Za-z_]\w*")


def no_files(_path: str) -> bytes | None:
    """A repository of one file."""
    return None


class Engine:
    """Scans files by rules. Building the index of a language takes about 10 ms at its first file.

    `clock` is monotonic and in seconds, like the deadlines. `read` gives other files of the
    repository, for functions and classes that are imported from them.
    """

    def __init__(
        self,
        rules: Iterable[RuleFile],
        *,
        read: ReadFile = no_files,
        clock: Clock = time.monotonic,
    ) -> None:
        self._rules = list(rules)
        self._read = read
        self._clock = clock
        self._books: dict[str, Book] = {}
        self._actives: dict[str, tuple[bytes, Active]] = {}
        self._units: OrderedDict[str, tuple[bytes, Module, SourceText, frozenset[bytes]]] = (
            OrderedDict()
        )

    @property
    def rules(self) -> list[Rule]:
        """All rules, in the order of their files."""
        return [rule for rule_file in self._rules for rule in rule_file.rules]

    def scan_file(
        self,
        path: str,
        source: bytes,
        *,
        deadline: float | None = None,
        only: Ranges | None = None,
    ) -> FileReport:
        """Return what is wrong with a file. `path` is relative to the root, with forward slashes.

        Past `deadline` (of the clock) what is left is matched by patterns alone and the report is
        partial. `only` (byte ranges) looks at the functions that they touch; code outside of
        functions is always looked at. Never raises on any source.
        """
        grammar = language_of(path)
        language = SCAN_LANGUAGES.get(grammar) if grammar is not None else None
        if grammar is None or language is None:
            return FileReport(path, skipped="no rules for this language")
        lines = source.count(b"\n") + (not source.endswith(b"\n") and bool(source))
        if len(source) > MAX_FILE_BYTES:
            return FileReport(path, skipped=f"larger than {MAX_FILE_BYTES >> 20} MiB", lines=lines)
        book = self.book(language)
        words = frozenset(_WORD.findall(source))
        active = book.triggers.active(words, source)
        alone = self._read is no_files
        flows = active.danger and active.source
        alike = active.pattern | active.checked
        if not alike and not (flows or (not alone and (active.danger or active.source))):
            return FileReport(path, lines=lines)
        root = parse(language.prepare(source), grammar).root_node
        text = SourceText(path, source)
        module = language.lower(root, text)
        foreign: dict[str, int] = {}
        if not alone and (active.danger or active.source):
            foreign = self._foreign(module, language, book)
            flows = flows or _can_flow(active, foreign)
        speaking = alike | active.danger | active.source if flows else alike
        if not speaking and not book.looks_everywhere:
            return FileReport(path, partial=_broken(root, module), lines=lines)
        module.partial = _broken(root, module)
        hits = _hits(source, speaking, active, module)
        unit = Unit(
            module,
            text,
            book,
            language.semantics,
            words,
            hits.offsets,
            hits.of(SOURCE),
            language.paths,
        )
        roots = [
            function
            for function in dict.fromkeys(module.functions.values())
            if unit.has_hit(function.start, function.end) and _touched(function, only)
        ]
        if (flows or active.checked) and roots and (alone or language.rules in IMPORTING):
            ambient = _role(ANYWHERE, active) | foreign.get("", 0)
            reach = Reach(module, text, hits.without(CHECKED), foreign, ambient)
            roots = [function for function in roots if reach.is_relevant(function)]
        late = _lateness(self._clock, deadline)
        run = Interpreter(unit, late, self._finder(book, language))
        partial = ""
        try:
            run.scan(roots)
            self._check(language, unit, run, only, late)
        except Late:
            partial = "deadline: the rest was matched by patterns alone"
            run = self._patterns_only(run, unit, roots)
        others = {path: other.text for path, other in run.texts().items()}
        return FileReport(
            path,
            run.findings.weaknesses(text, others),
            partial=partial or run.partial or module.partial,
            lines=lines,
        )

    def book(self, language: ScanLanguage) -> Book:
        """Return the index of a language's rules."""
        found = self._books.get(language.rules)
        if found is None:
            found = self._books[language.rules] = Book(language.rules, self._rules)
        return found

    def _foreign(self, module: Module, language: ScanLanguage, book: Book) -> dict[str, int]:
        """Return the roles of what other files of the repository bring in, by the local name; ""
        is for what comes in unnamed."""
        found: dict[str, int] = {}
        named = [*module.imports.items(), *((one.partition(".")[0], one) for one in module.inner)]
        for local, dotted in [*named, *(("", one) for one in module.wildcards)]:
            roles = 0
            for name in (dotted, dotted.rpartition(".")[0]):
                for path in language.paths(name, module.path) if name else ():
                    other = self._active_in(path, book)
                    if other is not None:
                        roles |= (SOURCE if other.source else 0) | (DANGER if other.danger else 0)
            if roles:
                found[local] = found.get(local, 0) | roles
        return found

    def _active_in(self, path: str, book: Book) -> Active | None:
        source = self._read(path)
        if source is None:
            return None
        known = self._actives.get(path)
        if known is None or known[0] is not source:
            if len(self._actives) > MAX_KEPT_ACTIVES:
                self._actives.clear()
            words = frozenset(_WORD.findall(source))
            known = self._actives[path] = (source, book.triggers.active(words, source))
        return known[1]

    def _check(
        self,
        language: ScanLanguage,
        unit: Unit,
        run: Interpreter,
        only: Ranges | None,
        late: Callable[[], bool],
    ) -> None:
        """Let the language's checkers look at the functions that their rules speak of."""
        book = unit.book
        checkers = [check for name, check in language.checkers.items() if name in book.checkers]
        if not checkers:
            return

        def report(rule: str, node: Node, function: Function | None) -> None:
            known = book.rules.get(rule)
            if known is not None:
                name = function.qualified if function is not None else ""
                run.findings.add(Found(known, node.start, node.end, name))

        calls = _calls_of_hit(unit)
        for function in list(unit.module.functions.values()):
            if not _touched(function, only):
                continue
            if (
                book.looks_everywhere
                or unit.has_hit(function.start, function.end)
                or (
                    calls is not None
                    and calls.search(unit.text.latin, function.start, function.end)
                )
            ):
                if late():
                    raise Late
                for check in checkers:
                    check(unit, function, report)

    def _patterns_only(self, run: Interpreter, unit: Unit, roots: list[Function]) -> Interpreter:
        again = Interpreter(unit, lambda: False, lambda _path: None)
        again.findings = run.findings
        again.match_patterns(roots)
        return again

    def _finder(self, book: Book, language: ScanLanguage) -> Callable[[str], Unit | None]:
        """Return a function that gives the unit of another file, lowered at most once a content."""

        def find(path: str) -> Unit | None:
            source = self._read(path)
            if source is None or len(source) > MAX_FILE_BYTES:
                return None
            kept = self._units.get(path)
            if kept is not None and kept[0] == source:
                self._units.move_to_end(path)
            else:
                grammar = language_of(path)
                if grammar is None or SCAN_LANGUAGES.get(grammar) is not language:
                    return None
                text = SourceText(path, source)
                module = language.lower(parse(language.prepare(source), grammar).root_node, text)
                kept = (source, module, text, frozenset(_WORD.findall(source)))
                self._units[path] = kept
                if len(self._units) > MAX_KEPT_UNITS:
                    self._units.popitem(last=False)
            module, text, words = kept[1:]
            active = book.triggers.active(words, source)
            hits = _hits(source, active.source, active, module).offsets
            return Unit(module, text, book, language.semantics, words, hits, hits, language.paths)

        return find


def _calls_of_hit(unit: Unit) -> re.Pattern[str] | None:
    """Return what finds calls of the functions in which a word of a rule stands."""
    names = {
        re.escape(function.name)
        for function in unit.module.functions.values()
        if function.name and unit.has_hit(function.start, function.end)
    }
    return re.compile(rf"\b(?:{'|'.join(sorted(names))})\b") if names else None


def _broken(root: SyntaxNode, module: Module) -> str:
    return module.partial or ("syntax errors" if root.has_error else "")


def _lateness(clock: Clock, deadline: float | None) -> Callable[[], bool]:
    if deadline is None:
        return lambda: False
    return lambda: clock() >= deadline


def _touched(function: Function, only: Ranges | None) -> bool:
    return only is None or any(start < function.end and function.start < end for start, end in only)


def _role(word: bytes, active: Active) -> int:
    return (
        (SOURCE if word in active.source else 0)
        | (DANGER if word in active.danger else 0)
        | (PATTERN if word in active.pattern else 0)
        | (CHECKED if word in active.checked else 0)
    )


def _can_flow(active: Active, foreign: Mapping[str, int]) -> bool:
    """Whether an imported file has what this one lacks."""
    mine = (SOURCE if active.source else 0) | (DANGER if active.danger else 0)
    return any(mine | roles == FLOW for roles in foreign.values())


def _hits(source: bytes, words: frozenset[bytes], active: Active, module: Module) -> Hits:
    """Return the places of words, and of the local names that imports give to them."""
    wanted = {word: _role(word, active) for word in words}
    wanted.pop(ANYWHERE, None)
    for local, dotted in module.imports.items():
        last = dotted.rpartition(".")[2]
        if last != local and place_word(last) in words:
            name = local.encode()
            wanted[name] = wanted.get(name, 0) | _role(place_word(last), active)
    hits: list[tuple[int, int]] = []
    for word, roles in wanted.items():
        place = source.find(word)
        while place >= 0:
            hits.append((place, roles))
            place = source.find(word, place + len(word))
    hits.sort()
    return Hits([place for place, _ in hits], [roles for _, roles in hits])
