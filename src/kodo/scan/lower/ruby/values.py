"""Ruby's constants, text, collections and names.

Does not know calls or statements. Guards anchors: `^` and `$` of a Ruby pattern mean lines, so they
never pass for the ends of a text.
"""

import re
from typing import ClassVar

from tree_sitter import Node as SyntaxNode

from kodo.scan.ir import (
    Call,
    Class,
    Collection,
    Field,
    Keyword,
    Literal,
    Mapping,
    Name,
    Node,
    Pair,
    Spread,
    Text,
    Unknown,
)
from kodo.scan.lower.base import Lowerer, fields

_ESCAPE = re.compile(r"\\(?:x[0-9a-fA-F]{1,2}|u[0-9a-fA-F]{4}|u\{[0-9a-fA-F ]+\}|.)", re.DOTALL)
_SIMPLE = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "s": " ", "e": "\x1b", "a": "\a", "b": "\b"}
_LINE_ANCHOR = re.compile(r"\\.|\[(?:\\.|[^\]\\])*\]|[\^$]")


def unescape(text: str) -> str:
    """Return `text` with the escapes of double quotes replaced."""

    def plain(match: re.Match[str]) -> str:
        body = match.group()[1:]
        if body[0] in "xu" and len(body) > 1:
            code = int(body[1:].strip("{}").split(" ")[0] or "0", 16)
            return chr(code) if code < 0x110000 else "\ufffd"
        return _SIMPLE.get(body, "" if body == "\n" else body)

    return _ESCAPE.sub(plain, text) if "\\" in text else text


def with_line_anchors(pattern: str) -> str:
    """Return a pattern whose `^` and `$` say that they mean lines."""

    def marked(match: re.Match[str]) -> str:
        return f"(?m:{match.group()})" if match.group() in "^$" else match.group()

    return _LINE_ANCHOR.sub(marked, pattern)


