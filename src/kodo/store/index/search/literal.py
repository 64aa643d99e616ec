"""The exact and the regex search: substrings and expressions, by the bytes that were kept.

Uses the words of a literal to look at few contents where it has whole words, and reads all of them,
newest first, where it has none. Guards exactness: what is found is there, letter for letter.
"""

import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator

from kodo.base.errors import ToolError
from kodo.core.recall import Hit, Query
from kodo.store.index.contents import read_part
from kodo.store.index.search.occurrences import Occurrence, Scope, Spot, best_use, hit_of, scope_of
from kodo.store.index.search.question import phrase
from kodo.store.index.search.references import Place

_WHOLE_WORDS = re.compile(r"(?<=[^\w])[A-Za-z0-9_]+(?=[^\w])", re.ASCII)
_LONGEST_LINE = 4000

Find = Callable[[bytes], Iterator[int]]
"""Yields the offsets of what is looked for, in order."""


def search_exact(connection: sqlite3.Connection, query: Query, place: Place) -> list[Hit]:
    """Return the newest pieces that hold the text as a substring. Raises ToolError."""
    if not query.text:
        raise ToolError("an exact search needs the text to find; it is empty")
    wanted = query.text.encode("utf-8", "replace")
    scope = scope_of(connection, query, place)

    def find(data: bytes) -> Iterator[int]:
        at = data.find(wanted)
        while at >= 0:
            yield at
            at = data.find(wanted, at + len(wanted))

    contents = _contents_with_words(connection, query.text)
    return _first_hits(connection, contents, find, query.k, scope, place)


def search_regex(connection: sqlite3.Connection, query: Query, place: Place) -> list[Hit]:
    """Return the newest pieces with a line that the expression fits. Raises ToolError."""
    try:
        expression = re.compile(query.text)
    except re.error as error:
        raise ToolError(f"{query.text!r} is not a regular expression: {error}") from error
    scope = scope_of(connection, query, place)

    def find(data: bytes) -> Iterator[int]:
        at = 0
        for line in data.split(b"\n"):
            if expression.search(line[:_LONGEST_LINE].decode("utf-8", "replace")):
                yield at
            at += len(line) + 1

    contents = _all_contents(connection)
    return _first_hits(connection, contents, find, query.k, scope, place)


def _first_hits(
    connection: sqlite3.Connection,
    contents: Iterable[int],
    find: Find,
    wanted: int,
    scope: Scope,
    place: Place,
) -> list[Hit]:
    """Return the first hits, those of replaced versions behind the current ones."""
    hits: list[Hit] = []
    replaced: list[Hit] = []
    for content in contents:
        for hit in _hits_in(connection, content, find, scope, place):
            (hits if hit.current else replaced).append(hit)
            if len(hits) >= wanted:
                return hits
    return (hits + replaced)[:wanted]


def _contents_with_words(connection: sqlite3.Connection, text: str) -> Iterator[int]:
    """Yield the contents that may hold a text, newest first."""
    # Words at the edges may be parts of longer ones; a chunk ends with a line, so only one line's
    # words are sure to stand together.
    by_line: dict[int, set[str]] = {}
    for match in _WHOLE_WORDS.finditer(text):
        by_line.setdefault(text.rfind("\n", 0, match.start()), set()).add(match[0])
    whole = max(by_line.values(), key=len, default=None)
    if whole is None:
        yield from _all_contents(connection)
        return
    words = " AND ".join(map(phrase, sorted(whole)))
    rows = connection.execute(
        "SELECT DISTINCT content FROM index_places WHERE chunk IN "
        "(SELECT rowid FROM index_words WHERE index_words MATCH ?) ORDER BY content DESC",
        (f"text : ({words})",),
    ).fetchall()
    yield from (row[0] for row in rows)


def _all_contents(connection: sqlite3.Connection) -> Iterator[int]:
    (newest,) = connection.execute("SELECT max(number) FROM index_contents").fetchone()
    yield from range(newest or 0, 0, -1)


def _hits_in(
    connection: sqlite3.Connection,
    content: int,
    find: Find,
    scope: Scope,
    place: Place,
) -> Iterator[Hit]:
    """Yield one hit for each chunk of a content in which something is found, in order."""
    row = connection.execute(
        "SELECT bytes FROM index_contents WHERE number = ?", (content,)
    ).fetchone()
    if row is None:
        return
    data = read_part(connection, content, 0, row[0])
    use: Occurrence | None = None
    reached = -1
    for at in find(data):
        if at < reached:
            continue
        use = use or best_use(connection, content, scope, place)
        if use is None:
            return
        spot = _spot_at(connection, content, at)
        reached = spot.start + spot.length
        text = data[spot.start : reached].decode("utf-8", "replace")
        yield hit_of(use, spot, text)


def _spot_at(connection: sqlite3.Connection, content: int, at: int) -> Spot:
    row = connection.execute(
        "SELECT content, start, length, first_line, last_line FROM index_places "
        "WHERE content = ? AND start <= ? ORDER BY start DESC LIMIT 1",
        (content, at),
    ).fetchone()
    return Spot(*row)
