"""The list tool: the tree of a folder, without what `.gitignore` leaves out. Guards its length."""

from itertools import islice
from pathlib import Path
from typing import Annotated

from anyio import to_thread
from msgspec import Meta

from kodo.base.errors import ToolError
from kodo.base.ignoring import Found, walk
from kodo.core.tool import Effect, ToolContext, ToolOutput, text_output
from kodo.tools.arguments import Arguments, decode, schema_text
from kodo.tools.place import folder_in

MAX_ENTRIES = 400


class ListArguments(Arguments, frozen=True, forbid_unknown_fields=True):
    """See the descriptions of the fields."""

    path: Annotated[str, Meta(description="Folder, relative to the workspace.")] = "."
    depth: Annotated[int, Meta(description="How many levels to show.", ge=1, le=20)] = 3
    ignored: Annotated[bool, Meta(description="Show what .gitignore leaves out, too.")] = False


class List:
    """Lists folders."""

    name = "list"
    description = "Show the files and folders below a folder as a tree; respects .gitignore."
    parameters = schema_text(ListArguments)
    effect: Effect = "read"
    timeout_s: float = 60

    async def run(self, arguments: bytes, context: ToolContext) -> ToolOutput:
        """Return the tree. Raises ToolError where there is no such folder."""
        wanted = decode(ListArguments, arguments, self.name)
        start = folder_in(wanted.path, context.workspace)
        found = await to_thread.run_sync(_collect, context.workspace, start, wanted)
        lines = [_line(item, start) for item in found[:MAX_ENTRIES]]
        if len(found) > MAX_ENTRIES:
            lines.append(f"[more than {MAX_ENTRIES} entries; list a folder below, or use find]")
        return text_output("\n".join(lines) or f"{wanted.path} holds no files.")


def _collect(root: Path, start: str, wanted: ListArguments) -> list[Found]:
    if not (root / start).is_dir():
        raise ToolError(f"{wanted.path!r} is not a folder; use read for a file")
    entries = walk(root, start, depth=wanted.depth, ignored_too=wanted.ignored)
    return list(islice(entries, MAX_ENTRIES + 1))


def _line(item: Found, start: str) -> str:
    below = item.path[len(start) + 1 :] if start else item.path
    indent = "  " * below.count("/")
    return f"{indent}{below.rpartition('/')[2]}{'/' if item.is_folder else ''}"