class ValueLowerer(Lowerer):
    """Simple and composite values by kind."""

    skipped: ClassVar[frozenset[str]] = frozenset(
        {"comment", "heredoc_body", "uninterpreted", "empty_statement"}
    )
    expressions: ClassVar[dict[str, str]] = {
        "identifier": "name",
        "constant": "constant",
        "self": "this",
        "instance_variable": "instance_variable",
        "class_variable": "instance_variable",
        "global_variable": "constant",
        "nil": "nothing",
        "true": "true",
        "false": "false",
        "integer": "number",
        "float": "number",
        "string": "string",
        "bare_string": "string",
        "bare_symbol": "string",
        "chained_string": "strings",
        "character": "character",
        "simple_symbol": "symbol",
        "hash_key_symbol": "symbol",
        "delimited_symbol": "string",
        "heredoc_beginning": "heredoc",
        "subshell": "subshell",
        "regex": "pattern",
        "array": "collection",
        "string_array": "collection",
        "symbol_array": "collection",
        "right_assignment_list": "collection",
        "left_assignment_list": "collection",
        "destructured_left_assignment": "collection",
        "destructured_parameter": "collection",
        "hash": "mapping",
        "splat_argument": "spread",
        "rest_assignment": "spread",
        "scope_resolution": "scoped",
        "range": "span",
    }

    heredocs: dict[int, SyntaxNode]
    locals: set[str]
    owner: Class | None = None
    static: bool = False

    def name(self, node: SyntaxNode) -> Node:
        """An identifier: a variable, else a call of a method of the class, else a name."""
        start, end = node.start_byte, node.end_byte
        name = self.text.slice(start, end)
        if name not in self.locals:
            own = self.own_method(name, start, end)
            if own is not None:
                return Call(start, end, own, [])
        return Name(start, end, name)

    def own_method(self, name: str, start: int, end: int) -> Node | None:
        """Return what names a method of this class or file, None for any other name."""
        owner = self.owner
        if owner is not None:
            method = owner.methods.get(name)
            if method is not None:
                holder = "this" if method.receiver else owner.name
                return Field(start, end, Name(start, start, holder), name)
        return Name(start, end, name) if name in self.module.functions else None

    def constant(self, node: SyntaxNode) -> Node:
        """A constant or global variable."""
        return Name(node.start_byte, node.end_byte, self.words(node))

    def this(self, node: SyntaxNode) -> Node:
        """`self`."""
        name = self.owner.name if self.static and self.owner is not None else "this"
        return Name(node.start_byte, node.end_byte, name)

    def instance_variable(self, node: SyntaxNode) -> Node:
        """`@name`: a field whose name keeps its mark, since methods may be called alike."""
        start, end = node.start_byte, node.end_byte
        return Field(start, end, Name(start, start, "this"), self.words(node))

    def nothing(self, node: SyntaxNode) -> Node:
        """`nil`."""
        return Literal(node.start_byte, node.end_byte, None)

    def true(self, node: SyntaxNode) -> Node:
        """True."""
        return Literal(node.start_byte, node.end_byte, True)  # noqa: FBT003

    def false(self, node: SyntaxNode) -> Node:
        """False."""
        return Literal(node.start_byte, node.end_byte, False)  # noqa: FBT003

    def number(self, node: SyntaxNode) -> Node:
        """A number."""
        start, end = node.start_byte, node.end_byte
        text = self.words(node).replace("_", "")
        try:
            if len(text) > 100:
                return Unknown(start, end, [])
            if text[:1] == "0" and text[1:].isdigit():
                return Literal(start, end, int(text, 8))
            return Literal(start, end, float(text) if node.type == "float" else int(text, 0))
        except ValueError:
            return Unknown(start, end, [])

    def character(self, node: SyntaxNode) -> Node:
        """`?a`."""
        return Literal(node.start_byte, node.end_byte, self.words(node)[1:])

    def symbol(self, node: SyntaxNode) -> Node:
        """`:name`, and `name:` as a key."""
        return Literal(node.start_byte, node.end_byte, self.words(node).strip(":"))

    def string(self, node: SyntaxNode) -> Node:
        """Text, maybe interpolated."""
        first = self.text.latin[node.start_byte : node.start_byte + 2]
        raw = first[:1] == "'" or first in ("%q", "%w", "%i")
        return self.parts_of(node, raw=raw)

    def parts_of(self, node: SyntaxNode, *, raw: bool = False) -> Node:
        """Return the content of a text node: a literal without interpolation."""
        start, end = node.start_byte, node.end_byte
        parts: list[Node] = []
        text = ""
        for child in node.children:
            kind = child.type
            if kind == "interpolation":
                if text:
                    parts.append(Literal(start, child.start_byte, text))
                    text = ""
                inner = [one for one in child.named_children if one.type not in self.skipped]
                if inner:
                    parts.append(self.expression(inner[-1]))
            elif kind in ("string_content", "heredoc_content", "escape_sequence"):
                written = self.words(child)
                text += written if raw else unescape(written)
        if not parts:
            return Literal(start, end, text)
        if text:
            parts.append(Literal(end, end, text))
        return Text(start, end, parts)

    def strings(self, node: SyntaxNode) -> Node:
        """Adjacent texts."""
        parts = self.expression_list(node.named_children)
        if all(isinstance(part, Literal) for part in parts):
            joined = "".join(str(part.value) for part in parts if isinstance(part, Literal))
            return Literal(node.start_byte, node.end_byte, joined)
        return Text(node.start_byte, node.end_byte, parts)

    def heredoc(self, node: SyntaxNode) -> Node:
        """`<<~NAME`: the text that follows."""
        body = self.heredocs.get(node.start_byte)
        if body is None:
            return Unknown(node.start_byte, node.end_byte, [])
        made = self.parts_of(body, raw="'" in self.words(node))
        made.start, made.end = node.start_byte, node.end_byte
        return made

    def subshell(self, node: SyntaxNode) -> Node:
        """Backticks and `%x()`: a call of `%`."""
        start, end = node.start_byte, node.end_byte
        return Call(start, end, Name(start, end, "%"), [self.parts_of(node)])

    def pattern(self, node: SyntaxNode) -> Node:
        """A regular expression as a call of `Regexp` with its pattern and flags."""
        start, end = node.start_byte, node.end_byte
        content = self.parts_of(node, raw=True)
        flags = self.text.slice(node.children[-1].start_byte, end).lstrip("/}])|!")
        if isinstance(content, Literal):
            content = Literal(start, end, with_line_anchors(str(content.value)))
        marks = Literal(start, end, f"g{flags.replace('m', '')}")
        return Call(start, end, Name(start, end, "Regexp"), [content, marks])

    def collection(self, node: SyntaxNode) -> Node:
        """An array, also as a target."""
        items: list[Node] = []
        for child in node.named_children:
            if child.type == "pair":
                pair = self.pair(child)
                items.append(Mapping(child.start_byte, child.end_byte, [pair]))
            elif child.type not in self.skipped:
                items.append(self.expression(child))
        return Collection(node.start_byte, node.end_byte, "list", items)

    def mapping(self, node: SyntaxNode) -> Node:
        """A hash."""
        pairs = [
            self.pair(child) for child in node.named_children if child.type not in self.skipped
        ]
        return Mapping(node.start_byte, node.end_byte, pairs)

    def pair(self, node: SyntaxNode) -> Pair:
        """An entry; a key without a value stands for the variable of its name."""
        start, end = node.start_byte, node.end_byte
        if node.type != "pair":
            return Pair(start, end, None, self.inner(node))
        parts = fields(node)
        if "key" not in parts:
            return Pair(start, end, None, self.inner(node))
        key = self.expression(parts["key"])
        if "value" in parts:
            return Pair(start, end, key, self.expression(parts["value"]))
        name = str(key.value) if isinstance(key, Literal) else ""
        return Pair(start, end, key, Name(start, end, name))

    def keyword(self, node: SyntaxNode) -> Keyword:
        """A pair among arguments."""
        pair = self.pair(node)
        name = str(pair.key.value) if isinstance(pair.key, Literal) else ""
        value = pair.value
        if not name and pair.key is not None:
            value = Mapping(pair.start, pair.end, [pair])
        return Keyword(pair.start, pair.end, name, value)

    def inner(self, node: SyntaxNode) -> Node:
        """What is inside of a node, the last child of several."""
        for child in reversed(node.named_children):
            if child.type not in self.skipped:
                return self.expression(child)
        return Unknown(node.start_byte, node.end_byte, [])

    def spread(self, node: SyntaxNode) -> Node:
        """`*items`."""
        return Spread(node.start_byte, node.end_byte, self.inner(node))

    def scoped(self, node: SyntaxNode) -> Node:
        """`A::B`, `::A`."""
        parts = fields(node)
        name = self.words(parts["name"]) if "name" in parts else ""
        start, end = node.start_byte, node.end_byte
        if "scope" not in parts:
            return Name(start, end, name)
        return Field(start, end, self.expression(parts["scope"]), name)

    def span(self, node: SyntaxNode) -> Node:
        """`a..b`: its bounds are evaluated, and it holds numbers."""
        ends = self.expression_list(node.named_children)
        return Call(
            node.start_byte, node.end_byte, Name(node.start_byte, node.end_byte, "Range"), ends
        )
