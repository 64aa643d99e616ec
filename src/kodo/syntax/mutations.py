"""Systematic small edits of one place in a function, for verified program repair.

Knows the shapes of single-place bugs, not tests or models. Guards that every result parses and that
no two results are the same code.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tree_sitter import Node, Parser, Tree

from kodo.syntax.alias_edits import alias_edits
from kodo.syntax.call_edits import call_edits
from kodo.syntax.declared import declared_in
from kodo.syntax.edit import Edit
from kodo.syntax.insertion_edits import insertion_edits
from kodo.syntax.languages import LanguageName, new_parser
from kodo.syntax.operator_edits import operator_edits
from kodo.syntax.plausible import Plausibility
from kodo.syntax.repeat_edits import repeat_edits
from kodo.syntax.scope import build_scope
from kodo.syntax.statement_edits import statement_edits
from kodo.syntax.symbols import Symbol, symbols_below
from kodo.syntax.tree import Undecided, compile_error
from kodo.syntax.value_edits import value_edits

# Strings stay whole, the indentation of a line counts where the language reads it, other space not.
_TOKENS = re.compile(rb'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|\w+|\n[ \t]*(?=\S)|[^\w\s]')
_EDITS = (
    alias_edits,
    operator_edits,
    value_edits,
    call_edits,
    statement_edits,
    insertion_edits,
    repeat_edits,
)
_MEMBER = re.compile(rb"(?:\.|->)([A-Za-z_]\w*)")
# What moves, ends or enters a block may parse and still be refused: `return` outside a function.
_RESTRUCTURES = {"move-block", "yield", "return", "await", "jump", "delete", "move", "branches"}


@dataclass(frozen=True, slots=True)
class Mutation:
    """One edit: `replacement` takes the place of bytes [start_byte, end_byte) of the file.

    `line` is the 1-based line where it starts, `prior` how plausible it is as the repair of a bug
    before anything is known about the place (higher is likelier; a relative weight, not a
    probability; `kodo.syntax.edit.PRIORS` lists the kinds).
    """

    path: str
    line: int
    start_byte: int
    end_byte: int
    replacement: bytes
    kind: str
    prior: float


def apply_mutation(source: bytes, mutation: Mutation) -> bytes:
    """Return `source` with the edit made."""
    return source[: mutation.start_byte] + mutation.replacement + source[mutation.end_byte :]


def uniform(_line: int) -> float:
    """Return 1.0: every line is as suspicious as the other."""
    return 1.0


def mutations(
    source: bytes,
    language: LanguageName,
    path: str,
    function: Symbol | None = None,
    *,
    suspiciousness: Callable[[int], float] = uniform,
    minimum_score: float = 0.0,
) -> Iterator[Mutation]:
    """Yield the first-order edits of `function` (of the whole file when None), likeliest first.

    The order is prior × suspiciousness(line), ties by place and text: deterministic. Edits that
    score no more than `minimum_score` are left out, so a line of suspiciousness 0 is skipped. Each
    result parses; no two results, nor a result and the original, have the same tokens. Collecting
    is eager, validating lazy: stopping early is cheap.
    """
    parser = new_parser(language)
    tree = parser.parse(source)
    found = symbols_below(tree.root_node, source, language)
    members = _members(source)
    declared = declared_in(tree.root_node)
    names = [symbol.name for symbol in found if symbol.kind != "class"]
    lines = _Lines(source)
    weights: dict[int, float] = {}
    scored: list[tuple[float, Edit, int, int]] = []
    checkers: list[_Checker] = []
    for target in (function,) if function else _outermost(found):
        root = tree.root_node if target is None else _node_of(tree, target)
        scope = build_scope(
            source,
            language,
            root,
            members=members,
            function_names=names,
            own_name=target.name if target else "",
        )
        plausibility = Plausibility(scope, declared)
        for edits in _EDITS:
            for edit in edits(scope):
                line = lines.at(edit.start)
                if line not in weights:
                    weights[line] = suspiciousness(line)
                score = edit.weight * weights[line]
                factor = plausibility.of(edit) if score > minimum_score else 0.0
                if score * factor > minimum_score:
                    kept = edit._replace(weight=edit.weight * factor)
                    scored.append((kept.weight * weights[line], kept, line, len(checkers)))
        checkers.append(_Checker(source, language, parser, tree, root))
    scored.sort(key=lambda item: (-item[0], item[1].start, item[1].end, item[1].text))
    for _, edit, line, index in scored:
        if checkers[index].accepts(edit):
            yield Mutation(path, line, edit.start, edit.end, edit.text, edit.kind, edit.weight)


def _outermost(found: Sequence[Symbol]) -> list[Symbol | None]:
    """Return the functions that stand in no other function; [None] for a file without any."""
    chosen: list[Symbol | None] = []
    end = -1
    for symbol in found:
        if symbol.kind != "class" and symbol.start_byte >= end:
            chosen.append(symbol)
            end = symbol.end_byte
    return chosen or [None]


class _Lines:
    """From byte offsets to 1-based lines."""

    def __init__(self, source: bytes) -> None:
        self._cache: dict[int, int] = {}
        self._source = source

    def at(self, offset: int) -> int:
        line = self._cache.get(offset)
        if line is None:
            line = self._cache[offset] = self._source.count(b"\n", 0, offset) + 1
        return line


# What may stand around a function so that it parses without the rest of its file.
_SHELLS = ((b"", b""), (b"if 1:\n", b""), (b"class A {\n", b"\n}"), (b"impl A {\n", b"\n}"))


class _Checker:
    """Says whether an edit gives code that parses and was not seen before.

    Parses the function alone where that works, so the size of the file does not matter.
    """

    def __init__(
        self, source: bytes, language: LanguageName, parser: Parser, tree: Tree, root: Node
    ) -> None:
        self._source = source
        self._parser = parser
        self._start, self._end = root.start_byte, root.end_byte
        self._layout = language == "python"
        if self._layout:
            self._start = source.rfind(b"\n", 0, root.start_byte) + 1
        text = source[self._start : self._end]
        self._text_start = self._start
        self._before, self._after = b"", b""
        self._tree: Tree | None = None
        for before, after in _SHELLS:
            alone = parser.parse(before + text + after)
            if not alone.root_node.has_error:
                self._tree, self._before, self._after = alone, before, after
                break
        else:
            if not tree.root_node.has_error:
                self._tree, self._start, self._end = tree, 0, len(source)
        whole = self._before + text + self._after
        self._compiles = self._layout and compile_error(whole) is None
        # Tokens of the original by line: an edit is told apart by the lines that it touches.
        self._lines = [self._tokens(b"\n" + line) for line in text.split(b"\n")]
        self._tokens_before: list[int] = [0]
        for line in self._lines:
            self._tokens_before.append(self._tokens_before[-1] + len(line))
        self._all = [token for line in self._lines for token in line]
        self._text = text
        self._seen: set[int] = {hash(tuple(self._all))}

    def _tokens(self, text: bytes) -> list[bytes]:
        tokens = _TOKENS.findall(text)
        return tokens if self._layout else [token for token in tokens if token[:1] != b"\n"]

    def _key(self, edit: Edit) -> int:
        """Return the hash of the tokens of the whole function after the edit."""
        text, offset = self._text, self._text_start
        start, end = edit.start - offset, edit.end - offset
        first, last = text.rfind(b"\n", 0, start) + 1, text.find(b"\n", end)
        last = len(text) if last < 0 else last
        top, bottom = text.count(b"\n", 0, first), text.count(b"\n", 0, last)
        changed = b"\n" + text[first:start] + edit.text + text[end:last]
        tokens = [
            *self._all[: self._tokens_before[top]],
            *self._tokens(changed),
            *self._all[self._tokens_before[bottom + 1] :],
        ]
        return hash(tuple(tokens))

    def accepts(self, edit: Edit) -> bool:
        """Return whether the edit is new and gives code that parses."""
        source = self._source
        head, tail = source[self._start : edit.start], source[edit.end : self._end]
        key = self._key(edit)
        if key in self._seen:
            return False
        self._seen.add(key)
        if edit.sure or self._tree is None:
            return True  # without a tree the function is newer than its grammar: nothing to tell
        old_size = edit.end - edit.start
        start = len(self._before) + len(head)
        changed = b"".join((self._before, head, edit.text, tail, self._after))
        if self._compiles and edit.kind in _RESTRUCTURES:
            verdict = compile_error(changed)
            if not isinstance(verdict, Undecided):
                return verdict is None
        old_text = b"".join((self._before, head, source[edit.start : edit.end]))
        old = self._tree.copy()
        old.edit(
            start_byte=start,
            old_end_byte=start + old_size,
            new_end_byte=start + len(edit.text),
            start_point=_point(changed, start),
            old_end_point=_point(old_text, start + old_size),
            new_end_point=_point(changed, start + len(edit.text)),
        )
        return not self._parser.parse(changed, old).root_node.has_error


def _point(source: bytes, offset: int) -> tuple[int, int]:
    return source.count(b"\n", 0, offset), offset - source.rfind(b"\n", 0, offset) - 1


def _node_of(tree: Tree, function: Symbol) -> Node:
    node = tree.root_node.named_descendant_for_byte_range(function.code_byte, function.end_byte)
    return node or tree.root_node


def _members(source: bytes) -> list[str]:
    """Return the attribute names that the file uses, in order of first use."""
    names = dict.fromkeys(_MEMBER.findall(source))
    return [name.decode() for name in list(names)[:200]]
