"""Where a content occurs: in which entries and file versions, and which of them count.

Knows the truth's rows and the scope of a query, not words or scores. Guards that what was removed
or purged never shows, whatever the index still holds of it.
"""

import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from kodo.base.errors import StoreError, ToolError
from kodo.base.ignoring import glob_expression
from kodo.core.recall import Hit, Query, RecallKind
from kodo.store.files import FileVersion
from kodo.store.index.search.references import Place, entry_ref, file_ref, find, local_path
from kodo.store.index.sources import FILE, KINDS, SOURCES
from kodo.store.threads import EPOCH, resolve

_MOST_USES = 200

_USES_OF_CHUNK = f"""
    SELECT content, start, length, first_line, last_line, source, number
    FROM index_places JOIN index_uses USING (content)
    WHERE chunk = ? AND (source = {FILE} OR number <= ?)
    ORDER BY content DESC, number DESC LIMIT {_MOST_USES}
"""
_USES_OF_CONTENT = f"""
    SELECT source, number FROM index_uses
    WHERE content = ? AND (source = {FILE} OR number <= ?)
    ORDER BY number DESC LIMIT {_MOST_USES}
"""
_ENTRY = """
    SELECT threads.id, seq, entries.at_us
    FROM entries JOIN threads ON threads.number = entries.thread
    WHERE entries.number = ? AND entries.purge IS NULL
"""
# A version of a file; which one it is of its path, and from which entry on another one was.
_FILE = """
    SELECT this.path, entry, how,
        (SELECT count(*) FROM file_versions AS other WHERE other.path = this.path
            AND other.number <= this.number AND other.blob IS NOT NULL),
        (SELECT other.entry FROM file_versions AS other WHERE other.path = this.path
            AND other.number > this.number ORDER BY other.number LIMIT 1),
        threads.id, seq, entries.at_us,
        (SELECT mtime_ns / 1000 FROM index_files WHERE index_files.path = this.path)
    FROM file_versions AS this
    LEFT JOIN entries ON entries.number = entry
    LEFT JOIN threads ON threads.number = entries.thread
    WHERE this.number = ? AND this.blob IS NOT NULL
"""


class Spot(NamedTuple):
    """Where a chunk stands in a content."""

    content: int
    start: int
    length: int
    first_line: int
    last_line: int


@dataclass(slots=True, frozen=True)
class Scope:
    """What of the memory counts: codes of sources, a pattern on paths, a thread, an instant."""

    sources: frozenset[int]
    path: re.Pattern[str] | None = None
    thread: str = ""
    as_of: int | None = None

    @property
    def is_everything(self) -> bool:
        """Whether nothing is left out."""
        return self.sources == _ALL and self.path is None and not self.thread and self.as_of is None


@dataclass(slots=True, frozen=True)
class Occurrence:
    """One use of a content. `order` sorts by time over all threads; `at` is ISO 8601, or empty."""

    ref: str
    kind: RecallKind
    path: str
    thread: str
    entry: int
    at: str
    order: tuple[int, int]
    current: bool = True


_ALL = frozenset(KINDS)


def scope_of(connection: sqlite3.Connection, query: Query, place: Place) -> Scope:
    """Return the scope that a query asks for. Raises ToolError for an unknown thread or entry."""
    sources = frozenset(SOURCES[kind] for kind in query.kinds) or _ALL
    path = None
    if query.path:
        path = glob_expression(local_path(query.path, place))
        sources &= {FILE}
    thread = ""
    if query.thread:
        try:
            thread = resolve(connection, query.thread)
        except StoreError as error:
            raise ToolError(str(error)) from error
    as_of = None
    if query.as_of:
        found = find(connection, query.as_of, place)
        as_of = found.entry if isinstance(found, FileVersion) else found.number
    return Scope(sources, path, thread, as_of)


