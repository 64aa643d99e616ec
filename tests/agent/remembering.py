"""A memory that is a list of hits, for tests of what is done with hits."""

from collections.abc import AsyncIterator, Sequence

from kodo.base.errors import ToolError
from kodo.core.recall import Hit, Query, RecallKind


def hit(
    ref: str,
    text: str,
    *,
    kind: RecallKind = "tool",
    path: str = "",
    score: float = 3.0,
    anchored: bool = True,
    current: bool = True,
    thread: str = "another",
    first_line: int = 1,
) -> Hit:
    last_line = first_line + text.removesuffix("\n").count("\n")
    return Hit(
        *(ref, kind, path, first_line, last_line, thread, 7, "2026-01-02T03:04:05Z", score, text),
        current=current,
        anchored=anchored,
    )


class ListRecall:
    """Finds the hits that share a word with the question, and keeps the questions."""

    def __init__(self, hits: Sequence[Hit] = ()) -> None:
        self.hits = list(hits)
        self.asked: list[Query] = []
        self.error: Exception | None = None

    async def search(self, query: Query) -> list[Hit]:
        self.asked.append(query)
        if self.error is not None:
            raise self.error
        words = set(query.text.lower().split())
        found = [hit for hit in self.hits if words & set(hit.text.lower().split())]
        return sorted(found, key=lambda one: -one.score)[: query.k]

    async def read(self, ref: str, first_line: int = 1, last_line: int | None = None) -> bytes:
        for one in self.hits:
            if one.ref == ref:
                lines = one.text.splitlines(keepends=True)
                first = first_line - one.first_line
                return "".join(lines[first:last_line]).encode()
        raise ToolError(f"no {ref!r}")

    async def history(self, subject: str, limit: int = 100) -> list[Hit]:
        return [one for one in self.hits if one.path == subject][:limit]

    async def everything(self, scope: Query) -> AsyncIterator[Hit]:
        for one in self.hits:
            if not scope.kinds or one.kind in scope.kinds:
                yield one

    async def catch_up(self) -> None:
        pass
