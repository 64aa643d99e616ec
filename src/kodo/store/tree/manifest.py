"""The manifest: what the files of a workspace were, as a value that names their contents.

Does not know how files are read or written. Guards that equal states have equal manifests, and
that what a manifest did not cover is never taken for a file that is absent.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from kodo.base.errors import StoreError
from kodo.core.messages import Value


class FileState(Value, frozen=True, array_like=True):
    """One file or folder. `mode` holds the permission bits, `size` is in bytes.

    A regular file has a `digest` (the blob of its content), a symbolic link a `target`; the path of
    a folder ends in `/`. Names that are not UTF-8 are as `os.fsdecode` gives them.
    """

    path: str
    mode: int
    size: int
    digest: str = ""
    target: str | None = None

    @property
    def is_folder(self) -> bool:
        """Tell whether this is a folder."""
        return self.path.endswith("/")


class Uncovered(Value, frozen=True, array_like=True):
    """Something that a snapshot does not hold, and why.

    `path` is relative to the workspace; a folder ends in `/` and stands for all beneath it that
    the manifest does not list. The workspace itself is `./`. Where two marks of one path differ, it
    was changed in between; an empty mark tells nothing.
    """

    path: str
    reason: str
    mark: str = ""


class Manifest(Value, frozen=True):
    """A state, whole (`base` None) or as the difference to the whole manifest `base`.

    `files` are sorted by path; `gone` are the files of `base` that this state has not. Version 1
    does not tell folders. A path or target that is not UTF-8 stands as NUL and its bytes in hex.
    """

    version: Literal[1, 2]
    files: tuple[FileState, ...]
    base: str | None = None
    gone: tuple[str, ...] = ()
    uncovered: tuple[Uncovered, ...] = ()


class State:
    """The files and folders of a workspace at one time, by path, and what was not covered."""

    __slots__ = ("_beneath", "_paths", "files", "knows_folders", "uncovered")

    def __init__(
        self,
        files: Mapping[str, FileState],
        uncovered: Iterable[Uncovered] = (),
        *,
        knows_folders: bool = True,
    ) -> None:
        self.files = files
        self.uncovered = tuple(sorted(uncovered, key=lambda item: item.path))
        self.knows_folders = knows_folders
        self._paths = {item.path for item in self.uncovered}
        self._beneath = any(item.path.endswith("/") for item in self.uncovered)

    def same(self, other: "State") -> bool:
        """Tell whether both are the same files and leave out the same."""
        return (
            (self.files is other.files or self.files == other.files)
            and self.uncovered == other.uncovered
            and self.knows_folders == other.knows_folders
        )

    def knows(self, path: str) -> bool:
        """Tell whether this state can say that `path` was there, or that it was not."""
        if path in self.files:
            return True
        if not self.knows_folders and path.endswith("/"):
            return False
        if not self._paths:
            return True
        if path in self._paths:
            return False
        if not self._beneath:
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
    early, late = before.files, after.files
    differing = [path for path, file in early.items() if _differ(late.get(path), file)]
    differing += late.keys() - early.keys()
    return sorted(path for path in differing if before.knows(path) and after.knows(path))


def _differ(one: FileState | None, other: FileState | None) -> bool:
    return one is not other and one != other


def encode_whole(state: State) -> bytes:
    """Return a manifest of the whole state."""
    return _encode(state, [state.files[path] for path in sorted(state.files)])


def encode_difference(state: State, base: State, base_name: str) -> bytes | None:
    """Return a manifest of what differs from `base`; None where a whole one is the better one.

    A whole one is better once an eighth of the files differ, since a reader then has two to read.
    """
    known = base.files
    if len(known) < 64 or state.knows_folders != base.knows_folders:
        return None
    changed = [file for path, file in state.files.items() if _differ(known.get(path), file)]
    gone = sorted(known.keys() - state.files.keys())
    if 8 * (len(changed) + len(gone)) > len(known):
        return None
    return _encode(state, sorted(changed, key=lambda file: file.path), base_name, gone)


def _encode(
    state: State, files: Sequence[FileState], base: str | None = None, gone: Sequence[str] = ()
) -> bytes:
    return _ENCODER.encode(
        Manifest(
            2 if state.knows_folders else 1,
            tuple(storable(file) for file in files),
            base,
            tuple(_stored(path) for path in gone),
            tuple(
                item
                if _is_text(item.path)
                else Uncovered(_stored(item.path), item.reason, item.mark)
                for item in state.uncovered
            ),
        )
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
        files = {file.path: file for file in map(named, base.files)}
        for path in manifest.gone:
            files.pop(_name(path), None)
    files.update((file.path, file) for file in map(named, manifest.files))
    uncovered = [Uncovered(_name(item.path), item.reason, item.mark) for item in manifest.uncovered]
    return State(files, uncovered, knows_folders=manifest.version >= 2)


def storable(file: FileState) -> FileState:
    """Return the file with a path and target that JSON can hold; `named` is the way back."""
    if _is_text(file.path) and (file.target is None or _is_text(file.target)):
        return file
    target = None if file.target is None else _stored(file.target)
    return FileState(_stored(file.path), file.mode, file.size, file.digest, target)


def named(file: FileState) -> FileState:
    """Return the file that `storable` was given."""
    if not file.path.startswith("\0") and (file.target is None or "\0" not in file.target):
        return file
    target = None if file.target is None else _name(file.target)
    return FileState(_name(file.path), file.mode, file.size, file.digest, target)


def _stored(path: str) -> str:
    return path if _is_text(path) else "\0" + os.fsencode(path).hex()


def _name(path: str) -> str:
    return os.fsdecode(bytes.fromhex(path[1:])) if path.startswith("\0") else path


def _is_text(path: str) -> bool:
    if path.isascii():
        return True
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Manifest)