def occurrence(
    connection: sqlite3.Connection, chunk: int, scope: Scope, place: Place
) -> tuple[Spot, Occurrence] | None:
    """Return the occurrence of a chunk that a query should see; None where none is in the scope.

    That is a current one before a replaced one, one of the present thread before others, and the
    newest of those, as far as _MOST_USES tell.
    """
    best: tuple[Spot, Occurrence] | None = None
    best_rank: tuple[bool, bool, tuple[int, int]] | None = None
    for *where, source, number in connection.execute(_USES_OF_CHUNK, (chunk, _until(scope))):
        found = _occurrence(connection, source, number, scope, place)
        if found is None:
            continue
        rank = _rank(found, place)
        if best_rank is None or rank > best_rank:
            best, best_rank = (Spot(*where), found), rank
        if found.current and (place.thread is None or found.thread == place.thread):
            break
    return best


def best_use(
    connection: sqlite3.Connection, content: int, scope: Scope, place: Place
) -> Occurrence | None:
    """Return the use of a content that a query should see; None where none is in the scope."""
    return max(
        uses(connection, content, scope, place),
        key=lambda one: _rank(one, place),
        default=None,
    )


def _rank(one: Occurrence, place: Place) -> tuple[bool, bool, tuple[int, int]]:
    return one.current, one.thread == place.thread, one.order


def uses(
    connection: sqlite3.Connection, content: int, scope: Scope, place: Place
) -> Iterator[Occurrence]:
    """Yield the uses of a content that are in the scope, newest first of each source."""
    rows = connection.execute(_USES_OF_CONTENT, (content, _until(scope))).fetchall()
    for source, number in rows:
        found = _occurrence(connection, source, number, scope, place)
        if found is not None:
            yield found


def _until(scope: Scope) -> int:
    """Return the newest entry that counts."""
    return (1 << 62) if scope.as_of is None else scope.as_of


def _occurrence(
    connection: sqlite3.Connection, source: int, number: int, scope: Scope, place: Place
) -> Occurrence | None:
    if source not in scope.sources:
        return None
    if source == FILE:
        return file_occurrence(connection, number, scope, place)
    return entry_occurrence(connection, source, number, scope, place)


def entry_occurrence(
    connection: sqlite3.Connection, source: int, number: int, scope: Scope, place: Place
) -> Occurrence | None:
    """Return the occurrence that an entry is; None where it is out of the scope, or gone."""
    if number > _until(scope):
        return None
    row = connection.execute(_ENTRY, (number,)).fetchone()
    if row is None or (scope.thread and row[0] != scope.thread):
        return None
    thread, seq, at_us = row
    ref = entry_ref(thread, seq, place)
    return Occurrence(ref, KINDS[source], "", thread, seq, _iso(at_us), order=(number, 0))


def file_occurrence(
    connection: sqlite3.Connection, number: int, scope: Scope, place: Place
) -> Occurrence | None:
    """Return the occurrence that a file's version is; None where it is not in the scope."""
    row = connection.execute(_FILE, (number,)).fetchone()
    if row is None:
        return None
    path, entry, how, version, following, by_thread, by_seq, at_us, looked_at_us = row
    shown = local_path(path, place)
    if scope.path is not None and not scope.path.match(shown):
        return None
    if scope.as_of is not None and (
        (entry > scope.as_of and (how == "changed" or version > 1))
        or (following is not None and following <= scope.as_of)
    ):
        return None
    thread, seq = (by_thread, by_seq) if how == "changed" and by_thread else ("", 0)
    if scope.thread and thread != scope.thread:
        return None
    at_us = looked_at_us if at_us is None else at_us
    at = "" if at_us is None else _iso(at_us)
    ref = file_ref(path, version, place)
    current = following is None
    return Occurrence(ref, "file", shown, thread, seq, at, (entry, number), current)


def hit_of(
    use: Occurrence, spot: Spot, text: str, *, score: float = 1.0, anchored: bool = True
) -> Hit:
    """Return the hit that a piece of text is, at a spot of the content of a use."""
    return Hit(
        ref=use.ref,
        kind=use.kind,
        path=use.path,
        first_line=spot.first_line,
        last_line=spot.last_line,
        thread=use.thread,
        entry=use.entry,
        at=use.at,
        score=score,
        text=text,
        current=use.current,
        anchored=anchored,
    )


def _iso(at_us: int) -> str:
    at: datetime = EPOCH + timedelta(microseconds=at_us)
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
