"""Tags: what one file defines and what it uses, kept by the hash of its content.

Knows one file at a time. Guards that nothing is parsed twice: a kept collection of tags can be
written down, and read again by a later process.
"""

import re
from collections import Counter
from hashlib import blake2b

import msgspec
from tree_sitter import QueryCursor

from kodo.syntax.graph.queries import reference_query
from kodo.syntax.languages import LanguageName, language_of
from kodo.syntax.symbols import SymbolKind, symbols_below
from kodo.syntax.tree import MAX_PARSE_BYTES, parse

MAX_TAGGED_BYTES = min(1 << 20, MAX_PARSE_BYTES)
_LONGEST_SIGNATURE = 160
_FORMAT = 1
_IDENTIFIER = re.compile(r"[^\W\d]\w*")


class Definition(msgspec.Struct, frozen=True, array_like=True):
    """A function, method or class. `owner` is the qualified name around it ("" at the top).

    Lines are 1-based; `line` is where the name stands. `signature` is on one line.
    """

    name: str
    owner: str
    kind: SymbolKind
    line: int
    end_line: int
    signature: str


class Reference(msgspec.Struct, frozen=True, array_like=True):
    """A name that the file uses `count` times; `member` where only through a value (`x.name()`)."""

    name: str
    count: int
    member: bool = False


class FileTags(msgspec.Struct, frozen=True, array_like=True):
    """What a file defines, uses, and the words of its import statements."""

    definitions: tuple[Definition, ...] = ()
    references: tuple[Reference, ...] = ()
    imports: frozenset[str] = frozenset()


class _Kept(msgspec.Struct, frozen=True):
    version: int
    tags: dict[str, FileTags]


def tag_file(source: bytes, language: LanguageName) -> FileTags:
    """Return the tags of a file. Takes about 0.35 CPU ms a 1000 bytes, nearly all of it parsing."""
    root = parse(source, language).root_node
    definitions = tuple(
        Definition(
            name=symbol.name,
            owner=symbol.qualified_name[: -len(symbol.name)].rstrip("."),
            kind=symbol.kind,
            line=symbol.name_line,
            end_line=symbol.end_line,
            signature=_one_line(symbol.signature, language),
        )
        for symbol in symbols_below(root, source, language)
    )
    captures = QueryCursor(reference_query(language)).captures(root)
    called, members = (
        Counter(
            source[node.start_byte : node.end_byte].decode("utf-8", "replace")
            for node in captures.get(kind, ())
        )
        for kind in ("call", "member")
    )
    if language not in {"python", "javascript"}:
        # There a type is caught where it is defined, too.
        called.subtract({item.name for item in definitions if item.kind == "class"})
    imports: set[str] = set()
    for node in captures.get("import", ()):
        text = source[node.start_byte : node.end_byte].decode("utf-8", "replace")
        imports.update(_IDENTIFIER.findall(text))
    return FileTags(
        definitions,
        (
            *(Reference(name, count) for name, count in sorted(called.items()) if count > 0),
            *(
                Reference(name, count, member=True)
                for name, count in sorted(members.items())
                if called[name] <= 0
            ),
        ),
        frozenset(imports),
    )


def _one_line(signature: str, language: LanguageName) -> str:
    if language == "ruby":  # its grammar puts comments between the head and the body
        signature = signature.split(" # ", 1)[0]
    return signature[:_LONGEST_SIGNATURE]


class TagCache:
    """Tags by content. Not safe to share by threads."""

    __slots__ = ("_kept", "_used")

    def __init__(self, written: bytes = b"") -> None:
        """Begin with what `encode` wrote; anything else, or another version's, counts as empty."""
        self._kept: dict[str, FileTags] = {}
        self._used: set[str] = set()
        if written:
            try:
                kept = msgspec.msgpack.decode(written, type=_Kept)
            except msgspec.MsgspecError:
                return
            if kept.version == _FORMAT:
                self._kept = kept.tags

    def tags(self, path: str, source: bytes) -> FileTags | None:
        """Return the tags of a file, parsed only where its content is new.

        None where kodo has no grammar for `path`, or the file is over MAX_TAGGED_BYTES.
        """
        language = language_of(path)
        if language is None or len(source) > MAX_TAGGED_BYTES:
            return None
        key = f"{language}:{blake2b(source, digest_size=16).hexdigest()}"
        self._used.add(key)
        found = self._kept.get(key)
        if found is None:
            found = self._kept[key] = tag_file(source, language)
        return found

    def encode(self) -> bytes:
        """Return the tags that were asked for since the beginning, to be kept for later."""
        used = {key: tags for key, tags in sorted(self._kept.items()) if key in self._used}
        return msgspec.msgpack.encode(_Kept(_FORMAT, used))
