"""Going over everything: each chunk of a scope once, in the order of time and place.

Reads page by page, so that what is added meanwhile neither repeats nor hides anything. Guards
completeness: a sweep that counts must have seen it all.
"""

import sqlite3

from kodo.core.recall import Hit
from kodo.store.index.contents import read_part
from kodo.store.index.search.occurrences import (
    Occurrence,
    Scope,
    Spot,
    entry_occurrence,
    file_occurrence,
    hit_of,
)
from kodo.store.index.search.references import Place
from kodo.store.index.sources import FILE

_PAGE = 200


class Sweep:
    """One pass: `next_page` returns hits until `done`; replaced versions are left out."""

    __slots__ = ("_after", "_done", "_place", "_scope", "_seen")

    def __init__(self, scope: Scope, place: Place) -> None:
        self._scope = scope
        self._place = place
        self._seen: set[int] = set()
        # Entries first, in their order; then files, by path.
        self._after: tuple[int, int] = (0, 0)
        self._done = False

    @property
    def done(self) -> bool:
        """Whether all has been returned."""
        return self._done

    def next_page(self, connection: sqlite3.Connection) -> list[Hit]:
        """Return the next hits; an empty page is not the end, `done` is."""
        files, after = self._after
        if not files:
            rows = connection.execute(
                "SELECT number, source, content FROM index_uses "
                "WHERE source != ? AND number > ? ORDER BY number LIMIT ?",
                (FILE, after, _PAGE),
            ).fetchall()
            self._after = (0, rows[-1][0]) if len(rows) == _PAGE else (1, 0)
        else:
            rows = connection.execute(
                "SELECT number, source, content FROM index_uses "
                "WHERE source = ? AND number > ? ORDER BY number LIMIT ?",
                (FILE, after, _PAGE),
            ).fetchall()
            self._after = (1, rows[-1][0] if rows else 0)
            self._done = len(rows) < _PAGE
        return [
            hit
            for number, source, content in rows
            if source in self._scope.sources
            for hit in self._hits(connection, number, source, content)
        ]

    def _hits(
        self, connection: sqlite3.Connection, number: int, source: int, content: int
    ) -> list[Hit]:
        use = self._use(connection, number, source)
        if use is None:
            return []
        rows = connection.execute(
            "SELECT content, start, length, first_line, last_line, chunk FROM index_places "
            "WHERE content = ? ORDER BY start",
            (content,),
        ).fetchall()
        hits: list[Hit] = []
        for *where, chunk in rows:
            if chunk in self._seen:
                continue
            self._seen.add(chunk)
            spot = Spot(*where)
            data = read_part(connection, content, spot.start, spot.length)
            hits.append(hit_of(use, spot, data.decode("utf-8", "replace"), anchored=False))
        return hits

    def _use(self, connection: sqlite3.Connection, number: int, source: int) -> Occurrence | None:
        if source != FILE:
            return entry_occurrence(connection, source, number, self._scope, self._place)
        use = file_occurrence(connection, number, self._scope, self._place)
        # As of an entry, what was current then counts, though it has been replaced since.
        if use is None or (not use.current and self._scope.as_of is None):
            return None
        return use
