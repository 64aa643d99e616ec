"""The restore: bringing files to a wanted state, after proof that nobody's work is lost.

Does not know snapshots or blobs; it is given contents. Guards that nothing outside the workspace
is touched (no link is followed), that files are replaced whole, and that all is checked first.
"""

import errno
import hashlib
import os
import stat
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from kodo.base.errors import ToolError
from kodo.base.hashing import new_id
from kodo.store.manifest import FileState
from kodo.store.walk import STAGING_PREFIX

_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_ABSENT_ERRORS = frozenset((errno.ENOENT, errno.ENOTDIR, errno.ELOOP))


class Step(msgspec.Struct, frozen=True):
    """One path to bring from `now` to `wanted` (None: absent). `now_data` is what is there."""

    path: str
    now: FileState | None
    now_data: bytes | None
    wanted: FileState | None


def plan(
    root: Path,
    paths: Iterable[str],
    expected: Mapping[str, FileState],
    wanted: Mapping[str, FileState],
    *,
    force: bool,
) -> list[Step]:
    """Look at the files as they are, and return what is to be done. Touches nothing. Blocks.

    Raises ToolError naming the files that are neither as expected nor as wanted (unless `force`),
    and whatever stands in the way of a file without being one of `paths`.
    """
    steps: list[Step] = []
    changed: list[str] = []
    with _opened(root) as top:
        for path in paths:
            now, data = _observe(top, path)
            if now == wanted.get(path):
                continue
            if now != expected.get(path) and not force:
                changed.append(path)
            steps.append(Step(path, now, data, wanted.get(path)))
        if changed:
            shown = ", ".join(repr(path) for path in changed[:5])
            more = f" and {len(changed) - 5} more" if len(changed) > 5 else ""
            raise ToolError(
                f"changed since the last recorded step: {shown}{more}; nothing was touched. Save "
                "what you need of it, then do it again with force"
            )
        _check_room(top, steps)
    return steps


def apply(root: Path, steps: list[Step], contents: Mapping[str, bytes]) -> None:
    """Carry out a plan; `contents` holds the bytes of every wanted digest. Blocks.

    New contents are written beside first, so a full disk is met before a file is touched. Empty
    folders stay, save where a file takes their name. Doing it again after a failure goes on where
    it stopped. Raises ToolError.
    """
    staging = root / f"{STAGING_PREFIX}{new_id()}"
    try:
        staging.mkdir(0o700)
    except OSError as error:
        raise ToolError(f"cannot write to {str(root)!r}: {error.strerror}") from error
    path = ""
    try:
        staged: list[tuple[Step, str]] = []
        for number, step in enumerate(steps):
            path = step.path
            if step.wanted is not None:
                at = f"{staging}/{number}"
                _stage(at, step.wanted, contents)
                staged.append((step, at))
        with _opened(root) as top:
            for step in steps:
                path = step.path
                if step.wanted is None:
                    with _parent(top, path, make=False) as (folder, name):
                        if folder is not None:
                            with suppress(FileNotFoundError):
                                os.unlink(name, dir_fd=folder)
            for step, at in staged:
                path = step.path
                with _parent(top, path, make=True) as (folder, name):
                    assert folder is not None
                    _clear_empty_folder(folder, name)
                    os.rename(at, name, dst_dir_fd=folder)
    except OSError as error:
        raise ToolError(
            f"cannot restore {path!r}: {error.strerror}; what was not reached is as before, "
            "and doing it again goes on from here"
        ) from error
    finally:
        _remove_staging(staging, len(steps))


def _remove_staging(staging: Path, count: int) -> None:
    with suppress(OSError):  # a leftover is skipped by the walk, and harms nothing
        for number in range(count):
            (staging / str(number)).unlink(missing_ok=True)
        staging.rmdir()


