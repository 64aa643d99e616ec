"""The ports a store must offer: the log of entries, the blobs, and snapshots of the files."""

from collections.abc import Collection, Sequence
from typing import Protocol

from kodo.core.check import Change
from kodo.core.messages import Value
from kodo.core.thread import Entry, ThreadHeader


class ThreadSummary(Value, frozen=True):
    """A thread in a list: how many entries it has and how its last run ended."""

    header: ThreadHeader
    entries: int
    updated_at: str
    outcome: str = ""


class Span(Value, frozen=True):
    """What happened to the files between two snapshots (`after` None: until now)."""

    before: str
    after: str | None = None


class Preview(Value, frozen=True):
    """What taking back would change, the files that somebody has changed since, what forbids it."""

    changes: tuple[Change, ...]
    changed_since: tuple[str, ...] = ()
    obstacle: str = ""


class Log(Protocol):
    """The append-only log of a project. What `append` has returned from survives kill -9."""

    async def create(self, header: ThreadHeader) -> None:
        """Begin a thread. Raises StoreError where the id is taken or the disk refuses."""
        ...

    async def append(self, thread_id: str, entry: Entry) -> None:
        """Add one entry durably. Raises StoreError; then nothing was added."""
        ...

    async def load(self, thread_id: str) -> tuple[ThreadHeader, list[Entry]]:
        """Return a thread's header and all its entries in order of `seq`.

        `thread_id` may be a unique prefix of at least 6 characters. Raises StoreError where it is
        unknown, ambiguous or damaged.
        """
        ...

    async def list(self, limit: int = 50) -> list[ThreadSummary]:
        """Return the newest threads first."""
        ...


class Blobs(Protocol):
    """Bytes by the SHA-256 of their content; storing the same bytes twice costs nothing."""

    async def put(self, data: bytes) -> str:
        """Keep the bytes durably and return their name (64 hex digits)."""
        ...

    async def get(self, name: str) -> bytes:
        """Return the bytes of that name. Raises StoreError where they are unknown or damaged."""
        ...


class Snapshots(Protocol):
    """States of the workspace's files, kept in the blobs."""

    async def take(self) -> str:
        """Keep the present state and return its name (the blob of its manifest)."""
        ...

    async def changes(self, before: str, after: str | None = None) -> list[Change]:
        """Return what differs between two snapshots (`after` None: the files as they are now)."""
        ...

    async def preview(self, spans: Sequence[Span]) -> Preview:
        """Return what `take_back` would do now. Touches nothing."""
        ...

    async def take_back(
        self, spans: Sequence[Span], *, force: bool = False, only: Collection[str] = ()
    ) -> list[Change]:
        """Take back what changed in each span, the oldest first: all of it or nothing.

        Returns what that changed. Where a file is not as the newest span left it, or was changed
        between two of them, raises ToolError naming it and nothing is touched, unless `force`.
        Where `only` names some files, only those.
        """
        ...
