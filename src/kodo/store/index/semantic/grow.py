"""Growing: the files that the index took in are read for their functions, a batch at a time.

Does not rank. Guards that a batch is short, that each content is read once, and that what died
half-way is done again: how far it got is written with what it did.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from hashlib import blake2b
from time import process_time

from kodo.base.errors import StoreError
from kodo.store.database import Database
from kodo.store.index.contents import read_part
from kodo.store.index.semantic import postings
from kodo.store.index.semantic.cards import MAX_SOURCE_BYTES, Card, cards
from kodo.store.index.semantic.functions import outdated
from kodo.store.index.semantic.tables import is_made, make
from kodo.store.index.sources import FILE
from kodo.store.index.tables import format_of, set_state, state
from kodo.syntax.languages import language_of

_VERSIONS_A_READ = 100
_BATCH_S = 0.4
_MOST_OUTDATED = 2000


@dataclass(slots=True)
class _Batch:
    """The file versions behind a mark: what each path holds since, and new contents' cards.

    A path's content is None where it holds nothing that has functions.
    """

    before: int
    behind: int
    paths: dict[str, int | None] = field(default_factory=dict[str, int | None])
    contents: dict[int, list[Card]] = field(default_factory=dict[int, list[Card]])


async def grow(database: Database) -> bool:
    """Read the next files for their functions; False where there is nothing more, or no index.

    Takes about half a second of CPU. Raises StoreError.
    """
    if not await database.read(is_made):
        if await database.read(format_of) is None:
            return False
        await database.write(make)
    batch = await database.read(_read)
    if batch is None:
        return False
    await database.write(partial(_write, batch=batch))
    return True


def forget(connection: sqlite3.Connection, contents: Sequence[int]) -> None:
    """Leave nothing of these contents, within the caller's write: all is made again without them.

    Call it where contents are purged; what is only replaced may stay.
    """
    if not is_made(connection):
        return
    for content in contents:
        if _is_known(connection, content):
            set_state(connection, "semantic", 0)
            make(connection)
            return


def _read(connection: sqlite3.Connection) -> _Batch | None:
    if not is_made(connection):
        return None
    batch = _Batch(mark := state(connection, "semantic_versions"), mark)
    rows = connection.execute(
        "SELECT this.number, path, index_uses.content, bytes, EXISTS (SELECT 1 FROM file_versions "
        "AS other WHERE other.path = this.path AND other.number > this.number) "
        "FROM file_versions AS this "
        "LEFT JOIN index_uses ON source = ? AND index_uses.number = this.number "
        "LEFT JOIN index_contents ON index_contents.number = index_uses.content "
        "WHERE this.number > ? AND this.number <= ? ORDER BY this.number LIMIT ?",
        (FILE, mark, state(connection, "versions"), _VERSIONS_A_READ),
    ).fetchall()
    if not rows:
        return None
    started = process_time()
    for number, path, content, size, is_replaced in rows:
        batch.behind = number
        language = language_of(path)
        if language is None or is_replaced:
            continue
        if content is None or size is None or size > MAX_SOURCE_BYTES:
            batch.paths[path] = None
            continue
        batch.paths[path] = content
        if content in batch.contents or _is_known(connection, content):
            continue
        try:
            source = read_part(connection, content, 0, size)
        except StoreError:
            continue  # damaged: `verify` names it
        batch.contents[content] = list(cards(source, language, path))
        if process_time() - started > _BATCH_S:
            break
    return batch


def _is_known(connection: sqlite3.Connection, content: int) -> bool:
    return (
        connection.execute("SELECT 1 FROM semantic_files WHERE content = ?", (content,)).fetchone()
        is not None
    )


def _write(connection: sqlite3.Connection, batch: _Batch) -> None:
    """Put a batch in, unless another process has been faster."""
    if not is_made(connection) or state(connection, "semantic_versions") != batch.before:
        return
    for path, content in batch.paths.items():
        if content is None:
            connection.execute("DELETE FROM semantic_paths WHERE path = ?", (path,))
        else:
            connection.execute(
                "INSERT OR REPLACE INTO semantic_paths VALUES (?, ?)", (path, content)
            )
    number = postings.size(connection)
    rows: list[tuple[int, int, str, int, int, str, str, bytes]] = []
    words: list[tuple[int, dict[str, float]]] = []
    for content, found in batch.contents.items():
        first = number
        for card in found:
            rows.append(
                (
                    number,
                    content,
                    card.name,
                    card.first_line,
                    card.last_line,
                    card.shown,
                    card.description,
                    blake2b(card.description.encode(), digest_size=16).digest(),
                )
            )
            words.append((number, card.weights))
            number += 1
        connection.execute("INSERT INTO semantic_files VALUES (?, ?, ?)", (content, first, number))
    connection.executemany("INSERT INTO semantic_functions VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
    postings.add(connection, words)
    set_state(connection, "semantic_versions", batch.behind)
    if batch.paths and len(outdated(connection)) > _MOST_OUTDATED + number // 2:
        set_state(connection, "semantic", 0)  # more is out of date than not: begin again
        make(connection)
