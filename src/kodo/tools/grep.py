"""The grep tool: lines that match an expression, through ripgrep where the sandbox has it.

Without ripgrep it searches in Python, with the same answer. Guards the length of the answer.
"""

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated

from anyio import to_thread
from msgspec import Meta

from kodo.base.errors import ToolError
from kodo.base.ignoring import glob_expression, walk
from kodo.base.text import repair_utf8
from kodo.core.tool import Effect, ToolContext, ToolOutput, text_output
from kodo.tools.arguments import Arguments, decode, schema_text
from kodo.tools.place import folder_in

MAX_MATCHES = 200
MAX_COLUMNS = 300
MAX_FILE_BYTES = 4 << 20
_NO_PROGRAM = 127


class GrepArguments(Arguments, frozen=True, forbid_unknown_fields=True):
    """See the descriptions of the fields."""

    pattern: Annotated[str, Meta(description="Regular expression.", min_length=1)]
    path: Annotated[str, Meta(description="Folder or file, relative to the workspace.")] = "."
    glob: Annotated[str | None, Meta(description="Only files like this, e.g. '*.py'.")] = None
    ignore_case: Annotated[bool, Meta(description="Do not tell a from A.")] = False


class Grep:
    """Searches in files. `use_ripgrep` False searches in Python from the start."""

    name = "grep"
    description = (
        "Search file contents with a regular expression; respects .gitignore. Returns "
        "path:line:text."
    )
    parameters = schema_text(GrepArguments)
    effect: Effect = "read"
    timeout_s: float = 90

    def __init__(self, *, use_ripgrep: bool = True) -> None:
        self._use_ripgrep = use_ripgrep

    async def run(self, arguments: bytes, context: ToolContext) -> ToolOutput:
        """Return the matching lines. Raises ToolError for a wrong expression or folder."""
        wanted = decode(GrepArguments, arguments, self.name)
        start = folder_in(wanted.path, context.workspace)
        lines = await self._ripgrep(wanted, start, context) if self._use_ripgrep else None
        if lines is None:
            self._use_ripgrep = False
            lines = await to_thread.run_sync(_search, context.workspace, start, wanted)
        shown = lines[:MAX_MATCHES]
        if len(lines) > MAX_MATCHES:
            shown.append(f"[more than {MAX_MATCHES} lines; narrow the expression or the path]")
        return text_output("\n".join(shown) or f"No line matches {wanted.pattern!r}.")

    async def _ripgrep(
        self, wanted: GrepArguments, start: str, context: ToolContext
    ) -> list[str] | None:
        """Return the lines, or None where there is no ripgrep."""
        words = [
            "rg",
            "--no-config",
            "--no-heading",
            "--with-filename",
            "--line-number",
            "--hidden",
        ]
        words += ["--color=never", "--sort=path", "--no-require-git", "--no-ignore-global"]
        words += ["--no-ignore-parent", "--glob=!.git", "--glob=!.kodo"]
        # The parents of a folder are not asked, as one may lie outside; the workspace's own is.
        words += ["--ignore-file=.gitignore"] if (context.workspace / ".gitignore").exists() else []
        words += ["--ignore-case"] if wanted.ignore_case else []
        words += [f"--glob={wanted.glob}"] if wanted.glob else []
        words += ["--regexp", wanted.pattern, "--", f"./{start}"]
        result = await context.sandbox.exec(words, timeout_s=60, max_output_bytes=1 << 20)
        if result.exit_code == _NO_PROGRAM:
            return None
        text = repair_utf8(result.output)
        if result.exit_code == 2 and text.startswith("regex parse error"):
            raise ToolError(f"grep: {wanted.pattern!r} is not a regular expression: {text.strip()}")
        return [_cut(line.removeprefix("./")) for line in text.splitlines()]


def _search(root: Path, start: str, wanted: GrepArguments) -> list[str]:
    try:
        expression = re.compile(wanted.pattern, re.IGNORECASE if wanted.ignore_case else 0)
    except re.error as error:
        raise ToolError(f"grep: {wanted.pattern!r} is not a regular expression: {error}") from error
    fits = glob_expression(wanted.glob).match if wanted.glob else None
    paths = [start] if (root / start).is_file() else _files(root, start)
    lines = (
        line
        for path in paths
        if fits is None or fits(path)
        for line in _matches(root, path, expression)
    )
    return list(islice(lines, MAX_MATCHES + 1))


def _files(root: Path, start: str) -> Iterator[str]:
    return (item.path for item in walk(root, start) if not item.is_folder)


def _matches(root: Path, path: str, expression: re.Pattern[str]) -> Iterator[str]:
    file = root / path
    try:
        if file.is_symlink() or not file.is_file() or file.stat().st_size > MAX_FILE_BYTES:
            return
        data = file.read_bytes()
    except OSError:
        return
    if b"\0" in data:
        return
    for number, line in enumerate(repair_utf8(data).split("\n"), 1):
        line = line.removesuffix("\r")
        if expression.search(line):
            yield _cut(f"{path}:{number}:{line}")


def _cut(line: str) -> str:
    return line if len(line) <= MAX_COLUMNS else f"{line[:MAX_COLUMNS]} [… cut …]"
