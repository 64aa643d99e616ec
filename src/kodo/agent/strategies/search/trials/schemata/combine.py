"""Put the bodies that many proposals give a function into one file, chosen when it runs.

Knows functions by their dialect and no build. Guards that a proposal which changes more than the
body of one function is left out: it needs a build of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tree_sitter import Node

from kodo.agent.strategies.search.trials.proposal import Proposal
from kodo.agent.strategies.search.trials.schemata.dialect import (
    TRAP,
    Dialect,
    definition_of,
    root_of,
)
from kodo.syntax.symbols import Symbol, symbols_below

MOST_OF_A_FUNCTION = 160


@dataclass(frozen=True, slots=True)
class Change:
    """What a proposal makes of one function: `start_byte` is where that function's body begins."""

    path: str
    start_byte: int
    body: bytes


@dataclass(slots=True)
class Combined:
    """Files that hold many bodies, and which lines belong to which variant (numbered from 1)."""

    texts: dict[str, bytes] = field(default_factory=dict[str, bytes])
    lines: dict[str, list[tuple[int, int, int]]] = field(
        default_factory=dict[str, list[tuple[int, int, int]]]
    )

    def variant_at(self, path: str, line: int) -> int:
        """Return the variant that a line belongs to, 0 where it is none's."""
        for first, last, variant in self.lines.get(path, ()):
            if first <= line <= last:
                return variant
        return 0


@dataclass(frozen=True, slots=True)
class _Base:
    """A file as it stands, and the functions in it whose bodies may become a choice."""

    text: bytes
    root: Node
    functions: tuple[tuple[Symbol, Node], ...]


class Bases:
    """The files as they stand, and the functions in them."""

    __slots__ = ("_bases", "_dialect", "texts")

    def __init__(self, texts: Mapping[str, bytes], dialect: Dialect) -> None:
        self.texts = texts
        self._dialect = dialect
        self._bases = {path: _base(path, text, dialect) for path, text in texts.items()}

    def change_of(self, proposal: Proposal) -> Change | None:
        """Return what a proposal changes, or None where that is not one function's body."""
        if len(proposal.files) != 1:
            return None
        path, text = next(iter(proposal.files.items()))
        if path not in self.texts:
            return None
        before, after = self.texts[path], text.encode("utf-8", "surrogateescape")
        head, tail = _equal_ends(before, after)
        for function, _node in self._bases[path].functions:
            first, last = function.body_start_byte, function.body_end_byte
            if first < head and len(before) - tail < last:
                return Change(path, first, after[first : last + len(after) - len(before)])
        return None

    def combine(self, changes: Mapping[int, Change]) -> Combined:
        """Return files in which each variant's body stands beside the one that is there now."""
        combined = Combined()
        for path in dict.fromkeys(change.path for change in changes.values()):
            base = self._bases[path]
            bodies: dict[int, dict[int, bytes]] = {}
            for number, change in changes.items():
                if change.path == path:
                    bodies.setdefault(change.start_byte, {})[number] = change.body
            chosen = [pair for pair in base.functions if pair[0].body_start_byte in bodies]
            first = chosen[0][0].decorated_byte
            at, prelude = self._dialect.prelude(path, base.text, base.root, first)
            pieces = [(base.text[:at], 0), (prelude, 0)]
            for function, node in chosen:
                pieces.append((base.text[at : function.decorated_byte], 0))
                own = bodies[function.body_start_byte]
                pieces += self._dialect.pieces(path, base.text, function, node, own)
                at = function.body_end_byte
            pieces.append((base.text[at:], 0))
            combined.texts[path] = b"".join(piece for piece, _ in pieces)
            combined.lines[path] = _spans(pieces)
        return combined


def _spans(pieces: Sequence[tuple[bytes, int]]) -> list[tuple[int, int, int]]:
    """Return the first and the last line of each variant's text."""
    found: list[tuple[int, int, int]] = []
    line = 1
    for piece, variant in pieces:
        lines = piece.count(b"\n")
        if variant and variant != TRAP:
            found.append((line, line + max(0, lines - 1), variant))
        line += lines
    return found


def _base(path: str, text: bytes, dialect: Dialect) -> _Base:
    """Return the outermost functions whose body may become a choice, in order."""
    language = dialect.language_of(path)
    root = root_of(text, language)
    found: list[tuple[Symbol, Node]] = []
    end = 0
    for symbol in symbols_below(root, text, language):
        if symbol.kind == "class" or symbol.body_end_byte <= symbol.body_start_byte:
            continue
        if symbol.decorated_byte < end:
            continue  # inside another function
        end = symbol.body_end_byte
        node = definition_of(root, symbol)
        if node is not None and dialect.may_choose(text, symbol, node):
            found.append((symbol, node))
    return _Base(text, root, tuple(found))


def _equal_ends(one: bytes, other: bytes) -> tuple[int, int]:
    """Return how many bytes at the start and at the end are the same in both."""
    most = min(len(one), len(other))
    head = 0
    while head < most and one[head] == other[head]:
        head += 1
    tail = 0
    while tail < most - head and one[-1 - tail] == other[-1 - tail]:
        tail += 1
    return head, tail


def batches(
    changes: Sequence[tuple[int, Change]], first: int, most: int
) -> list[dict[int, Change]]:
    """Return the changes in groups for one build each; the first group is smaller, to be quick.

    No group holds more than MOST_OF_A_FUNCTION bodies of one function.
    """
    found: list[dict[int, Change]] = []
    counts: dict[tuple[str, int], int] = {}
    for number, change in changes:
        place = (change.path, change.start_byte)
        size = first if len(found) <= 1 else most
        full = not found or len(found[-1]) >= size
        if full or counts.get(place, 0) >= MOST_OF_A_FUNCTION:
            found.append({})
            counts = {}
        found[-1][number] = change
        counts[place] = counts.get(place, 0) + 1
    return found
