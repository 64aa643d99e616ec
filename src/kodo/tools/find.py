"""The find tool: files by a glob on their names.

Respects `.gitignore`. Guards the length of the answer.
"""

from itertools import islice
from pathlib import Path
from typing import Annotated

from anyio import to_thread
from msgspec import Meta

from kodo.base.ignoring import glob_expression, walk
from kodo.core.tool import Effect, ToolContext, ToolOutput, text_output
from kodo.tools.arguments import Arguments, decode, schema_text
from kodo.tools.place import folder_in

MAX_FOUND = 300


class FindArguments(Arguments, frozen=True, forbid_unknown_fields=True):
    """See the descriptions of the fields."""

    glob: Annotated[
        str,
        Meta(description="Like '*.py', 'src/**/test_*.js' or '*.{c,h}'.", min_length=1),
    ]
    path: Annotated[str, Meta(description="Folder to look in, relative to the workspace.")] = "."
    ignored: Annotated[bool, Meta(description="Also look at what .gitignore leaves out.")] = False


class Find:
    """Finds files."""

    name = "find"
    description = "Find files by name with a glob; respects .gitignore. Returns their paths."
    parameters = schema_text(FindArguments)
    effect: Effect = "read"
    timeout_s: float = 60

    async def run(self, arguments: bytes, context: ToolContext) -> ToolOutput:
        """Return the paths, relative to the workspace. Raises ToolError for a wrong folder."""
        wanted = decode(FindArguments, arguments, self.name)
        start = folder_in(wanted.path, context.workspace)
        found = await to_thread.run_sync(_collect, context.workspace, start, wanted)
        lines = found[:MAX_FOUND]
        if len(found) > MAX_FOUND:
            lines.append(f"[more than {MAX_FOUND} files; narrow the glob]")
        return text_output("\n".join(lines) or f"No file matches {wanted.glob!r}.")


def _collect(root: Path, start: str, wanted: FindArguments) -> list[str]:
    fits = glob_expression(wanted.glob).match
    skip = len(start) + 1 if start else 0
    files = (
        item.path
        for item in walk(root, start, ignored_too=wanted.ignored)
        if not item.is_folder and fits(item.path[skip:])
    )
    return list(islice(files, MAX_FOUND + 1))
