"""Put the bodies that many proposals give a function into one file, chosen when it runs.

Knows Rust's functions and no build. Guards that a proposal which changes more than the body of one
function is left out: it needs a build of its own.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kodo.agent.strategies.search.proposal import Proposal
from kodo.syntax.symbols import Symbol, symbols

VARIABLE = "KODO_VARIANT"
MOST_OF_A_FUNCTION = 160
_CHOICE = (
    "{ let kodo_variant: u32 = { static KODO: ::std::sync::OnceLock<u32> ="
    " ::std::sync::OnceLock::new(); *KODO.get_or_init(|| ::std::env::var("
    f'"{VARIABLE}"'
    ").ok().and_then(|v| v.parse().ok()).unwrap_or(0)) }; match kodo_variant {\n"
)
_CONSTANT = re.compile(r"\bconst\s+(?:async\s+|unsafe\s+|extern\s+\S+\s+)*fn\b")


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


class Bases:
    """The files as they stand, and the functions in them."""

    __slots__ = ("_functions", "texts")

    def __init__(self, texts: Mapping[str, bytes]) -> None:
        self.texts = texts
        self._functions = {path: _functions(text) for path, text in texts.items()}

    def change_of(self, proposal: Proposal) -> Change | None:
        """Return what a proposal changes, or None where that is not one function's body."""
        if len(proposal.files) != 1:
            return None
        path, text = next(iter(proposal.files.items()))
        if path not in self.texts:
            return None
        before, after = self.texts[path], text.encode("utf-8", "surrogateescape")
        head, tail = _equal_ends(before, after)
        for function in self._functions[path]:
            first, last = function.body_start_byte, function.body_end_byte
            if first < head and len(before) - tail < last:
                return Change(path, first, after[first : last + len(after) - len(before)])
        return None

    def combine(self, changes: Mapping[int, Change]) -> Combined:
        """Return files in which each variant's body stands beside the one that is there now."""
        combined = Combined()
        for path in dict.fromkeys(change.path for change in changes.values()):
            before = self.texts[path]
            chosen = {n: change for n, change in changes.items() if change.path == path}
            pieces: list[bytes] = []
            at = 0
            line = 1
            spans: list[tuple[int, int, int]] = []
            for function in self._functions[path]:
                own = {n: c for n, c in chosen.items() if c.start_byte == function.body_start_byte}
                if not own:
                    continue
                head = before[at : function.decorated_byte] + b"#[allow(warnings)] "
                head += before[function.decorated_byte : function.body_start_byte]
                pieces.append(head + _CHOICE.encode())
                line += pieces[-1].count(b"\n")
                for number, change in own.items():
                    pieces.append(f"{number}u32 => ".encode() + change.body + b"\n")
                    lines = pieces[-1].count(b"\n")
                    spans.append((line, line + lines - 1, number))
                    line += lines
                old = before[function.body_start_byte : function.body_end_byte]
                pieces.append(b"_ => " + old + b"\n} }")
                line += pieces[-1].count(b"\n")
                at = function.body_end_byte
            combined.texts[path] = b"".join([*pieces, before[at:]])
            combined.lines[path] = spans
        return combined


def _functions(text: bytes) -> list[Symbol]:
    """Return the outermost functions whose body may become a choice, in order."""
    found: list[Symbol] = []
    for symbol in symbols(text, "rust"):
        if symbol.kind == "class" or symbol.body_end_byte <= symbol.body_start_byte:
            continue
        if found and symbol.start_byte < found[-1].end_byte:
            continue  # inside another function
        if not _CONSTANT.search(symbol.signature):
            found.append(symbol)
    return found


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
