"""The apply_patch tool: several edits in several files, all of them or none.

The grammar and the matching stand in files of their own. Guards that every hunk of every file is
matched before the first byte is written.
"""

from typing import Annotated

from msgspec import Meta

from kodo.base.errors import ToolError
from kodo.core.check import Change
from kodo.core.tool import Effect, ToolContext, ToolOutput
from kodo.tools.arguments import Arguments, decode, schema_text
from kodo.tools.edit import keep, read_if_there, relative_path
from kodo.tools.patch_grammar import AddFile, DeleteFile, Operation, UpdateFile, parse_patch
from kodo.tools.patch_match import apply_chunks


class ApplyPatchArguments(Arguments, frozen=True, forbid_unknown_fields=True):
    """See the descriptions of the fields."""

    patch: Annotated[
        str, Meta(description="From '*** Begin Patch' to '*** End Patch'.", min_length=1)
    ]


class ApplyPatch:
    """Applies patches."""

    name = "apply_patch"
    description = """\
Edit files with a patch; nothing is written unless all of it applies. Format:
*** Begin Patch
*** Update File: src/app.py
@@ def main():
     keep this line (context, starts with a space)
-    remove this line
+    add this line
*** Add File: notes.txt
+every line of a new file starts with a plus
*** Delete File: old.txt
*** End Patch
Show about three lines of context around a change; '@@ LINE' narrows it to what follows that line. \
'*** Move to: PATH' right after an Update header renames. Paths are relative to the workspace."""
    parameters = schema_text(ApplyPatchArguments)
    effect: Effect = "write"
    timeout_s: float = 60

    async def run(self, arguments: bytes, context: ToolContext) -> ToolOutput:
        """Apply the patch. Raises ToolError where it is wrong or does not fit; nothing is written.

        A model that takes free-form tools may send the patch itself in place of JSON.
        """
        raw = arguments.lstrip()
        if raw.startswith((b"***", b"<<")):
            patch = raw.decode("utf-8", "replace")
        else:
            patch = decode(ApplyPatchArguments, arguments, self.name).patch
        staged = _Staged(context)
        said = ["Success. Updated the following files:"]
        said += [await staged.apply(operation) for operation in parse_patch(patch)]
        return await keep(staged.changes(), context, "\n".join(said))


class _Staged:
    """The files as they will be, until all of the patch has been seen to fit."""

    __slots__ = ("_after", "_before", "_context")

    def __init__(self, context: ToolContext) -> None:
        self._context = context
        self._before: dict[str, bytes | None] = {}
        self._after: dict[str, bytes | None] = {}

    async def apply(self, operation: Operation) -> str:
        """Stage one operation; returns its line for the model."""
        path = relative_path(operation.path, self._context.workspace)
        now = await self._read(path)
        match operation:
            case AddFile(text=text):
                self._after[path] = text.encode("utf-8", "surrogateescape")
                return f"A {path}"
            case DeleteFile():
                self._needed(path, now)
                self._after[path] = None
                return f"D {path}"
            case UpdateFile(chunks=chunks, move_to=move_to):
                # surrogateescape keeps bytes that are not UTF-8 as they are.
                text = self._needed(path, now).decode("utf-8", "surrogateescape")
                changed = apply_chunks(text, chunks, path).encode("utf-8", "surrogateescape")
                if move_to is not None:
                    target = relative_path(move_to, self._context.workspace)
                    await self._read(target)
                    if target != path:
                        self._after[path] = None
                    path = target
                self._after[path] = changed
                return f"M {path}"

    def changes(self) -> list[Change]:
        """Return what really differs, in the order of the patch."""
        return [
            Change(path, self._before[path], after)
            for path, after in self._after.items()
            if self._before[path] != after
        ]

    async def _read(self, path: str) -> bytes | None:
        if path not in self._before:
            self._before[path] = await read_if_there(self._context, path)
        return self._after.get(path, self._before[path])

    def _needed(self, path: str, data: bytes | None) -> bytes:
        if data is None:
            raise ToolError(
                f"cannot change {path!r}: it does not exist; use '*** Add File: {path}'"
            )
        return data
