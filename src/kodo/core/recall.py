"""Recall: bringing stored text back, exactly. The port that tools, context and faces stand on.

Does not know how text is indexed. Guards one grammar of references: what a hit is called is what
`read` takes, in this session and in later ones.

A reference is `e42` (entry 42 of the present thread), `1f2e3d:e42` (of the thread with that id or
unique prefix), `f:src/a.py` (the newest kept version of a file), `f:src/a.py@2` (its second one).
"""

from collections.abc import AsyncIterator
from typing import Literal, Protocol

from kodo.core.messages import Value

RecallKind = Literal["user", "assistant", "tool", "file"]
"""Whose text it is: a person's, a model's, a tool's whole output, or a file of the workspace."""

RecallMode = Literal["ranked", "exact", "regex"]


class Query(Value, frozen=True):
    """What to look for.

    `k` is the most hits. `kinds` empty means every kind; `path` is a glob on file paths; `thread`
    limits to one thread ("" all threads of the project); `as_of` limits to what was current when
    that reference's entry was added ("" now, with older versions found too but ranked later).
    `exact` finds the text as a substring, `regex` is Python's syntax on lines. `page` 2 and later
    look with other words for what the pages before did not show.
    """

    text: str
    k: int = 10
    kinds: tuple[RecallKind, ...] = ()
    path: str = ""
    thread: str = ""
    as_of: str = ""
    mode: RecallMode = "ranked"
    page: int = 1


class Hit(Value, frozen=True):
    """A piece of stored text. Lines are 1-based and inclusive, within the referenced text.

    `entry` is the `seq` of the entry it came with (0 for a file that was read from the workspace
    outside any thread); `at` is ISO 8601 UTC. `current` is False where a newer version of the
    same file replaced it. `anchored` says that it holds a rare literal of the query.
    """

    ref: str
    kind: RecallKind
    path: str
    first_line: int
    last_line: int
    thread: str
    entry: int
    at: str
    score: float
    text: str
    current: bool = True
    anchored: bool = False


class Recall(Protocol):
    """The memory of a project: everything that was said, done, printed, read and written."""

    async def search(self, query: Query) -> list[Hit]:
        """Return the best hits, best first. Raises StoreError, and ToolError for a bad query."""
        ...

    async def read(self, ref: str, first_line: int = 1, last_line: int | None = None) -> bytes:
        """Return the exact bytes of those lines of what `ref` names.

        Raises ToolError where the reference is unknown, ambiguous or purged, StoreError.
        """
        ...

    async def history(self, subject: str, limit: int = 100) -> list[Hit]:
        """Return every version of a file (a path), or every place that sets a key, oldest first."""
        ...

    def everything(self, scope: Query) -> AsyncIterator[Hit]:
        """Yield each chunk in the scope once, in order of time and place; `text` may be empty."""
        ...

    async def catch_up(self) -> None:
        """Index what the log and the workspace gained since; cheap when there is nothing new."""
        ...
