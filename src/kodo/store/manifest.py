"""The manifest: what the files of a workspace were, as a value that names their contents.

Does not know how files are read or written. Guards that equal states have equal manifests, and
that what a manifest did not cover is never taken for a file that is absent.
"""

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from kodo.base.errors import StoreError
from kodo.core.messages import Value


class FileState(Value, frozen=True, array_like=True):
    """One file. `mode` holds the nine permission bits, `size` is in bytes.

    A regular file has a `digest` (the blob of its content), a symbolic link a `target`.
    """

    path: str
    mode: int
    size: int
    digest: str = ""
    target: str | None = None


class Uncovered(Value, frozen=True, array_like=True):
    """Something that a snapshot does not hold, and why.

    `path` is relative to the workspace; a folder ends in `/` and stands for all beneath it that
    the manifest does not list. The workspace itself is `./`.
    """

    path: str
    reason: str


class Manifest(Value, frozen=True):
    """A state, whole (`base` None) or as the difference to the whole manifest `base`.

    `files` are sorted by path; `gone` are the files of `base` that this state has not.
    """

    version: Literal[1]
    files: tuple[FileState, ...]
    base: str | None = None
    gone: tuple[str, ...] = ()
    uncovered: tuple[Uncovered, ...] = ()


class State:
    """The files of a workspace at one time, by path, and what was not covered."""

    __slots__ = ("_folders", "_paths", "files", "uncovered")

    def __init__(self, files: Mapping[str, FileState], uncovered: Iterable[Uncovered] = ()) -> None:
        self.files = files
        self.uncovered = tuple(sorted(uncovered, key=lambda item: item.path))
        self._paths = {item.path for item in self.uncovered}
        self._folders = any(item.path.endswith("/") for item in self.uncovered)

    def same(self, other: "State") -> bool:
        """Tell whether both are the same files and leave out the same."""
        return self.files == other.files and self.uncovered == other.uncovered

    def knows(self, path: str) -> bool:
        """Tell whether this state can say that `path` was there, or that it was not."""
        if path in self.files or not self._paths:
            return True
        if path in self._paths:
            return False
        if not self._folders:
            return True
        if "./" in self._paths:
            return False
        at = path.find("/")
        while at != -1:
            if path[: at + 1] in self._paths:
                return False
            at = path.find("/", at + 1)
        return True


def differences(before: State, after: State) -> list[str]:
    """Return the sorted paths that differ, without those that one of the two does not know."""
    return sorted(
        path
        for path in before.files.keys() | after.files.keys()
        if before.files.get(path) != after.files.get(path)
        and before.knows(path)
        and after.knows(path)
    )


def encode_whole(state: State) -> bytes:
    """Return a manifest of the whole state."""
    files = tuple(state.files[path] for path in sorted(state.files))
    return _ENCODER.encode(Manifest(1, files, uncovered=state.uncovered))


def encode_difference(state: State, base: State, base_name: str) -> bytes | None:
    """Return a manifest of what differs from `base`; None where a whole one is the better one.

    A whole one is better once an eighth of the files differ, since a reader then has two to read.
    """
    changed = [file for path, file in sorted(state.files.items()) if base.files.get(path) != file]
    gone = sorted(base.files.keys() - state.files.keys())
    if len(base.files) < 64 or 8 * (len(changed) + len(gone)) > len(base.files):
        return None
    return _ENCODER.encode(
        Manifest(1, tuple(changed), base_name, tuple(gone), uncovered=state.uncovered)
    )


def decode_manifest(data: bytes, name: str) -> Manifest:
    """Return the manifest. Raises StoreError where the blob `name` is not one."""
    try:
        return _DECODER.decode(data)
    except msgspec.DecodeError as error:
        raise StoreError(f"blob {name!r} is not a snapshot: {error}") from error


def resolve(manifest: Manifest, base: Manifest | None = None) -> State:
    """Return the state that a manifest tells; `base` is the manifest that it names."""
    files: dict[str, FileState] = {}
    if base is not None:
        files = {file.path: file for file in base.files}
        for path in manifest.gone:
            files.pop(path, None)
    files.update((file.path, file) for file in manifest.files)
    return State(files, manifest.uncovered)


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Manifest)
