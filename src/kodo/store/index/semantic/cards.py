"""Cards: what is known of each function of a file, as weighted words, and the lines to show of it.

Knows one file at a time, by its syntax tree. A function is described by its name, its owner and
path, its signature, its documentation, its body, and the documentation around it. Guards that the
lines shown say what it is: from its signature to the first sentence of its documentation.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import NamedTuple

from kodo.store.index.semantic.stems import stems
from kodo.syntax.languages import LanguageName
from kodo.syntax.symbols import Symbol, symbols

MAX_SOURCE_BYTES = 1 << 20
SHOWN_BYTES = 180

_MOST_FUNCTIONS = 2000
_LONGEST_BODY = 12_000
_AROUND_BYTES = 700
_DESCRIBED_BYTES = 700
_MOST_SIGNATURE_LINES = 6

_DOCSTRING = re.compile(rb"\s*[rRuU]?(\"\"\"|'''|\"|')(.*?)\1", re.DOTALL)
_HASH_COMMENT = re.compile(rb"(?:[ \t]*#[^\n]*\n)+\Z")
_FILE_HEAD = re.compile(rb"(?:\s|#!?[^\n]*\n|//[^\n]*\n|;[^\n]*\n)*")
_BLOCK_COMMENT = re.compile(rb"\s*/\*(.*?)\*/", re.DOTALL)


class _Field(NamedTuple):
    """How much a word counts where it stands, by Robertson and Zaragoza's BM25F.

    `usual` is how many words such a field has on average: measured once over the standard library,
    so that a function's numbers do not depend on its neighbours.
    """

    weight: float
    length_share: float
    usual: float


_FIELDS: Mapping[str, _Field] = {
    "name": _Field(3.0, 0.3, 3.0),
    "owner": _Field(1.5, 0.2, 4.0),
    "signature": _Field(1.0, 0.5, 9.0),
    "documentation": _Field(2.0, 0.6, 22.0),
    "body": _Field(0.6, 0.75, 90.0),
    "around": _Field(0.4, 0.5, 60.0),
}


class Card(NamedTuple):
    """A function or method. Lines are 1-based and inclusive; `shown` are the first ones, as text.

    `weights` are its words' shares of BM25F's term frequency. `description` is for an embedding.
    """

    name: str
    first_line: int
    last_line: int
    shown: str
    weights: dict[str, float]
    description: str


def cards(source: bytes, language: LanguageName, path: str) -> Iterator[Card]:
    """Yield a card for each function of a file, at most 2000. A huge file gives none."""
    if len(source) > MAX_SOURCE_BYTES:
        return
    found = symbols(source, language)
    documentation = {item.qualified_name: _documentation(source, item) for item in found}
    head = _head(source, language)
    pure = PurePosixPath(path)
    place = f"{pure.parent.name} {pure.stem}"
    functions = [item for item in found if item.kind != "class"][:_MOST_FUNCTIONS]
    starts = _line_starts(source)
    for item in functions:
        owner = item.qualified_name[: -len(item.name)].rstrip(".")
        own = documentation[item.qualified_name]
        body = source[item.body_start_byte : item.body_end_byte][:_LONGEST_BODY]
        code = _without_docstring(body, language)
        fields = {
            "name": item.name,
            "owner": f"{owner} {place}",
            "signature": item.signature,
            "documentation": own,
            "body": code.decode("utf-8", "replace"),
            "around": f"{documentation.get(owner, '')[:_AROUND_BYTES]} {head}",
        }
        first, last = _shown_lines(source, item, starts)
        end = starts[last] if last < len(starts) else len(source)
        yield Card(
            name=item.qualified_name,
            first_line=first,
            last_line=item.end_line,
            shown=source[starts[first - 1] : end].decode("utf-8", "replace"),
            weights=_weights(fields),
            description=_description(item, own),
        )


def _weights(fields: Mapping[str, str]) -> dict[str, float]:
    weights: dict[str, float] = {}
    for name, text in fields.items():
        field = _FIELDS[name]
        words = stems(text)
        length = 1 - field.length_share + field.length_share * len(words) / field.usual
        share = field.weight / length
        for word in words:
            weights[word] = weights.get(word, 0.0) + share
    return weights


def _description(item: Symbol, documentation: str) -> str:
    told = " ".join(documentation.split())[:_DESCRIBED_BYTES]
    name = re.sub(r"(?<=[a-z])(?=[A-Z])|[_.]+", " ", item.qualified_name).strip().lower()
    return f"{name}. {told} {item.signature}"


def _documentation(source: bytes, item: Symbol) -> str:
    """Return the comment before a definition and the string at the head of its body, as prose."""
    found: list[bytes] = []
    if item.language in {"python", "bash"}:
        line_start = source.rfind(b"\n", 0, item.start_byte) + 1
        if comment := _HASH_COMMENT.search(source[max(0, line_start - 2000) : line_start]):
            found.append(comment[0])
    else:
        found.append(source[item.start_byte : item.decorated_byte])
    if item.language == "python":
        body = source[item.body_start_byte : item.body_end_byte]
        if (docstring := _DOCSTRING.match(body)) is not None:
            found.append(docstring[2])
    text = b"\n".join(found).decode("utf-8", "replace")
    return re.sub(r"(?m)^[ \t]*(?:///?!?|/?\*+/?|#+)", " ", text)


def _without_docstring(body: bytes, language: LanguageName) -> bytes:
    if language == "python" and (docstring := _DOCSTRING.match(body)) is not None:
        return body[docstring.end() :]
    return body


def _head(source: bytes, language: LanguageName) -> str:
    """Return the documentation at the top of a file."""
    skipped = _FILE_HEAD.match(source)
    start = skipped.end() if skipped is not None else 0
    pattern = _DOCSTRING if language == "python" else _BLOCK_COMMENT
    found = pattern.match(source[start : start + 4 * _AROUND_BYTES])
    head = source[:start] if found is None else found[found.re.groups]
    return head[:_AROUND_BYTES].decode("utf-8", "replace")


def _shown_lines(source: bytes, item: Symbol, starts: list[int]) -> tuple[int, int]:
    """Return the lines to show: a short comment above, the signature, and what follows it."""
    code_line = source.count(b"\n", 0, item.code_byte) + 1
    first = code_line
    above = code_line - item.start_line
    if above and _bytes_of(starts, source, item.start_line, code_line - 1) <= SHOWN_BYTES:
        first = item.start_line
    body_line = source.count(b"\n", 0, item.body_start_byte) + 1
    last = max(code_line, min(body_line, code_line + _MOST_SIGNATURE_LINES, item.end_line))
    while last < item.end_line and _bytes_of(starts, source, first, last + 1) <= SHOWN_BYTES:
        last += 1
    return first, last


def _bytes_of(starts: list[int], source: bytes, first: int, last: int) -> int:
    end = starts[last] if last < len(starts) else len(source)
    return end - starts[first - 1]


def _line_starts(source: bytes) -> list[int]:
    return [0, *_after_newlines(source)]


def _after_newlines(source: bytes) -> Iterable[int]:
    at = source.find(b"\n")
    while at >= 0:
        yield at + 1
        at = source.find(b"\n", at + 1)