def _stage(at: str, wanted: FileState, contents: Mapping[str, bytes]) -> None:
    if wanted.target is not None:
        os.symlink(wanted.target, at)  # noqa: PTH211 - Path would tidy the target
        return
    fd = os.open(at, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as stream:
        stream.write(contents[wanted.digest])
        os.fchmod(stream.fileno(), wanted.mode)


def _observe(top: int, path: str) -> tuple[FileState | None, bytes | None]:
    """Return the file at `path` and its bytes (a link's target); None for a folder or nothing.

    Something that cannot be read, or is neither file nor link, is a state equal to no other.
    """
    try:
        with _parent(top, path, make=False) as (folder, name):
            if folder is None:
                return None, None
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if stat.S_ISDIR(status.st_mode):
                return None, None
            if stat.S_ISLNK(status.st_mode):
                target = os.readlink(name, dir_fd=folder)
                data = os.fsencode(target)
                return FileState(path, 0o777, len(data), target=target), data
            if not stat.S_ISREG(status.st_mode):
                return FileState(path, 0, -1), None
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            with os.fdopen(os.open(name, flags, dir_fd=folder), "rb") as stream:
                data = stream.read()
    except FileNotFoundError:
        return None, None
    except OSError:
        return FileState(path, 0, -1), None
    digest = hashlib.sha256(data).hexdigest()
    return FileState(path, status.st_mode & 0o777, len(data), digest), data


def _check_room(top: int, steps: list[Step]) -> None:
    """Raise ToolError where a wanted file's place is taken by something that is not in the plan."""
    leaving = {step.path for step in steps if step.now is not None}
    for step in steps:
        if step.wanted is None:
            continue
        parts = step.path.split("/")
        for end in range(1, len(parts)):
            ancestor = "/".join(parts[:end])
            if ancestor in leaving:
                break  # a file of the plan, which goes before the folder is made
            if (there := _observe(top, ancestor)[0]) is not None:
                raise _in_the_way(step.path, there.path)
        for inner in _files_beneath(top, step.path):
            if inner not in leaving:
                raise _in_the_way(step.path, inner)


def _in_the_way(path: str, obstacle: str) -> ToolError:
    return ToolError(
        f"cannot restore {path!r}: {obstacle!r} stands in its place and is not kept in any "
        "snapshot; nothing was touched. Move it away and do it again"
    )


def _files_beneath(top: int, path: str) -> Iterator[str]:
    """Yield all that is not a folder beneath the folder `path`; nothing where it is none."""
    try:
        with _parent(top, f"{path}/-", make=False) as (folder, _):
            if folder is None:
                return
            with os.scandir(folder) as listing:
                entries = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in listing]
    except OSError:
        yield f"{path}/"
        return
    for name, is_folder in entries:
        if is_folder:
            yield from _files_beneath(top, f"{path}/{name}")
        else:
            yield f"{path}/{name}"


def _clear_empty_folder(folder: int, name: str) -> None:
    """Remove a tree of empty folders whose name a file takes; OSError where it holds a file."""
    try:
        inner = os.open(name, _FOLDER_FLAGS, dir_fd=folder)
    except OSError as error:
        if error.errno in _ABSENT_ERRORS:
            return
        raise
    try:
        for child in os.listdir(inner):  # noqa: PTH208 - of an open folder
            _clear_empty_folder(inner, child)
    finally:
        os.close(inner)
    os.rmdir(name, dir_fd=folder)


@contextmanager
def _opened(root: Path) -> Generator[int]:
    try:
        fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise ToolError(f"cannot open {str(root)!r}: {error.strerror}") from error
    try:
        yield fd
    finally:
        os.close(fd)


@contextmanager
def _parent(top: int, path: str, *, make: bool) -> Generator[tuple[int | None, str]]:
    """Open the folder that `path` lies in, step by step, following no link.

    Yields (None, name) where there is no such folder and `make` is False.
    """
    *folders, name = path.split("/")
    at = os.dup(top)
    try:
        for part in folders:
            try:
                if make:
                    with suppress(FileExistsError):
                        os.mkdir(part, dir_fd=at)
                inner = os.open(part, _FOLDER_FLAGS, dir_fd=at)
            except OSError as error:
                if make or error.errno not in _ABSENT_ERRORS:
                    raise
                break
            os.close(at)
            at = inner
        else:
            yield at, name
            return
        yield None, name
    finally:
        os.close(at)
