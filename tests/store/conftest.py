"""A store in a temporary folder, and entries whose ids and times follow from their seq."""

from collections.abc import AsyncGenerator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kodo.core.events import Event, MessageAdded, Stored
from kodo.core.messages import user
from kodo.core.thread import Entry, ThreadHeader
from kodo.store.store import Store, open_store

MakeEntry = Callable[..., Entry]


@pytest.fixture
def make_header() -> Callable[..., ThreadHeader]:
    """Return a maker of headers: `make_header(id, cwd=..., title=...)`."""

    def make(thread_id: str = "thread-1", *, cwd: str = "/work", title: str = "") -> ThreadHeader:
        return ThreadHeader(thread_id, datetime(2026, 1, 2, tzinfo=UTC), cwd, title)

    return make


@pytest.fixture
def make_entry() -> MakeEntry:
    """Return a maker of entries: `make_entry(seq, body)`, each the child of the one before."""

    def make(seq: int, body: Stored | None = None) -> Entry:
        at = datetime(2026, 1, 2, 3, tzinfo=UTC) + timedelta(seconds=seq)
        event = Event(seq, "run-1", at, body or MessageAdded(user(f"text {seq}")))
        return Entry(f"entry-{seq}", f"entry-{seq - 1}" if seq > 1 else None, event)

    return make


@pytest.fixture
def store_path(tmp_path: Path) -> Path:
    """Return where the store of this test lies; nothing is there yet."""
    return tmp_path / "project" / "store.db"


@pytest.fixture
async def store(store_path: Path) -> AsyncGenerator[Store]:
    """Give an open store."""
    async with open_store(store_path) as opened:
        yield opened
