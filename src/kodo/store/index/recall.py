"""The memory of a project in its SQLite file: the port Recall over the index and the truth.

Does not know how texts are cut or ranked. Guards that a search sees what was appended before it,
and that a question never waits for whoever indexes.
"""

import os
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol, TypeVar

import anyio

from kodo.base.errors import ToolError
from kodo.core.recall import Hit, Query
from kodo.store.database import Database
from kodo.store.index.ingest import BATCH_BYTES, BULK_BYTES, ensure, follow
from kodo.store.index.search.history import history_of
from kodo.store.index.search.literal import search_exact, search_regex
from kodo.store.index.search.occurrences import scope_of
from kodo.store.index.search.ranked import search_ranked
from kodo.store.index.search.reading import read_lines
from kodo.store.index.search.references import Place
from kodo.store.index.search.sweep import Sweep
from kodo.store.index.semantic.functions import Nearest
from kodo.store.index.semantic.grow import grow
from kodo.store.index.semantic.search import search_with_functions
from kodo.store.index.semantic.vectors import Embedder, embed_next
from kodo.store.index.tables import drop, make
from kodo.store.index.workspace import Caps, take_in

T = TypeVar("T")

Progress = Callable[[int, int], None]
"""Is told how many bytes of changed files are in the index, of how many."""

_MOST_HITS = 200
_FOLLOWED_FIRST = 4
_NICENESS = 10


class Meaning(Nearest, Embedder, Protocol):
    """What the extra `semantic` brings: vectors, and what is near by them."""


class SqliteRecall:
    """The memory of a project as one thread of it sees it, with the files of one workspace.

    It has connections of its own: `aclose` closes them. `now_ns` is the wall clock that the times
    of files are compared to, `near` ranks functions by meaning where the extra `semantic` is there.
    """

    __slots__ = ("_caps", "_near", "_now_ns", "_place", "_reader", "_turn", "_writer")

    def __init__(
        self,
        path: Path,
        workspace: Path,
        *,
        thread: str | None = None,
        caps: Caps | None = None,
        now_ns: Callable[[], int] = time.time_ns,
        near: Meaning | None = None,
    ) -> None:
        self._reader = Database(path)
        self._writer = Database(path)
        self._place = Place(str(workspace.resolve()), thread)
        self._caps = caps or Caps()
        self._now_ns = now_ns
        self._turn = anyio.Lock()
        self._near = near

    async def aclose(self) -> None:
        """Finish what waits and close the connections."""
        await self._writer.aclose()
        await self._reader.aclose()

    async def search(self, query: Query) -> list[Hit]:
        """Return the best hits, best first. Raises StoreError, and ToolError for a bad query."""
        if not 1 <= query.k <= _MOST_HITS:
            raise ToolError(f"k is {query.k}; give 1 to {_MOST_HITS}")
        search = {"exact": search_exact, "regex": search_regex}.get(query.mode)
        if search is not None:
            return await self._ask(lambda connection: search(connection, query, self._place))
        return await self._ask(
            lambda connection: search_with_functions(
                connection, query, self._place, search_ranked, self._near
            )
        )

    async def read(self, ref: str, first_line: int = 1, last_line: int | None = None) -> bytes:
        """Return the exact bytes of those lines of what `ref` names.

        Raises ToolError where reference or line are unknown, ambiguous or purged, StoreError.
        """
        return await self._reader.read(
            lambda connection: read_lines(connection, ref, self._place, first_line, last_line)
        )

    async def history(self, subject: str, limit: int = 100) -> list[Hit]:
        """Return every version of a file (a path), or every place that sets a key, oldest first.

        Of more than `limit` the newest. Raises ToolError where nothing is known of it, StoreError.
        """
        return await self._ask(
            lambda connection: history_of(connection, subject, limit, self._place)
        )

    async def everything(self, scope: Query) -> AsyncIterator[Hit]:
        """Yield each chunk in the scope once, entries in their order, then files as they came."""
        sweep = Sweep(
            await self._ask(lambda connection: scope_of(connection, scope, self._place)),
            self._place,
        )
        while not sweep.done:
            for hit in await self._reader.read(sweep.next_page):
                yield hit

    async def catch_up(self, progress: Progress | None = None) -> None:
        """Index what the log and the workspace gained since; cheap when there is nothing new.

        Raises StoreError.
        """

        async def index(done: int, total: int) -> None:
            await self._follow_all(BATCH_BYTES)
            if progress is not None:
                progress(done, total)

        async with self._turn:
            await self._writer.read(_yield_to_others)
            await ensure(self._writer)
            await take_in(self._writer, self._place.workspace, self._caps, self._now_ns, index)
            await self._follow_all(BATCH_BYTES)

    async def learn(self) -> bool:
        """Embed the next few descriptions of functions; False where none is missing.

        For the background: some tenths of a second a call. Without the extra `semantic` there is
        nothing to learn. Raises StoreError.
        """
        if self._near is None:
            return False
        async with self._turn:
            return await embed_next(self._writer, self._near)

    async def rebuild(self) -> None:
        """Drop the index and make it again from all that was kept. Raises StoreError."""
        async with self._turn:
            await self._writer.write(_renew)
            await self._follow_all(BULK_BYTES)

    async def _follow_all(self, batch_bytes: int) -> None:
        while await follow(self._writer, batch_bytes):
            pass
        while await grow(self._writer):
            pass

    async def _ask(self, act: Callable[[sqlite3.Connection], T]) -> T:
        """Run a question after the newest entries are in; a long backlog is not waited for."""
        await ensure(self._writer)
        for _ in range(_FOLLOWED_FIRST):
            if not await follow(self._writer):
                break
        return await self._reader.read(act)


def _renew(connection: sqlite3.Connection) -> None:
    drop(connection)
    make(connection)


def _yield_to_others(connection: sqlite3.Connection) -> None:
    """Let the thread that indexes go behind all others of this host, where the system allows it."""
    with suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
