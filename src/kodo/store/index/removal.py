"""Taking things out of the index: what was purged, and what belonged to removed sessions.

Follows the truth's records, so it does not matter which process removed something. Guards that no
word of a purged text stays in the file, not even in a part of the index that waits to be merged.
"""

import sqlite3

from kodo.store.index.contents import read_part, words_of
from kodo.store.index.sources import FILE
from kodo.store.index.tables import set_state, state

_CONTENTS_A_WRITE = 100


def is_due(connection: sqlite3.Connection) -> bool:
    """Tell whether something was purged or removed since the last time."""
    return _newest_purge(connection) > state(connection, "purges") or _removed_threads(
        connection
    ) != state(connection, "removed_threads")


def take_out(connection: sqlite3.Connection) -> bool:
    """Take out what is due, within the caller's write; return whether all of it is out."""
    secure = connection.execute("PRAGMA secure_delete").fetchone()[0]
    connection.execute("PRAGMA secure_delete = ON")
    try:
        _take_out_purged(connection)
        return _take_out_removed(connection)
    finally:
        connection.execute(f"PRAGMA secure_delete = {secure}")


def _newest_purge(connection: sqlite3.Connection) -> int:
    return connection.execute("SELECT coalesce(max(number), 0) FROM purges").fetchone()[0]


def _removed_threads(connection: sqlite3.Connection) -> int:
    """Return how many threads were ever removed: their numbers are never given again."""
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'threads'").fetchone()
    (present,) = connection.execute("SELECT count(*) FROM threads").fetchone()
    return 0 if row is None else row[0] - present


def _take_out_purged(connection: sqlite3.Connection) -> None:
    rows = connection.execute(
        "SELECT number, kind, key, place FROM purges WHERE number > ? ORDER BY number",
        (state(connection, "purges"),),
    ).fetchall()
    if not rows:
        return
    contents: set[int] = set()
    for _, kind, key, place in rows:
        if kind == "blob":
            found = connection.execute("SELECT number FROM index_contents WHERE sha = ?", (key,))
        else:
            thread, _, seq = place.rpartition(":e")
            found = connection.execute(
                "SELECT content FROM index_uses WHERE source != ? AND number = (SELECT "
                "entries.number FROM entries JOIN threads ON threads.number = entries.thread "
                "WHERE threads.id = ? AND seq = ?)",
                (FILE, thread, int(seq) if seq.isdigit() else -1),
            )
        contents.update(row[0] for row in found)
    for content in contents:
        _forget(connection, content)
    _merge(connection)
    set_state(connection, "purges", rows[-1][0])


def _take_out_removed(connection: sqlite3.Connection) -> bool:
    removed = _removed_threads(connection)
    if removed == state(connection, "removed_threads"):
        return True
    connection.execute(
        "DELETE FROM index_uses WHERE source != ? AND number NOT IN (SELECT number FROM entries)",
        (FILE,),
    )
    connection.execute(
        "DELETE FROM index_uses WHERE source = ? AND number NOT IN "
        "(SELECT number FROM file_versions)",
        (FILE,),
    )
    unused = connection.execute(
        "SELECT number FROM index_contents WHERE number NOT IN (SELECT content FROM index_uses) "
        "LIMIT ?",
        (_CONTENTS_A_WRITE,),
    ).fetchall()
    for (content,) in unused:
        _forget(connection, content)
    if len(unused) == _CONTENTS_A_WRITE:
        return False
    _merge(connection)
    set_state(connection, "removed_threads", removed)
    return True


def _merge(connection: sqlite3.Connection) -> None:
    """Write the index of words anew: a deleted row only hides what older parts of it hold."""
    connection.execute("INSERT INTO index_words (index_words) VALUES ('optimize')")


def _forget(connection: sqlite3.Connection, content: int) -> None:
    """Take out a content with its uses, and the chunks that stand nowhere else."""
    rows = connection.execute(
        "SELECT chunk, start, length FROM index_places WHERE content = ?", (content,)
    ).fetchall()
    for chunk, start, length in rows:
        elsewhere = connection.execute(
            "SELECT content, start, length, chunk FROM index_places "
            "WHERE chunk = ? AND content != ? LIMIT 1",
            (chunk, content),
        ).fetchone()
        if elsewhere is not None:
            connection.execute(
                "UPDATE index_chunks SET content = ?, start = ?, length = ? WHERE number = ?",
                elsewhere,
            )
            continue
        row = connection.execute(
            "SELECT path, symbol FROM index_chunks WHERE number = ?", (chunk,)
        ).fetchone()
        if row is None:
            continue  # it stands twice in this content and has just been taken out
        # An index without contents is told what it has to forget, word for word.
        words = words_of(read_part(connection, content, start, length), *row)
        connection.execute(
            "INSERT INTO index_words (index_words, rowid, path, symbol, text, inner) "
            "VALUES ('delete', ?, ?, ?, ?, ?)",
            (chunk, words.path, words.symbol, words.text, words.inner),
        )
        connection.execute("DELETE FROM index_chunks WHERE number = ?", (chunk,))
    for table in ("index_places", "index_segments", "index_uses"):
        connection.execute(f"DELETE FROM {table} WHERE content = ?", (content,))
    connection.execute("DELETE FROM index_contents WHERE number = ?", (content,))
