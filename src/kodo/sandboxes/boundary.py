"""The border of the workspace for files that kodo itself reads and writes.

Maps paths to the host (a scratch copy lies elsewhere), and guards that neither `..` nor a symlink,
nor one that is swapped in meanwhile, leads out. Knows nothing of processes.
"""

import os
import stat
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

import msgspec

from kodo.base.errors import ToolError
from kodo.sandboxes.home import hidden, possible_credentials
from kodo.sandboxes.jail import Jail

MAX_READ_BYTES = 256 << 20
_PROTECTED = frozenset({".git", ".kodo"})
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Place(msgspec.Struct, frozen=True):
    """A file inside the border: `parts` below the folder `base` on the host, without symlinks."""

    base: Path
    parts: tuple[str, ...]
    shared: bool

    @property
    def path(self) -> Path:
        """The path on the host."""
        return self.base.joinpath(*self.parts)


class Boundary:
    """Reads and writes files below a workspace, and nowhere else."""

    __slots__ = ("_hidden", "_jail", "root")

    def __init__(self, jail: Jail) -> None:
        self._jail = jail
        self.root = jail.host_root or jail.workspace
        self._hidden = _hidden(jail)

    def locate(self, path: Path) -> Place:
        """Return where `path` lies on the host.

        Raises ToolError where that is outside, or a credential that lies inside.
        """
        place = self._place(path)
        if any(place.parts[: len(top)] == top for top in self._hidden):
            raise ToolError(f"path {str(path)!r} holds credentials and is hidden from this run")
        return place

    def _place(self, path: Path) -> Place:
        workspace = self._jail.workspace
        at = path if path.is_absolute() else workspace / path
        for _ in range(8):
            if self.root != workspace and (below := _below(at, workspace)) is not None:
                shared = self._is_shared(below)
                at = (workspace if shared else self.root).joinpath(*below)
            try:
                real = Path(os.path.realpath(at))
            except (ValueError, OSError) as error:
                raise ToolError(f"path {str(path)!r} cannot be used: {error}") from error
            if (below := _below(real, self.root)) is not None:
                return Place(self.root, below, shared=False)
            if self.root == workspace or (below := _below(real, workspace)) is None:
                break
            if self._is_shared(below):
                return Place(workspace, below, shared=True)
            at = real
        raise ToolError(
            f"path {str(path)!r} is outside the workspace {str(workspace)!r}"
            " (symlinks are followed); use a path inside it"
        )

    def read(self, path: Path) -> bytes:
        """Return a regular file's bytes. Raises ToolError for anything else."""
        place = self.locate(path)
        if not place.parts:
            raise ToolError(f"{str(path)!r} is a folder; use list")
        try:
            with _folder(place, make=False) as folder:
                flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
                with open(os.open(place.parts[-1], flags, dir_fd=folder), "rb") as stream:  # noqa: PTH123
                    found = os.fstat(stream.fileno())
                    if not stat.S_ISREG(found.st_mode):
                        raise ToolError(f"{str(path)!r} is not a regular file")
                    if found.st_size > MAX_READ_BYTES:
                        raise ToolError(
                            f"{str(path)!r} has {found.st_size} bytes; the limit is"
                            f" {MAX_READ_BYTES}. Look at parts of it with shell"
                        )
                    return stream.read()
        except OSError as error:
            _refuse("read", path, error)

    def write(self, path: Path, data: bytes | None) -> None:
        """Replace a file atomically, keeping its mode; None removes it (the target of a symlink).

        Raises ToolError where it may not.
        """
        place = self._writable(path)
        try:
            with _folder(place, make=data is not None) as folder:
                if data is None:
                    os.unlink(place.parts[-1], dir_fd=folder)
                else:
                    _replace(folder, place.parts[-1], data, path)
        except OSError as error:
            _refuse("delete" if data is None else "write", path, error)

    def cwd(self, path: Path | None) -> Place:
        """Return the folder in which a command is to run. Raises ToolError where there is none."""
        place = self.locate(path if path is not None else self._jail.workspace)
        if not place.path.is_dir():
            raise ToolError(f"working folder {str(path)!r} does not exist or is not a folder")
        return place

    def _writable(self, path: Path) -> Place:
        if self._jail.profile == "read-only":
            raise ToolError(f"cannot write {str(path)!r}: this run is read-only")
        place = self.locate(path)
        if not place.parts:
            raise ToolError(f"{str(path)!r} is a folder and cannot be written")
        if place.shared:
            raise ToolError(f"cannot write {str(path)!r}: that folder is shared and read-only")
        if ".git" in place.parts or place.parts[0] in _PROTECTED:
            raise ToolError(f"cannot write {str(path)!r}: .git and .kodo are protected")
        return place

    def _is_shared(self, parts: tuple[str, ...]) -> bool:
        return any(parts[: len(top)] == top for top in map(_parts, self._jail.shared))


def _hidden(jail: Jail) -> frozenset[tuple[str, ...]]:
    """Return what is secret below the workspace: where it would lie, and where it really lies."""
    lexical = [*possible_credentials(jail.home), *jail.secrets]
    found = {_below(path, jail.workspace) for path in (*lexical, *hidden(jail.home, jail.secrets))}
    return frozenset(parts for parts in found if parts)


def _parts(relative: str) -> tuple[str, ...]:
    return tuple(relative.split("/"))


def _below(path: Path, folder: Path) -> tuple[str, ...] | None:
    """Return the parts of `path` below `folder`, or None where it is not below it."""
    if ".." in path.parts:
        path = Path(os.path.realpath(path))
    depth = len(folder.parts)
    return path.parts[depth:] if path.parts[:depth] == folder.parts else None


@contextmanager
def _folder(place: Place, *, make: bool) -> Generator[int]:
    """Open the folder of a place step by step, following no symlink on the way."""
    at = os.open(place.base, _FOLDER)
    try:
        for name in place.parts[:-1]:
            if make:
                with suppress(FileExistsError):
                    os.mkdir(name, dir_fd=at)
            below = os.open(name, _FOLDER, dir_fd=at)
            os.close(at)
            at = below
        yield at
    finally:
        os.close(at)


def _replace(folder: int, name: str, data: bytes, path: Path) -> None:
    try:
        old = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        old = None
    if old is not None and not stat.S_ISREG(old.st_mode):
        kind = "a folder" if stat.S_ISDIR(old.st_mode) else "not a regular file"
        raise ToolError(f"cannot write {str(path)!r}: it is {kind}")
    temporary = f".{name[:80]}.{os.getpid()}-{id(data):x}.tmp"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    handle = os.open(temporary, flags, 0o666, dir_fd=folder)
    try:
        with open(handle, "wb") as stream:  # noqa: PTH123
            stream.write(data)
            if old is not None:
                if (old.st_uid, old.st_gid) != (os.geteuid(), os.getegid()):
                    with suppress(PermissionError):
                        os.fchown(stream.fileno(), old.st_uid, old.st_gid)
                os.fchmod(stream.fileno(), stat.S_IMODE(old.st_mode))
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary, dir_fd=folder)
        raise


def _refuse(act: str, path: Path, error: OSError) -> NoReturn:
    if isinstance(error, IsADirectoryError):
        raise ToolError(f"cannot {act} {str(path)!r}: it is a folder") from error
    if isinstance(error, FileNotFoundError):
        raise ToolError(f"cannot {act} {str(path)!r}: it does not exist") from error
    raise ToolError(f"cannot {act} {str(path)!r}: {error.strerror}") from error
