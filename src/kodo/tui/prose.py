"""The model's text as formatted Markdown, block by block as it streams in.

Knows rich, not the screen. Guards that a code fence is never split and that the text is safe
before rich sees it.
"""

import io

from rich.console import Console
from rich.markdown import Markdown
from rich.theme import Theme

from kodo.tui.ansi import safe

_THEME = Theme({"markdown.code": "cyan", "markdown.block_quote": "dim"})


class MarkdownProse:
    """Implements `kodo.tui.screen.Prose` over rich's Markdown."""

    def __init__(self, *, colour: bool, width: int) -> None:
        self._colour = colour
        self._width = width
        self._rest = ""

    def feed(self, text: str) -> list[str]:
        """Take a piece of text; return the lines of the blocks that it completes."""
        self._rest += text
        end = last_block_end(self._rest)
        if end == 0:
            return []
        block, self._rest = self._rest[:end], self._rest[end:]
        return self._render(block)

    def finish(self) -> list[str]:
        """Return the lines of what has not been shown yet."""
        block, self._rest = self._rest, ""
        return self._render(block) if block.strip() else []

    def _render(self, block: str) -> list[str]:
        target = io.StringIO()
        console = Console(
            file=target,
            width=self._width,
            force_terminal=self._colour,
            no_color=not self._colour,
            color_system="standard" if self._colour else None,
            legacy_windows=False,
            theme=_THEME,
            highlight=False,
        )
        console.print(Markdown(safe(block).strip("\n"), hyperlinks=False))
        lines = [line.rstrip() for line in target.getvalue().rstrip("\n").split("\n")]
        return [*lines, ""]


def last_block_end(text: str) -> int:
    """Return where the last blank line outside a code fence ends; 0 where there is none."""
    end = at = 0
    fence = ""
    for line in text.splitlines(keepends=True):
        at += len(line)
        stripped = line.strip()
        if fence:
            if stripped.startswith(fence) and not stripped.strip(fence[0]):
                fence = ""
        elif stripped.startswith(("```", "~~~")):
            fence = stripped[:3]
        elif not stripped and line.endswith("\n"):
            end = at
    return end
