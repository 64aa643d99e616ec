"""The search tool: anything of this project, of this session and earlier ones, by words.

Guards the size of the answer, and that a search without result says what to try instead.
"""

from typing import Annotated, Literal

from msgspec import Meta

from kodo.base.errors import ToolError
from kodo.core.recall import Hit, Query, RecallKind, RecallMode
from kodo.core.tool import Effect, ToolContext, ToolOutput, text_output
from kodo.tools.arguments import Arguments, decode, schema_text
from kodo.tools.remembered import NOTE, memory_of, shown_hits

_DATED_FACTOR = 8  # how many more hits are asked for where times are filtered afterwards
_MOST_HITS = 200


class SearchArguments(Arguments, frozen=True, forbid_unknown_fields=True):
    """See the descriptions of the fields."""

    query: Annotated[str, Meta(description="Words, or a name, a number, a quote.", min_length=1)]
    kind: Annotated[
        Literal["user", "assistant", "tool", "file"] | None,
        Meta(description="Only what the user or the assistant said, tools printed, or files hold."),
    ] = None
    path: Annotated[str, Meta(description="Only files like this, e.g. 'src/**/*.py'.")] = ""
    time: Annotated[
        str,
        Meta(description="Only from then (UTC): '2026-11-20', '2026-11-20..2026-11-22', '..2026'."),
    ] = ""
    mode: Annotated[
        Literal["ranked", "exact", "regex"],
        Meta(description="ranked: by words; exact: this very text; regex: Python's, by line."),
    ] = "ranked"
    page: Annotated[
        int,
        Meta(description="2 or 3: with other words for what the first did not show.", ge=1, le=5),
    ] = 1
    limit: Annotated[int, Meta(description="How many at most.", ge=1, le=25)] = 8


class Search:
    """Searches the memory."""

    name = "search"
    description = (
        "Search everything of this project that was ever said, printed, read or written, in this "
        "session and in earlier ones, and the files of the workspace. Each result has a reference "
        "for recall. Use grep for the files as they are now."
    )
    parameters = schema_text(SearchArguments)
    effect: Effect = "read"
    timeout_s: float = 60

    async def run(self, arguments: bytes, context: ToolContext) -> ToolOutput:
        """Return hits, best first. Raises ToolError for a bad expression or time."""
        wanted = decode(SearchArguments, arguments, self.name)
        memory = memory_of(context, self.name)
        kinds: tuple[RecallKind, ...] = (wanted.kind,) if wanted.kind is not None else ()
        mode: RecallMode = wanted.mode
        earliest, latest = time_range(wanted.time)
        k = wanted.limit
        if wanted.time:
            k = min(_MOST_HITS, k * _DATED_FACTOR)
        query = Query(wanted.query, k=k, kinds=kinds, path=wanted.path, mode=mode, page=wanted.page)
        hits = await memory.search(query)
        hits = [hit for hit in hits if _is_within(hit, earliest, latest)][: wanted.limit]
        if not hits:
            return text_output(_nothing(wanted))
        found = "1 result" if len(hits) == 1 else f"{len(hits)} results"
        return text_output(f"{found}, best first. {NOTE}\n\n{shown_hits(hits)}")


def time_range(text: str) -> tuple[str, str]:
    """Return the earliest and the latest beginning of a UTC time that `text` names; "" for open.

    Raises ToolError where it names none.
    """
    low, dots, high = text.strip().partition("..")
    low, high = low.strip(), high.strip() if dots else low.strip()
    for end in (low, high):
        if end and not (end[:4].isdigit() and all(c.isdigit() or c in "-:T. +Z" for c in end)):
            raise ToolError(
                f"search: time {text!r} is none; give '2026-11-20', '2026-11-20T14:00..' or "
                "'2026-11-20..2026-11-22' (UTC)"
            )
    return low.replace(" ", "T"), high.replace(" ", "T")


def _is_within(hit: Hit, earliest: str, latest: str) -> bool:
    at = hit.at.replace(" ", "T")
    return at >= earliest and (not latest or at[: len(latest)] <= latest)


def _nothing(wanted: SearchArguments) -> str:
    narrowed = [name for name in ("kind", "path", "time") if getattr(wanted, name)]
    hint = f" within the given {', '.join(narrowed)}" if narrowed else ""
    return (
        f"Nothing was found for {wanted.query!r}{hint}. Try page 2, other words for the same, "
        "mode exact for a part of a word, or sweep for a question that no word leads to."
    )
