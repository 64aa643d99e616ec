"""The history tool: every version of a file, or every place that set a key, oldest first.

Guards order and completeness: versions that are not shown are counted.
"""

from typing import Annotated

from msgspec import Meta

from kodo.core.tool import Effect, ToolContext, ToolOutput, text_output
from kodo.tools.arguments import Arguments, decode, schema_text
from kodo.tools.remembered import NOTE, memory_of, shown_hits

_LINES_OF_ONE = 6


class HistoryArguments(Arguments, frozen=True, forbid_unknown_fields=True):
    """See the descriptions of the fields."""

    subject: Annotated[
        str,
        Meta(description="A file's path, or a key such as 'MAX_RETRIES' or 'port'.", min_length=1),
    ]
    limit: Annotated[int, Meta(description="How many, the newest.", ge=1, le=200)] = 50


class History:
    """Shows how something came to be what it is."""

    name = "history"
    description = (
        "List all versions of a file, or all values that a key or setting was given, in order of "
        "time, oldest first, with references for recall."
    )
    parameters = schema_text(HistoryArguments)
    effect: Effect = "read"
    timeout_s: float = 60

    async def run(self, arguments: bytes, context: ToolContext) -> ToolOutput:
        """Return the versions. Raises ToolError where nothing is known of the subject."""
        wanted = decode(HistoryArguments, arguments, self.name)
        hits = await memory_of(context, self.name).history(wanted.subject, wanted.limit)
        if not hits:
            return text_output(f"Nothing is known of {wanted.subject!r}.")
        count = "1 version" if len(hits) == 1 else f"{len(hits)} versions"
        limited = ", the newest ones" if len(hits) == wanted.limit else ""
        shown = shown_hits(hits, _LINES_OF_ONE)
        return text_output(f"{count} of {wanted.subject}, oldest first{limited}. {NOTE}\n\n{shown}")
