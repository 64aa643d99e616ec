"""History: every version of a file, or every place that sets a key, in the order of time.

Reads all that the index holds of a key, not the best of it. Guards completeness and order: what was
set when is answered from the log, and an echo of a line is not taken for another setting.
"""

import re
import sqlite3
from collections.abc import Iterator
from typing import NamedTuple

from kodo.base.errors import StoreError, ToolError
from kodo.core.recall import Hit, Query
from kodo.store.files import FileVersion, absolute, versions_of
from kodo.store.index.contents import read_part
from kodo.store.index.search.occurrences import (
    Occurrence,
    Scope,
    Spot,
    file_occurrence,
    hit_of,
    scope_of,
    uses,
)
from kodo.store.index.search.question import take_apart
from kodo.store.index.search.ranking import stem_of
from kodo.store.index.search.references import Place
from kodo.store.pieces import read_piece

_MOST_SHOWN_BYTES = 4096
_LONGEST_LINE = 1000
_MOST_CHUNKS = 20_000

# What may stand between a key and its value: directly behind the key, or two words on.
_ASSIGNS = re.compile(
    r"""["'`\])]*\s*(?:\w+\s*){0,2}"""
    r"""(?:(?::?=(?!=)|:(?!:)|=>|->|<-)\s*\S|\b(?:is|was|to|now|becomes|became)\b\s*\S)""",
    re.IGNORECASE,
)
# What stands before a key that is only looked at.
_ASKS = re.compile(r"(?:[<>=!]=?|\b(?:if|elif|while|not|in|return|and|or))[\s(\"'`]*\Z")


class _Line(NamedTuple):
    """A line that names the key, in one use of a content."""

    use: Occurrence
    number: int
    text: str


def history_of(connection: sqlite3.Connection, subject: str, limit: int, place: Place) -> list[Hit]:
    """Return the versions of a file or the settings of a key, oldest first, the newest `limit`.

    Raises ToolError where nothing is known of the subject.
    """
    subject = subject.strip()
    if not subject:
        raise ToolError("history needs a path or a key; it is empty")
    hits = _file_history(connection, subject, place)
    if not hits:
        hits = _key_history(connection, subject, place)
    return hits[-limit:]


def _file_history(connection: sqlite3.Connection, subject: str, place: Place) -> list[Hit]:
    path = subject.removeprefix("f:").partition("@")[0] if subject[:2] == "f:" else subject
    versions = versions_of(connection, absolute(place.workspace, path))
    if not versions and re.fullmatch(r"[\w./+-]+\.\w+", path):
        rows = connection.execute(
            "SELECT DISTINCT path FROM file_versions WHERE path LIKE ? ESCAPE '\\' LIMIT 2",
            ("%/" + path.replace("\\", "\\\\").replace("_", "\\_").replace("%", "\\%"),),
        ).fetchall()
        if len(rows) == 1:
            versions = versions_of(connection, rows[0][0])
    scope = scope_of(connection, Query(""), place)
    hits: list[Hit] = []
    for version in versions:
        use = file_occurrence(connection, version.number, scope, place)
        if use is not None and version.blob is not None:
            text, lines = _beginning(connection, version)
            spot = Spot(0, 0, len(text), 1, lines)
            hits.append(hit_of(use, spot, text))
    return hits


def _beginning(connection: sqlite3.Connection, version: FileVersion) -> tuple[str, int]:
    """Return the first lines of a version, and how many they are."""
    assert version.blob is not None
    try:
        data = read_piece(connection, bytes.fromhex(version.blob), 0) or b""
    except StoreError:
        return "", 1
    if len(data) > _MOST_SHOWN_BYTES:
        end = data.rfind(b"\n", 0, _MOST_SHOWN_BYTES) + 1
        data = data[: end or _MOST_SHOWN_BYTES]
    lines = data.count(b"\n") + (not data.endswith(b"\n"))
    return data.decode("utf-8", "replace"), max(1, lines)


def _key_history(connection: sqlite3.Connection, key: str, place: Place) -> list[Hit]:
    scope = scope_of(connection, Query(""), place)
    named = [
        line
        for content, lines in _lines_with(connection, key).items()
        for line in _in_uses(connection, content, lines, scope, place)
    ]
    if not named:
        raise ToolError(f"nothing that was said, printed or written names {key!r}")
    # Where it is written just so somewhere, other spellings are other keys.
    named = [line for line in named if key in line.text] or named
    named.sort(key=lambda line: (line.use.order, line.number))
    setting = [line for line in named if _sets(line.text, key)]
    return [
        hit_of(line.use, Spot(0, 0, 0, line.number, line.number), line.text)
        for line in _without_echoes(setting or named, key)
    ]


def _in_uses(
    connection: sqlite3.Connection,
    content: int,
    lines: dict[int, str],
    scope: Scope,
    place: Place,
) -> Iterator[_Line]:
    for use in uses(connection, content, scope, place):
        for number, text in lines.items():
            yield _Line(use, number, text)


def _lines_with(connection: sqlite3.Connection, key: str) -> dict[int, dict[int, str]]:
    """Return by content the numbered lines that name the key, or all the words of it."""
    question = take_apart(key)
    words = question.words
    matches = [f'"{word}"' for word in words]
    matches = [anchor.match for anchor in question.anchors if anchor.text == key] or matches
    if not matches:
        return {}
    rows = connection.execute(
        "SELECT content, start, length, first_line FROM index_places WHERE chunk IN "
        "(SELECT rowid FROM index_words WHERE index_words MATCH ? LIMIT ?)",
        (" AND ".join(matches), _MOST_CHUNKS),
    ).fetchall()
    fits = _line_test(key, words)
    found: dict[int, dict[int, str]] = {}
    for content, start, length, first_line in rows:
        text = read_part(connection, content, start, length).decode("utf-8", "replace")
        for number, line in enumerate(text.split("\n"), first_line):
            if fits(line):
                found.setdefault(content, {})[number] = line[:_LONGEST_LINE].rstrip("\r")
    return found


class _line_test:  # noqa: N801 - used as a function
    """Tells whether a line names a key: literally, or where it is several words by all of them."""

    def __init__(self, key: str, words: list[str]) -> None:
        self._key = key.lower()
        self._bounded = re.compile(rf"(?<![\w]){re.escape(key)}(?![\w])", re.IGNORECASE)
        self._stems = [stem_of(word) for word in words] if re.search(r"\s", key) else []

    def __call__(self, line: str) -> bool:
        if self._key in line.lower():
            return self._bounded.search(line) is not None
        if not self._stems:
            return False
        lower = line.lower()
        return all(stem in lower for stem in self._stems)


def _sets(line: str, key: str) -> bool:
    """Tell whether a line gives the key a value, and does not only name it."""
    at = _place(line, key)
    if at < 0:
        return re.search(r"[:=]|\b(?:is|was|to|now)\b", line) is not None
    return _ASSIGNS.match(line, at + len(key)) is not None and not _ASKS.search(line[:at])


def _place(line: str, key: str) -> int:
    return line.lower().find(key.lower())


def _without_echoes(lines: list[_Line], key: str) -> Iterator[_Line]:
    """Leave out a line that only repeats the setting before it: a file read, a diff shown."""
    last: str | None = None
    for line in lines:
        plain = line.text[max(0, _place(line.text, key)) :].strip()
        if plain == last and line.use.kind != "user":
            continue
        last = plain
        yield line
