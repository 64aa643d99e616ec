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

_MOST_PLACES = 400
_MOST_USES = 200


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


def spots(connection: sqlite3.Connection, chunk: int) -> list[Spot]:
    """Return where a chunk stands, newest content first."""
    rows = connection.execute(
        "SELECT content, start, length, first_line, last_line FROM index_places "
        "WHERE chunk = ? ORDER BY content DESC LIMIT ?",
        (chunk, _MOST_PLACES),
    )
    return [Spot(*row) for row in rows]


def occurrence(
    connection: sqlite3.Connection, chunk: int, scope: Scope, place: Place
) -> tuple[Spot, Occurrence] | None:
    """Return the occurrence of a chunk that a query should see; None where none is in the scope.

    That is a current one before a replaced one, one of the present thread before others, and the
    newest of those.
    """
    best: tuple[Spot, Occurrence] | None = None
    best_rank: tuple[bool, bool, tuple[int, int]] | None = None
    looked = 0
    for spot in spots(connection, chunk):
        for found in uses(connection, spot.content, scope, place):
            looked += 1
            rank = _rank(found, place)
            if best_rank is None or rank > best_rank:
                best, best_rank = (spot, found), rank
        if looked >= _MOST_USES or (best is not None and best[1].current):
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
    rows = connection.execute(
        "SELECT source, number FROM index_uses WHERE content = ? ORDER BY number DESC LIMIT ?",
        (content, _MOST_USES),
    ).fetchall()
    for source, number in rows:
        if source not in scope.sources:
            continue
        if source == FILE:
            found = file_occurrence(connection, number, scope, place)
        else:
            found = entry_occurrence(connection, source, number, scope, place)
        if found is not None:
            yield found


def entry_occurrence(
    connection: sqlite3.Connection, source: int, number: int, scope: Scope, place: Place
) -> Occurrence | None:
    """Return the occurrence that an entry is; None where it is out of the scope, or gone."""
    if scope.as_of is not None and number > scope.as_of:
        return None
    row = connection.execute(
        "SELECT threads.id, seq, entries.at_us FROM entries "
        "JOIN threads ON threads.number = entries.thread "
        "WHERE entries.number = ? AND entries.purge IS NULL",
        (number,),
    ).fetchone()
    if row is None or (scope.thread and row[0] != scope.thread):
        return None
    thread, seq, at_us = row
    ref = entry_ref(connection, thread, seq, place)
    return Occurrence(ref, KINDS[source], "", thread, seq, _iso(at_us), order=(number, 0))


def file_occurrence(
    connection: sqlite3.Connection, number: int, scope: Scope, place: Place
) -> Occurrence | None:
    """Return the occurrence that a file's version is; None where it is not in the scope."""
    row = connection.execute(
        "SELECT path, entry, how FROM file_versions WHERE number = ? AND blob IS NOT NULL",
        (number,),
    ).fetchone()
    if row is None:
        return None
    path, entry, how = row
    shown = local_path(path, place)
    if scope.path is not None and not scope.path.match(shown):
        return None
    (version,) = connection.execute(
        "SELECT count(*) FROM file_versions WHERE path = ? AND number <= ? AND blob IS NOT NULL",
        (path, number),
    ).fetchone()
    following = connection.execute(
        "SELECT min(entry) FROM file_versions WHERE path = ? AND number > ?", (path, number)
    ).fetchone()[0]
    if scope.as_of is not None and (
        (entry > scope.as_of and (how == "changed" or version > 1))
        or (following is not None and following <= scope.as_of)
    ):
        return None
    thread, seq, at_us = "", 0, None
    made_by = connection.execute(
        "SELECT threads.id, seq, entries.at_us FROM entries "
        "JOIN threads ON threads.number = entries.thread WHERE entries.number = ?",
        (entry,),
    ).fetchone()
    if made_by is not None:
        at_us = made_by[2]
        if how == "changed":
            thread, seq = made_by[:2]
    if scope.thread and thread != scope.thread:
        return None
    if at_us is None:
        at_us = _looked_at_us(connection, path)
    ref = file_ref(path, version, place)
    current = following is None
    at = "" if at_us is None else _iso(at_us)
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


def _looked_at_us(connection: sqlite3.Connection, path: str) -> int | None:
    """Return when a file of a workspace was changed, as it was when last looked at."""
    row = connection.execute("SELECT mtime_ns FROM index_files WHERE path = ?", (path,)).fetchone()
    return None if row is None else row[0] // 1000


def _iso(at_us: int) -> str:
    at: datetime = EPOCH + timedelta(microseconds=at_us)
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
