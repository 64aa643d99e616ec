"""A project's memory for measuring: a real store that is filled with documents and asked.

A third of the documents are files that the agent wrote, a third outputs of commands (the long ones
kept whole as blobs), a third messages. Guards that all of it goes through the ports that kodo uses.
"""

from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.recall.corpus import Document
from kodo.base.hashing import sha256_hex
from kodo.core.events import Event, FileChange, FilesChanged, MessageAdded, Stored
from kodo.core.messages import Assistant, Text, ToolResult, user
from kodo.core.thread import Entry, ThreadHeader
from kodo.store.index.ingest import ensure, follow
from kodo.store.index.recall import SqliteRecall
from kodo.store.store import Store, open_store

ENTRIES_A_THREAD = 400
SHOWN_CHARS = 16_000
THREAD_NAME = "bench-{:04}"

_ENTRIES_A_COMMIT = 16
_BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


class Filler:
    """Appends documents as entries of one thread after another."""

    def __init__(self, store: Store, workspace: Path) -> None:
        self._store = store
        self._workspace = workspace
        self._count = 0
        self._waiting: list[Entry] = []

    async def add(self, document: Document) -> None:
        """Append a document in the form whose turn it is."""
        turn = self._count % 3
        if turn == 0:
            data = document.text.encode()
            file = self._workspace / document.path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
            name = await self._store.blobs.put(data)
            change = FileChange(document.path, None, name)
            await self.append(FilesChanged("call", (change,)))
        elif turn == 1:
            await self.append(MessageAdded(await self._output(document.text)))
        elif self._count % 2:
            await self.append(MessageAdded(user(document.text)))
        else:
            message = Assistant((Text(document.text),), "bench/model")
            await self.append(MessageAdded(message))

    async def append(self, event: Stored) -> None:
        """Append an event; a new thread begins where the last one is long enough."""
        at = self._count % ENTRIES_A_THREAD
        if at == 0:
            await self.flush()
            header = ThreadHeader(self.thread, _BEGAN, str(self._workspace))
            await self._store.log.create(header)
        when = _BEGAN + timedelta(seconds=self._count)
        parent = f"{self.thread}-{at}" if at else None
        self._waiting.append(
            Entry(f"{self.thread}-{at + 1}", parent, Event(at + 1, "run", when, event))
        )
        if len(self._waiting) >= _ENTRIES_A_COMMIT or at + 1 == ENTRIES_A_THREAD:
            await self.flush()
        self._count += 1

    async def flush(self) -> None:
        """Write down what waits."""
        waiting, self._waiting = self._waiting, []
        if waiting:
            thread = waiting[0].id.rpartition("-")[0]
            await self._store.log.extend(thread, waiting)

    @property
    def thread(self) -> str:
        """The id of the thread that the next entry belongs to."""
        return THREAD_NAME.format(self._count // ENTRIES_A_THREAD)

    async def _output(self, text: str) -> ToolResult:
        if len(text) <= SHOWN_CHARS:
            return ToolResult("call", "shell", (Text(text),))
        data = text.encode()
        await self._store.blobs.put(data)
        mark = f"\n[the whole output is kept as {sha256_hex(data)[:16]}]"
        return ToolResult("call", "shell", (Text(text[:SHOWN_CHARS]), Text(mark)))


@asynccontextmanager
async def open_memory(folder: Path) -> AsyncGenerator[tuple[Store, SqliteRecall]]:
    """Give the store of a folder and its recall; the workspace is an empty folder beside it."""
    workspace = folder / "workspace"
    workspace.mkdir(parents=True, exist_ok=True)
    async with open_store(folder / "store.db") as store:
        recall = SqliteRecall(store.database.path, workspace)
        try:
            yield store, recall
        finally:
            await recall.aclose()


async def index_words(store: Store) -> None:
    """Bring the lexical index up to date, and nothing else."""
    await ensure(store.database)
    while await follow(store.database):
        pass


async def fill(store: Store, workspace: Path, texts: Iterable[Document]) -> int:
    """Append documents and return how many bytes they have."""
    filler = Filler(store, workspace)
    size = 0
    for document in texts:
        await filler.add(document)
        size += len(document.text.encode())
    await filler.flush()
    return size
