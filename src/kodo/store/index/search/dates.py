"""Dates as people write them in a question, and what was said on those days.

Knows calendars and the entries' times, not words. Guards that a day named in a question is looked
for among the times of what was said, where no text needs to repeat it.
"""

import re
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from kodo.store.index.sources import FILE
from kodo.store.threads import EPOCH

_MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july", "august", "september"),
    *("october", "november", "december"),
)
_MONTH = "|".join(_MONTHS)
_DATE = re.compile(
    rf"\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?(?P<month>{_MONTH})\b(?:,?\s+(?P<year>\d{{4}}))?"
    rf"|\b(?P<month_2>{_MONTH})\s+(?P<day_2>\d{{1,2}})(?:st|nd|rd|th)?\b(?:,?\s+(?P<year_2>\d{{4}}))?"
    rf"|\b(?P<month_3>{_MONTH}),?\s+(?P<year_3>\d{{4}})\b"
    # `may` and `march` alone are no months.
    rf"|\b(?:in|during|since|of|early|late|last)\s+(?P<month_4>{_MONTH})\b(?!,?\s+\d)",
    re.IGNORECASE,
)
_MOST_YEARS = 10
_MOST_CHUNKS = 4000

_SAID = f"""
    SELECT DISTINCT chunk FROM index_uses JOIN index_places USING (content)
    WHERE source != {FILE} AND number >= ? AND number < ? LIMIT {_MOST_CHUNKS}
"""


class Date(NamedTuple):
    """A month or a day of it; `year` is None where none was named. `start`, `end`: in the text."""

    year: int | None
    month: int
    day: int | None
    start: int
    end: int


def dates_in(text: str) -> list[Date]:
    """Return the dates that a text names in words: `13 October 2023`, `June 3`, `in May`."""
    found: list[Date] = []
    for match in _DATE.finditer(text):
        month = match["month"] or match["month_2"] or match["month_3"] or match["month_4"]
        year = match["year"] or match["year_2"] or match["year_3"]
        day = match["day"] or match["day_2"]
        number = _MONTHS.index(month.lower()) + 1
        date = Date(int(year) if year else None, number, int(day) if day else None, *match.span())
        if next(_spans(date, (2000,)), None) is not None:
            found.append(date)
    return found


def said_on(connection: sqlite3.Connection, date: Date) -> list[int]:
    """Return the chunks of entries of that day or month, of any year where it names none.

    Days are those of UTC.
    """
    first = connection.execute("SELECT at_us FROM entries ORDER BY number LIMIT 1").fetchone()
    last = connection.execute("SELECT at_us FROM entries ORDER BY number DESC LIMIT 1").fetchone()
    if first is None or last is None:
        return []
    newest = _at(last[0]).year
    years = range(max(_at(first[0]).year, newest - _MOST_YEARS), newest + 1)
    found: list[int] = []
    for start, end in _spans(date, tuple(years)):
        numbers = (_first_since(connection, start), _first_since(connection, end))
        if numbers[0] < numbers[1]:
            found += [row[0] for row in connection.execute(_SAID, numbers)]
    return found


def _spans(date: Date, years: tuple[int, ...]) -> Iterator[tuple[datetime, datetime]]:
    for year in years if date.year is None else (date.year,):
        try:
            start = datetime(year, date.month, date.day or 1, tzinfo=UTC)
        except ValueError:
            continue  # the 31st of June
        if date.day is not None:
            yield start, start + timedelta(days=1)
        elif date.month < len(_MONTHS):
            yield start, start.replace(month=date.month + 1)
        else:
            yield start, start.replace(year=year + 1, month=1)


def _first_since(connection: sqlite3.Connection, instant: datetime) -> int:
    """Return the number of the first entry from that instant on; entries come in order of time."""
    wanted = (instant - EPOCH) // timedelta(microseconds=1)
    row = connection.execute("SELECT max(number) FROM entries").fetchone()
    low, high = 1, (row[0] or 0) + 1
    while low < high:
        middle = (low + high) // 2
        found = connection.execute(
            "SELECT number, at_us FROM entries WHERE number >= ? ORDER BY number LIMIT 1",
            (middle,),
        ).fetchone()
        if found is None or found[1] >= wanted:
            high = middle
        else:
            low = found[0] + 1
    return low


def _at(at_us: int) -> datetime:
    return (EPOCH + timedelta(microseconds=at_us)).astimezone(UTC)
