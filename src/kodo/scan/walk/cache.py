"""What earlier scans found, by content: a file whose bytes and rules are the same is not redone.

One msgpack file. Guards that other rules, other detectors or another kodo never see stale findings,
and that a damaged cache is no error.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from kodo.core.messages import Value
from kodo.scan.file_scan import Scanned
from kodo.scan.secrets.finder import VERSION as SECRETS_VERSION

FORMAT = 2
MAX_ENTRIES = 100_000


class Cached(Value, frozen=True):
    """A file's digest when it was scanned, and what that gave."""

    digest: bytes
    scanned: Scanned


class _CacheFile(Value, frozen=True):
    key: str
    files: dict[str, Cached]


_DECODER = msgspec.msgpack.Decoder(_CacheFile)
_ENCODER = msgspec.msgpack.Encoder()


class ScanCache:
    """The cache of one project. `rules` names rules and engine; `path` None keeps nothing."""

    __slots__ = ("_changed", "_files", "_key", "_path")

    def __init__(self, path: Path | None, rules: str) -> None:
        self._path = path
        self._key = f"{FORMAT}.{SECRETS_VERSION}.{rules}"
        self._files: dict[str, Cached] = {}
        self._changed = False
        if path is None:
            return
        try:
            found = _DECODER.decode(path.read_bytes())
        except (OSError, msgspec.DecodeError):
            return
        if found.key == self._key:
            self._files = found.files

    def get(self, path: str, digest: bytes, now: Callable[[str], bytes]) -> Scanned | None:
        """Return what the file gave when its content was `digest`.

        `now` tells the present digest of other files: those that the result depends on.
        """
        cached = self._files.get(path)
        if cached is None or cached.digest != digest:
            return None
        asked = cached.scanned.asked
        return cached.scanned if all(now(name) == was for name, was in asked.items()) else None

    def put(self, path: str, digest: bytes, scanned: Scanned) -> None:
        """Keep a result. What a deadline cut short is not kept: another try may see more."""
        if "deadline" in scanned.report.partial:
            return
        self._files[path] = Cached(digest, scanned)
        self._changed = True

    def all(self) -> list[Scanned]:
        """Return everything that is kept."""
        return [cached.scanned for cached in self._files.values()]

    def save(self, seen: set[str], places: Sequence[str] = ("",)) -> None:
        """Write the cache; files below `places` that this scan did not see are dropped."""
        if self._path is None:
            return
        folders = tuple(f"{place}/" if place else "" for place in places if place not in seen)
        gone = [path for path in self._files if path.startswith(folders) and path not in seen]
        for path in gone:
            del self._files[path]
            self._changed = True
        if not self._changed:
            return
        for path in list(self._files)[: max(0, len(self._files) - MAX_ENTRIES)]:
            del self._files[path]
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            beside = self._path.with_name(f"{self._path.name}.{os.getpid()}")
            beside.write_bytes(_ENCODER.encode(_CacheFile(self._key, self._files)))
            beside.replace(self._path)
        except OSError:
            return
