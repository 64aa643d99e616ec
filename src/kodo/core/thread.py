"""A thread: the append-only tree of entries of one conversation. Pure bookkeeping, no I/O."""

from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import islice

from kodo.base.errors import StoreError
from kodo.core.events import Event, MessageAdded
from kodo.core.messages import Assistant, Message, ToolCall, ToolResult, Value


class Entry(Value, frozen=True):
    """A stored event and its place in the tree. The first entry has no parent."""

    id: str
    parent_id: str | None
    event: Event


class ThreadHeader(Value, frozen=True):
    """What a thread is: its id is what resume, replay and undo take.

    `forked_from` names (thread, entry) for a fork.
    """

    id: str
    created_at: datetime
    cwd: str
    title: str = ""
    forked_from: tuple[str, str] | None = None


class Thread:
    """The entries of one conversation and its head, where the next entry is attached."""

    __slots__ = ("_entries", "_head", "header")

    def __init__(self, header: ThreadHeader, entries: Iterator[Entry] | None = None) -> None:
        self.header = header
        self._entries: dict[str, Entry] = {}
        self._head: str | None = None
        for entry in entries or ():
            self.append(entry)

    @property
    def head(self) -> str | None:
        """The id of the newest entry on the current path; None while empty."""
        return self._head

    @property
    def next_seq(self) -> int:
        """The `seq` that the next event gets."""
        return len(self._entries) + 1

    def append(self, entry: Entry) -> None:
        """Attach an entry and make it the head. Raises StoreError for an unknown parent."""
        if entry.parent_id is not None and entry.parent_id not in self._entries:
            raise StoreError(f"entry {entry.id!r} names an unknown parent {entry.parent_id!r}")
        if entry.id in self._entries:
            raise StoreError(f"entry {entry.id!r} is already in thread {self.header.id!r}")
        self._entries[entry.id] = entry
        self._head = entry.id

    def path(self, to: str | None = None) -> list[Entry]:
        """Return the entries from the root to `to` (default: the head), oldest first."""
        found: list[Entry] = []
        at = to if to is not None else self._head
        while at is not None:
            try:
                entry = self._entries[at]
            except KeyError:
                raise StoreError(f"no entry {at!r} in thread {self.header.id!r}") from None
            found.append(entry)
            at = entry.parent_id
        found.reverse()
        return found

    def since(self, after: str | None) -> list[Entry] | None:
        """Return the entries behind `after` on the current path, oldest first; None: all of them.

        Costs no more than what it returns. None where `after` is not on the path (any more).
        """
        found: list[Entry] = []
        at = self._head
        while at != after:
            if at is None:
                return None
            entry = self._entries[at]
            found.append(entry)
            at = entry.parent_id
        found.reverse()
        return found

    def at(self, seq: int) -> Entry | None:
        """Return the entry with that `seq`, on whichever branch it is; None where there is none."""
        for entry in islice(self._entries.values(), max(0, seq - 1), None):
            if entry.event.seq == seq:
                return entry
        return None

    def following(self, seq: int, limit: int) -> list[Entry]:
        """Return at most `limit` entries with a `seq` above this one, of all branches, in order."""
        return list(islice(self._entries.values(), max(0, seq), max(0, seq) + limit))

    def messages(self) -> list[Message]:
        """Return the messages on the current path, oldest first."""
        return [
            entry.event.body.message
            for entry in self.path()
            if isinstance(entry.event.body, MessageAdded)
        ]

    def open_calls(self) -> list[ToolCall]:
        """Return the calls on the current path that have no result yet, in order."""
        waiting: dict[str, ToolCall] = {}
        for message in self.messages():
            if isinstance(message, Assistant):
                waiting.update({call.id: call for call in message.calls})
            elif isinstance(message, ToolResult):
                waiting.pop(message.call_id, None)
        return list(waiting.values())

    def move(self, to: str) -> None:
        """Make `to` the head: the next entry starts a new branch there."""
        self.path(to)
        self._head = to

    def fork(self, header: ThreadHeader, new_id: Callable[[], str]) -> "Thread":
        """Return a new thread that holds copies of the current path under fresh entry ids."""
        copy = Thread(header)
        parent: str | None = None
        for seq, entry in enumerate(self.path(), 1):
            event = Event(seq, entry.event.run_id, entry.event.at, entry.event.body)
            parent_id, parent = parent, new_id()
            copy.append(Entry(parent, parent_id, event))
        return copy
