"""The write tool: a whole file at once. Knows no patches; guards that the border is kept."""

from typing import Annotated

from msgspec import Meta

from kodo.core.check import Change
from kodo.core.tool import Effect, ToolContext, ToolOutput, text_output
from kodo.tools.arguments import Arguments, decode, schema_text
from kodo.tools.edit import keep, read_if_there, relative_path


class WriteArguments(Arguments, frozen=True, forbid_unknown_fields=True):
    """See the descriptions of the fields."""

    path: Annotated[str, Meta(description="File, relative to the workspace.", min_length=1)]
    content: Annotated[str, Meta(description="The whole new content.")]


class Write:
    """Writes whole files."""

    name = "write"
    description = (
        "Write a whole file, creating it and its folders or replacing what it holds. "
        "For a change in part of a file use apply_patch."
    )
    parameters = schema_text(WriteArguments)
    effect: Effect = "write"
    timeout_s: float = 60

    async def run(self, arguments: bytes, context: ToolContext) -> ToolOutput:
        """Write the file. Raises ToolError where it may not be written."""
        wanted = decode(WriteArguments, arguments, self.name)
        path = relative_path(wanted.path, context.workspace)
        before = await read_if_there(context, path)
        after = wanted.content.encode("utf-8", "replace")
        if before == after:
            return text_output(f"{path} already holds exactly this.")
        lines = wanted.content.count("\n") + (not wanted.content.endswith("\n"))
        act = "Wrote" if before is None else "Replaced"
        said = f"{act} {path} ({lines} lines, {len(after)} bytes)."
        return await keep([Change(path, before, after)], context, said)
