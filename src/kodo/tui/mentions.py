"""Files named in a message as `@path`: completion while typing, their text beside the task.

Knows the workspace's files. Guards that nothing outside the workspace is read and that a large
or binary file is named, not pasted.
"""

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from kodo.base.text import repair_utf8
from kodo.tui.ansi import safe

MAX_FILES = 20_000
MAX_OFFERED = 50
MAX_ATTACHED_BYTES = 16 << 10
_SKIPPED = frozenset(
    {".git", "node_modules", "target", "dist", "build", "__pycache__", ".venv", ".tox", "vendor"}
)
_MENTION = re.compile(r"(?<!\S)@([^\s@]+)")


def workspace_files(root: Path) -> Iterator[str]:
    """Yield relative paths of files, at most 20,000, without folders of builds and packages."""
    count = 0
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED)
        for name in sorted(files):
            yield str((Path(folder) / name).relative_to(root))
            count += 1
            if count >= MAX_FILES:
                return


class ChatCompleter(Completer):
    """Completes slash commands at the start of the line and `@path` anywhere."""

    def __init__(self, root: Path, commands: Iterable[tuple[str, str]]) -> None:
        self._root = root
        self._commands = tuple(commands)
        self._files: list[str] | None = None

    def refresh(self) -> None:
        """Forget the list of files; the next `@` walks the workspace again."""
        self._files = None

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterator[Completion]:
        """Yield what fits the word before the cursor."""
        text = document.text_before_cursor
        if text.startswith("/") and " " not in text:
            for name, summary in self._commands:
                if name.startswith(text):
                    yield Completion(name, -len(text), display_meta=summary)
            return
        found = re.search(r"(?<!\S)@([^\s@]*)$", text)
        if found is None:
            return
        if self._files is None:
            self._files = list(workspace_files(self._root))
        wanted = found[1].lower()
        offered = 0
        for path in self._files:
            if wanted in path.lower() and path.isprintable() and " " not in path:
                yield Completion(path, -len(found[1]))
                offered += 1
                if offered >= MAX_OFFERED:
                    return


def attach_mentions(text: str, root: Path) -> str:
    """Return the message with the text of each mentioned file behind it.

    What is not a file of the workspace stays a plain word.
    """
    attached: list[str] = []
    for name in dict.fromkeys(_MENTION.findall(text)):
        path = root / name.rstrip(".,;:!?")
        try:
            if not path.is_file() or not path.resolve().is_relative_to(root.resolve()):
                continue
            with path.open("rb") as stream:
                data = stream.read(MAX_ATTACHED_BYTES + 1)
        except OSError:
            continue
        shown = safe(str(path.relative_to(root)))
        if len(data) > MAX_ATTACHED_BYTES or b"\0" in data:
            attached.append(f"[{shown} is large or binary: read what you need of it]")
        else:
            attached.append(f"{shown}:\n```\n{repair_utf8(data).rstrip()}\n```")
    return "\n\n".join((text, *attached))
