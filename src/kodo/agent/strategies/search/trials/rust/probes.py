"""Which lines each Rust test runs, found by statements that are put between those of the project.

Knows Rust's blocks and crate roots, not how tests run. Guards that code which cannot hold a
statement (constant functions, macros) is left as it is.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from tree_sitter import Node

from kodo.agent.strategies.search.trials.ground import Coverage
from kodo.syntax.tree import parse, walk

VARIABLE = "KODO_RAN"
MOST_PROBES = 4000
ROOTS = ("src/lib.rs", "src/main.rs")
# Each place tells once: into the file that the environment names, at its first run.
MACRO = (
    b"#[allow(unused_macros)] macro_rules! kodo_ran { ($place:literal) => {{"
    b" static RAN: ::std::sync::atomic::AtomicBool = ::std::sync::atomic::AtomicBool::new(false);"
    b" if !RAN.swap(true, ::std::sync::atomic::Ordering::Relaxed) {"
    b' if let Ok(kodo_path) = ::std::env::var("' + VARIABLE.encode() + b'") {'
    b" if let Ok(mut kodo_file) ="
    b" ::std::fs::OpenOptions::new().create(true).append(true).open(kodo_path) {"
    b" let _ = ::std::io::Write::write_all(&mut kodo_file,"
    b' concat!($place, "\\n").as_bytes()); } } } }} } '
)
_ITEMS = re.compile(r"_item$|^use_declaration$|comment$|^label$|^attribute_item$|_definition$")
_HEAD = re.compile(rb"(?:\s+|//[^\n]*\n|/\*.*?\*/|#!\[[^\]]*\]|#![^\[\n]*\n)*", re.DOTALL)


@dataclass(slots=True)
class Probed:
    """Files with probes, and the lines of a file that each probe (by number) stands for."""

    texts: dict[str, bytes] = field(default_factory=dict[str, bytes])
    places: list[tuple[str, frozenset[int]]] = field(
        default_factory=list[tuple[str, frozenset[int]]]
    )


def probe(texts: Mapping[str, bytes]) -> Probed:
    """Return `texts` (path to source) with probes; no file where there is no crate root."""
    probed = Probed()
    if not any(root in texts for root in ROOTS):
        return probed
    for path, text in texts.items():
        pieces: list[bytes] = []
        at = 0
        statements = _statements(parse(text, "rust").root_node)
        for node, lines in zip(statements, _lines_of(statements), strict=True):
            if len(probed.places) >= MOST_PROBES:
                break
            pieces.append(text[at : node.start_byte])
            pieces.append(b"kodo_ran!(%d); " % len(probed.places))
            probed.places.append((path, lines))
            at = node.start_byte
        new = b"".join([*pieces, text[at:]])
        if path in ROOTS:
            head = _HEAD.match(new)
            start = head.end() if head else 0
            new = new[:start] + MACRO + new[start:]
        probed.texts[path] = new
    return probed


def _statements(root: Node) -> list[Node]:
    """Return the statements that a probe can stand in front of, in order."""
    found: list[Node] = []
    for node in walk(root):
        if node.type != "block" or not _may_run(node):
            continue
        before: Node | None = None
        for child in node.named_children:
            attributed = before is not None and before.type == "attribute_item"
            if not attributed and not _ITEMS.search(child.type):
                found.append(child)
            before = child
    return sorted(found, key=lambda node: node.start_byte)


def _lines_of(statements: list[Node]) -> list[frozenset[int]]:
    """Return each statement's lines: its first, and those that no statement inside it has."""
    owners: dict[int, int] = {}
    for number, node in enumerate(statements):
        for row in range(node.start_point.row, node.end_point.row + 1):
            owners[row] = number
    found = [{node.start_point.row + 1} for node in statements]
    for row, number in owners.items():
        found[number].add(row + 1)
    return [frozenset(lines) for lines in found]


def _may_run(block: Node) -> bool:
    """Tell whether a block is code of a function that is no test and no constant."""
    at: Node | None = block
    runs = False
    while at is not None:
        if at.type in ("const_item", "static_item", "const_block", "macro_definition"):
            return False
        if at.type in ("function_item", "mod_item") and _is_test(at):
            return False
        if at.type == "function_item":
            words = [child for child in at.children if child.type == "function_modifiers"]
            if any(b"const" in (word.text or b"").split() for word in words):
                return False
            runs = True
        at = at.parent
    return runs


def _is_test(item: Node) -> bool:
    before = item.prev_named_sibling
    while before is not None and before.type == "attribute_item":
        if re.search(rb"\btest\b", before.text or b""):
            return True
        before = before.prev_named_sibling
    return False


_RAN = re.compile(rb"^\x1ekodo-ran (\d+) (\S+)\n([\d ]*)", re.MULTILINE)


def read_coverage(output: bytes, probed: Probed) -> tuple[Coverage, ...]:
    """Return what each test ran, by the output of the coverage script."""
    found: list[Coverage] = []
    for code, name, numbers in _RAN.findall(output):
        lines: dict[str, set[int]] = {}
        for number in map(int, numbers.split()):
            if number < len(probed.places):
                path, rows = probed.places[number]
                lines.setdefault(path, set()).update(rows)
        ran = {path: frozenset(kept) for path, kept in lines.items()}
        found.append(Coverage(name.decode("utf-8", "replace"), code == b"0", ran))
    return tuple(found)
