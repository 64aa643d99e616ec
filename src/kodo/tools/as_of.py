"""The as_of tool: a file as it was when an entry was added.

Guards that an answer names the version it comes from, so that it can be had again.
"""

from typing import Annotated

from msgspec import Meta

from kodo.base.errors import ToolError
from kodo.core.recall import Hit, Query, Recall
from kodo.core.tool import Effect, ToolContext, ToolOutput, text_output
from kodo.tools.arguments import Arguments, decode, schema_text
from kodo.tools.recall import RecallArguments, shown_lines
from kodo.tools.remembered import memory_of

MAX_LINES = 800


class AsOfArguments(Arguments, frozen=True, forbid_unknown_fields=True):
    """See the descriptions of the fields."""

    entry: Annotated[str, Meta(description="The entry, e.g. 'e42'.", min_length=2)]
    path: Annotated[str, Meta(description="File, relative to the workspace.", min_length=1)]
    first_line: Annotated[int, Meta(description="First line, from 1.", ge=1)] = 1
    last_line: Annotated[
        Annotated[int, Meta(ge=1)] | None, Meta(description="Last line, inclusive.")
    ] = None


class AsOf:
    """Reads files of the past."""

    name = "as_of"
    description = (
        "Read a file as it was when an entry of the session was added, e.g. before an edit was "
        "made; up to 800 lines a call."
    )
    parameters = schema_text(AsOfArguments)
    effect: Effect = "read"
    timeout_s: float = 60

    async def run(self, arguments: bytes, context: ToolContext) -> ToolOutput:
        """Return the lines. Raises ToolError where the file was not there or is not known."""
        wanted = decode(AsOfArguments, arguments, self.name)
        memory = memory_of(context, self.name)
        version = await _version(memory, wanted)
        lines = RecallArguments(version.ref, wanted.first_line, wanted.last_line)
        text = await shown_lines(memory, lines)
        return text_output(f"{wanted.path} as of {wanted.entry} is {version.ref}\n{text}")


async def _version(memory: Recall, wanted: AsOfArguments) -> Hit:
    """Return a hit in the version that was current then."""
    path = wanted.path.removeprefix("./")
    scope = Query("", kinds=("file",), path=_literal(path), as_of=wanted.entry)
    async for hit in memory.everything(scope):
        if hit.path == path:
            return hit
    raise ToolError(
        f"as_of: no content of {path!r} is known as of {wanted.entry}; history(subject={path!r}) "
        "lists the versions that are"
    )


def _literal(path: str) -> str:
    """Return the glob that only this path fits."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in path)
