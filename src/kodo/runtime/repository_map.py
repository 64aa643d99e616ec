"""The repository map of a workspace: read when a session begins, renewed while a model works.

Does not know what ranks. Guards the prefix of prompts: a session keeps the map it began with, and a
renewed one counts from the next session on. Files are parsed a little at a time, off the turn.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from anyio import to_thread

from kodo.base.hashing import sha256_hex
from kodo.base.ignoring import walk
from kodo.runtime.registry import MEMORY, load

SMALLEST_WINDOW_TOKENS = 24_000
"""A smaller window has better uses for its tokens."""

MAX_FILES = 3_000
MAX_TOTAL_BYTES = 12 << 20
MAX_FILE_BYTES = 512 << 10
WORK_S = 1.0  # of CPU, for parsing what is new, each time

_TEXT, _TAGS = "map.txt", "tags.bin"


class RepositoryMap:
    """The map of one workspace, kept in files below `folder`."""

    def __init__(self, folder: Path, workspace: Path) -> None:
        name = sha256_hex(os.fsencode(os.path.realpath(workspace)))[:16]
        self._folder = folder / "maps" / name
        self._workspace = workspace
        self._cache: Any = None
        self._written: bytes | None = None

    def text(self, window_tokens: int) -> str:
        """Return the map for a model with such a window; "" where there is none yet."""
        if window_tokens < SMALLEST_WINDOW_TOKENS:
            return ""
        return _read(self._folder / _TEXT).decode("utf-8", "replace").strip()

    async def refresh(self) -> bool:
        """Take in files that are new or changed, for about a second; returns whether all are in.

        A folder that cannot be written leaves the map as it was.
        """
        return await to_thread.run_sync(self._refresh)

    def _refresh(self) -> bool:
        if self._cache is None:
            self._cache = load(MEMORY, "tags")(_read(self._folder / _TAGS))
        spent: Callable[[], float] = time.thread_time
        began_s = spent()
        tags: dict[str, Any] = {}
        whole = True
        for path, source in self._sources():
            if spent() - began_s > WORK_S:
                whole = False
                break
            found = self._cache.tags(path, source)
            if found is not None:
                tags[path] = found
        if not whole and (self._folder / _TEXT).exists():
            return False  # half a map is worth something only where there was none
        written: bytes = self._cache.encode()
        if written != self._written:
            text: str = load(MEMORY, "map")(tags)
            self._written = written
            if not (_write(self._folder / _TAGS, written) and _write_text(self._folder, text)):
                return True
        return whole

    def _sources(self) -> Iterator[tuple[str, bytes]]:
        known_language: Callable[[str], str | None] = load(MEMORY, "language_of")
        left = MAX_TOTAL_BYTES
        count = 0
        for found in walk(self._workspace):
            if found.is_folder or known_language(found.path) is None:
                continue
            file = self._workspace / found.path
            try:
                if file.is_symlink() or file.stat().st_size > MAX_FILE_BYTES:
                    continue
                source = file.read_bytes()
            except OSError:
                continue
            left -= len(source)
            count += 1
            if left < 0 or count > MAX_FILES:
                return
            yield found.path, source


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _write_text(folder: Path, text: str) -> bool:
    return _write(folder / _TEXT, text.encode("utf-8", "replace"))


def _write(path: Path, data: bytes) -> bool:
    """Write a file whole or not at all; returns whether it could be."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd, name = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(fd, "wb") as stream:
            stream.write(data)
        Path(name).replace(path)
    except OSError:
        return False
    return True
