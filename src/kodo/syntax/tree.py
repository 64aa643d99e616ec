"""Parse files, name their syntax errors, and fingerprint code without its comments and layout.

Does not know what a symbol is. Guards against huge, deep and broken files: nothing here recurses.
"""

import warnings
from collections.abc import Iterator
from hashlib import blake2b
from typing import NamedTuple

from tree_sitter import Node, Tree

from kodo.syntax.languages import LanguageName, new_parser

MAX_ERRORS = 20
MAX_PARSE_BYTES = 4 << 20


class SyntaxProblem(NamedTuple):
    """One syntax error: the 1-based line and what is wrong, in words."""

    line: int
    message: str


def parse(source: bytes, language: LanguageName) -> Tree:
    """Return the syntax tree of `source`. Broken code gives a tree with ERROR nodes, never a raise.

    Positions in the tree are bytes of `source`. Takes about 0.5 ms a 1000 bytes.
    """
    return new_parser(language).parse(source)


def walk(node: Node) -> Iterator[Node]:
    """Yield `node` and all that is below it in source order, without recursion."""
    cursor = node.walk()
    while True:
        current = cursor.node
        assert current is not None
        yield current
        if cursor.goto_first_child() or cursor.goto_next_sibling():
            continue
        while True:
            if not cursor.goto_parent():
                return
            if cursor.goto_next_sibling():
                break


def syntax_errors(source: bytes, language: LanguageName) -> list[SyntaxProblem]:
    """Return what is wrong with the syntax of `source`, at most MAX_ERRORS, by line.

    An empty list means that it parses. For Python the running interpreter's compiler has the last
    word (nothing is executed), so its newer syntax is refused by an older interpreter. A file over
    MAX_PARSE_BYTES is not judged and gives an empty list.
    """
    if len(source) > MAX_PARSE_BYTES:
        return []
    if language == "python":
        verdict = compile_error(source)
        if not isinstance(verdict, Undecided):
            return [] if verdict is None else [verdict]
    root = parse(source, language).root_node
    return _broken_nodes(root, source) if root.has_error else []


class Undecided:
    """The compiler gave up on this file (nesting, memory): it says neither good nor bad."""


def compile_error(source: bytes) -> SyntaxProblem | Undecided | None:
    """Return what Python's own compiler says of `source`: None when it compiles."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(source, "<source>", "exec", dont_inherit=True)
        except SyntaxError as error:
            return SyntaxProblem(max(1, error.lineno or 1), error.msg)
        except ValueError as error:  # a null byte, or bytes that are not UTF-8
            return SyntaxProblem(1, str(error))
        except (RecursionError, MemoryError, OverflowError):
            return Undecided()
    return None


def _broken_nodes(root: Node, source: bytes) -> list[SyntaxProblem]:
    problems: list[SyntaxProblem] = []
    cursor = root.walk()
    while len(problems) < MAX_ERRORS:
        node = cursor.node
        assert node is not None
        if node.is_missing:
            problems.append(SyntaxProblem(node.start_point[0] + 1, f"missing {node.type!r}"))
        elif node.is_error:
            words = source[node.start_byte : node.end_byte].decode("utf-8", "replace").split()
            text = " ".join(words)[:40]
            problems.append(SyntaxProblem(node.start_point[0] + 1, f"unexpected {text!r}"))
        elif node.has_error and cursor.goto_first_child():
            continue
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return problems
    return problems


def fingerprint(source: bytes, language: LanguageName) -> str:
    """Return a hash of the code's tokens and nesting: equal for code that differs in layout alone.

    Comments and whitespace do not count, indentation does where it means something. 32 hex digits.
    """
    digest = blake2b(digest_size=16)
    cursor = parse(source, language).walk()
    last_end = 0
    while True:
        node = cursor.node
        assert node is not None
        kind = node.type
        start, end = node.start_byte, node.end_byte
        if "comment" in kind and node.is_named:
            last_end = end
        else:
            if start > last_end:  # text that no node covers, as inside some literals
                digest.update(source[last_end:start].strip())
                last_end = start
            whole = node.child_count == 0 or (node.is_named and _is_literal(kind))
            if whole:
                digest.update(source[start:end])
                digest.update(b"\0")
                last_end = end
            else:
                digest.update(kind.encode())
                digest.update(b"\1")
                if cursor.goto_first_child():
                    continue
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                digest.update(source[last_end:].strip())
                return digest.hexdigest()
            digest.update(b"\2")


def _is_literal(kind: str) -> bool:
    """Whether whitespace inside a node of this kind is part of its meaning."""
    return any(word in kind for word in ("string", "char", "regex", "heredoc")) and (
        "concatenated" not in kind and "array" not in kind
    )
