"""A memory over a real store and a real workspace, and ways to say and print things into it."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kodo.core.events import Event, MessageAdded, Stored
from kodo.core.messages import Assistant, Message, Text, ToolResult, user
from kodo.core.recall import Hit, Query
from kodo.core.thread import Entry, ThreadHeader
from kodo.store.index.recall import SqliteRecall
from kodo.store.store import Store, open_store

BEGAN = datetime(2026, 1, 2, 3, tzinfo=UTC)


class Memory:
    """A store, its recall, and a workspace. Threads begin when first spoken to."""

    def __init__(self, store: Store, workspace: Path, recall: SqliteRecall) -> None:
        self.store = store
        self.workspace = workspace
        self.recall = recall
        self._lengths: dict[str, int] = {}

    async def add(self, event: Stored, thread: str = "thread-1") -> int:
        """Append an event to a thread and return its `seq`."""
        seq = self._lengths.get(thread, 0) + 1
        if seq == 1:
            await self.store.log.create(ThreadHeader(thread, BEGAN, str(self.workspace)))
        self._lengths[thread] = seq
        at = BEGAN + timedelta(seconds=seq)
        parent = f"{thread}-{seq - 1}" if seq > 1 else None
        entry = Entry(f"{thread}-{seq}", parent, Event(seq, "run-1", at, event))
        await self.store.log.append(thread, entry)
        return seq

    async def tell(self, message: Message, thread: str = "thread-1") -> int:
        """Append a message."""
        return await self.add(MessageAdded(message), thread)

    async def say(self, text: str, thread: str = "thread-1") -> int:
        """Append a person's message."""
        return await self.tell(user(text), thread)

    async def reply(self, text: str, thread: str = "thread-1") -> int:
        """Append a model's message."""
        return await self.tell(Assistant((Text(text),), "test/model"), thread)

    async def output(self, text: str, thread: str = "thread-1", *, keep: bool = False) -> int:
        """Append a tool's output; `keep` as one that was cut, its whole in a blob."""
        shown = text
        if keep:
            name = await self.store.blobs.put(text.encode())
            shown = f"{text[:100]}\n[the whole output is kept as {name[:16]}]"
        return await self.tell(ToolResult("call-1", "shell", (Text(shown),)), thread)

    def write(self, path: str, text: str | bytes) -> Path:
        """Write a file of the workspace."""
        file = self.workspace / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        return file

    async def find(self, text: str, **options: object) -> list[Hit]:
        """Search."""
        return await self.recall.search(Query(text, **options))  # pyright: ignore[reportArgumentType]

    async def refs(self, text: str, **options: object) -> list[str]:
        """Search, and return the references."""
        return [hit.ref for hit in await self.find(text, **options)]


OpenMemory = Callable[..., Awaitable[SqliteRecall]]


@pytest.fixture
def store_path(tmp_path: Path) -> Path:
    """Return where the store of this test lies."""
    return tmp_path / "project" / "store.db"


@pytest.fixture
async def memory(store_path: Path, workspace: Path) -> AsyncGenerator[Memory]:
    """Give a memory as thread `thread-1` sees it."""
    async with open_store(store_path) as store:
        recall = SqliteRecall(store_path, workspace, thread="thread-1")
        try:
            yield Memory(store, workspace, recall)
        finally:
            await recall.aclose()
