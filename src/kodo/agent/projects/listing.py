"""The files of a workspace and the programs at hand: what the search for test commands works on.

Knows names and small files, not languages. Guards that no large or linked file is read.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

MAX_BUILD_FILE_BYTES = 256 << 10


@dataclass(slots=True)
class Listing:
    """The files of a workspace, its test files by language, and the programs at hand."""

    root: Path
    files: tuple[str, ...]
    tests: dict[str, list[str]]
    which: Callable[[str], str | None]
    python_modules: frozenset[str]

    def has(self, *paths: str) -> bool:
        """Whether one of the files lies in the workspace."""
        return any(path in self.files for path in paths)

    def read(self, path: str) -> str:
        """Return a build file's text, "" where it is missing, too large or unreadable."""
        file = self.root / path
        try:
            if file.is_symlink() or file.stat().st_size > MAX_BUILD_FILE_BYTES:
                return ""
            return file.read_text("utf-8", "replace")
        except OSError:
            return ""
