"""The memory of a session: opened when it is first asked, kept up to date while a model works.

Knows the port Recall and the registry's name for its adapter. Guards short runs: where there is
nothing to remember, neither the index nor its code is loaded.
"""

import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

import anyio

from kodo.base.errors import StoreError
from kodo.core.recall import Hit, Query, Recall
from kodo.runtime.meaning import find_meaning
from kodo.runtime.registry import MEMORY, load
from kodo.runtime.repository_map import RepositoryMap

BEGIN_S = 10.0
"""After how long a run begins to index; shorter runs leave it to the next one that needs it."""

EVERY_S = 15.0

logger = logging.getLogger(__name__)


class ClosableRecall(Recall, Protocol):
    """A memory that holds connections and can learn what its functions mean."""

    async def learn(self) -> bool:
        """Embed a few more descriptions; False where none is missing, or nothing can embed."""
        ...

    async def aclose(self) -> None:
        """Give the connections back."""
        ...


class SessionMemory:
    """Implements Recall for one thread. `has_past` tells that earlier sessions left something."""

    def __init__(
        self,
        store: Path,
        workspace: Path,
        thread: str,
        *,
        has_past: bool,
        repository_map: RepositoryMap | None = None,
        begin_s: float = BEGIN_S,
        every_s: float = EVERY_S,
    ) -> None:
        self._store = store
        self._workspace = workspace
        self._thread = thread
        self._knows_more = has_past
        self._recall: ClosableRecall | None = None
        self._map = repository_map
        self._begin_s = begin_s
        self._every_s = every_s

    def knows_more(self) -> bool:
        """Tell whether it holds what this session has not seen: earlier ones, or the workspace."""
        return self._knows_more

    async def search(self, query: Query) -> list[Hit]:
        """Return the best hits. See Recall."""
        return await self._open().search(query)

    async def read(self, ref: str, first_line: int = 1, last_line: int | None = None) -> bytes:
        """Return exact bytes. See Recall."""
        return await self._open().read(ref, first_line, last_line)

    async def history(self, subject: str, limit: int = 100) -> list[Hit]:
        """Return versions, oldest first. See Recall."""
        return await self._open().history(subject, limit)

    async def everything(self, scope: Query) -> AsyncIterator[Hit]:
        """Yield each chunk in the scope. See Recall."""
        async for hit in self._open().everything(scope):
            yield hit

    async def catch_up(self) -> None:
        """Index what is new. See Recall."""
        await self._open().catch_up()
        self._knows_more = True

    async def keep_up(self) -> None:
        """Index in the background until cancelled. A store that fails ends it, not the run."""
        mapped = self._map is None
        try:
            await anyio.sleep(self._begin_s)
            while True:
                await self.catch_up()
                while await self._open().learn():
                    pass
                if self._map is not None and not mapped:
                    mapped = await self._map.refresh()
                await anyio.sleep(self._every_s)
        except StoreError as error:
            logger.warning("the memory is not kept up to date in this run: %s", error)

    async def aclose(self) -> None:
        """Close what was opened."""
        recall, self._recall = self._recall, None
        if recall is not None:
            await recall.aclose()

    def _open(self) -> ClosableRecall:
        recall = self._recall
        if recall is None:
            recall = load(MEMORY, "recall")(
                self._store, self._workspace, thread=self._thread, near=find_meaning()
            )
            self._recall = recall
        return recall
