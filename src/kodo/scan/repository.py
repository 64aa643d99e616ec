"""The other files of a repository, as the engine asks for them, with a record of what it asked.

Knows paths, not code. Guards that nothing outside the root is read, and that a result which depends
on other files can be told to be stale.
"""

from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path

from kodo.scan.content import MAX_FILE_BYTES, to_utf8

ABSENT = b""
"""The digest of a file that is not there."""


def digest_of(data: bytes) -> bytes:
    """Return the 16 bytes by which a content is known."""
    return blake2b(data, digest_size=16).digest()


class RepositoryFiles:
    """Reads files below `root`; None as root has none. `overlay` stands before what is on disk."""

    __slots__ = ("_asked", "_folders", "_known", "_root", "overlay")

    def __init__(self, root: Path | None) -> None:
        self._root = None if root is None else root.resolve()
        self._asked: dict[str, bytes] = {}
        self._known: dict[str, tuple[bytes | None, bytes]] = {}
        self._folders: dict[str, frozenset[str]] = {}
        self.overlay: Mapping[str, bytes | None] = {}

    def read(self, path: str) -> bytes | None:
        """Return a file as UTF-8 by its path from the root; None where there is none to scan."""
        if path in self.overlay:
            raw = self.overlay[path]
            self._asked[path] = ABSENT if raw is None else digest_of(raw)
            return None if raw is None else to_utf8(raw)
        known = self._known.get(path)
        if known is None:
            raw = self._from_disk(path)
            text = None if raw is None else to_utf8(raw)
            known = self._known[path] = (text, ABSENT if raw is None else digest_of(raw))
        self._asked[path] = known[1]
        return known[0]

    def take_asked(self) -> dict[str, bytes]:
        """Return the digests of the files that were asked for since the last call."""
        asked, self._asked = self._asked, {}
        return asked

    def forget(self) -> None:
        """Read from disk again: files may have changed."""
        self._known.clear()
        self._folders.clear()

    def _from_disk(self, path: str) -> bytes | None:
        if self._root is None or path.startswith("/") or ".." in path.split("/"):
            return None
        folder, _, name = path.rpartition("/")
        plain = "//" not in path and "./" not in path
        if plain and name not in self._names_in(self._root, folder):
            return None
        return _read_inside(self._root, path)

    def _names_in(self, root: Path, folder: str) -> frozenset[str]:
        """Return what is in a folder. Most of the paths that are asked for are of no file, and a
        folder is listed once."""
        known = self._folders.get(folder)
        if known is None:
            above, _, name = folder.rpartition("/")
            known = frozenset[str]()
            if not folder or name in self._names_in(root, above):
                try:
                    known = frozenset(one.name for one in (root / folder).iterdir())
                except OSError:
                    known = frozenset[str]()
            self._folders[folder] = known
        return known


def _read_inside(root: Path, path: str) -> bytes | None:
    full = root / path
    try:
        if not full.is_file() or not full.resolve().is_relative_to(root):
            return None
        with full.open("rb") as stream:
            data = stream.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError):
        return None
    return data if len(data) <= MAX_FILE_BYTES else None
