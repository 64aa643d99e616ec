"""Copies a workspace: sources as files, large dependency folders left where they are.

Guards caps on size and number, so that a scratch copy never fills a disk. Knows no sandbox.
"""

import errno
import fcntl
import os
import shutil
import stat
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from kodo.base.errors import SandboxError
from kodo.core.messages import Value

_DEPENDENCIES = frozenset(
    {"node_modules", ".venv", "venv", "env", "vendor", "bower_components", ".tox", ".nox", ".eggs"}
)
_BUILD_OUTPUTS = frozenset(
    {"target", "build", "dist", ".gradle", ".next", ".nuxt", ".cache", "out", "bin", "obj"}
    | {"__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".parcel-cache", "coverage"}
)
_FICLONE = 0x40049409


class CopyLimits(Value, frozen=True):
    """What a copy may hold. A dependency folder above `folder_*` is shared, not copied.

    A build output above `folder_bytes` is left out: it is written to, and so cannot be shared.
    """

    total_bytes: int = 512 << 20
    total_files: int = 50_000
    folder_bytes: int = 16 << 20
    folder_files: int = 1_000


class Copied(msgspec.Struct):
    """What a copy came to. `shared` and `left_out` are folders relative to the workspace."""

    files: int = 0
    size_bytes: int = 0
    shared: list[str] = msgspec.field(default_factory=list[str])
    left_out: list[str] = msgspec.field(default_factory=list[str])


class _Step(msgspec.Struct):
    source: Path
    target: Path
    relative: str


def copy_workspace(
    workspace: Path,
    into: Path,
    *,
    limits: CopyLimits,
    share_git: bool,
    hidden: Collection[Path] = (),
) -> Copied:
    """Copy `workspace` into the empty folder `into`, keeping modes, times and symlinks.

    A shared folder is left as an empty folder; showing it there is the caller's task. `.git` is
    shared where `share_git`, else it is treated as a build output. Sockets, pipes and devices are
    left out, and so is everything in `hidden`. Raises SandboxError where the caps are passed or
    the disk is full.
    """
    done = Copied()
    cloning = _Cloning()
    try:
        steps = [_Step(workspace, into, "")]
        while steps:
            step = steps.pop()
            for entry in _entries(step.source):
                relative = f"{step.relative}/{entry.name}" if step.relative else entry.name
                target = step.target / entry.name
                if hidden and Path(entry.path) in hidden:
                    continue
                if entry.is_symlink():
                    target.symlink_to(Path(entry.path).readlink())
                elif entry.is_dir():
                    target.mkdir()
                    if _leaves(entry, relative, done, limits, share_git=share_git):
                        continue
                    steps.append(_Step(Path(entry.path), target, relative))
                elif entry.is_file():
                    found = entry.stat()
                    done.files += 1
                    done.size_bytes += found.st_size
                    _check(done, limits, workspace)
                    cloning.copy(entry.path, target, found)
            with suppress(OSError):
                shutil.copystat(step.source, step.target)
    except OSError as error:
        raise SandboxError(f"cannot copy {str(workspace)!r}: {error}") from error
    return done


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as found:
        return list(found)


def _leaves(
    entry: os.DirEntry[str], relative: str, done: Copied, limits: CopyLimits, *, share_git: bool
) -> bool:
    """Decide whether a folder stays behind, and note which way."""
    if entry.name == ".git" and share_git:
        done.shared.append(relative)
        return True
    if entry.name in _DEPENDENCIES:
        if _is_larger(entry.path, limits.folder_bytes, limits.folder_files):
            done.shared.append(relative)
            return True
    elif (entry.name in _BUILD_OUTPUTS or entry.name == ".git") and _is_larger(
        entry.path, limits.total_bytes // 4, limits.total_files // 4
    ):
        done.left_out.append(relative)
        return True
    return False


def _is_larger(folder: str, size_bytes: int, files: int) -> bool:
    for found in _sizes(folder):
        size_bytes -= found
        files -= 1
        if size_bytes < 0 or files < 0:
            return True
    return False


def _sizes(folder: str) -> Iterator[int]:
    folders = [folder]
    while folders:
        for entry in _entries(Path(folders.pop())):
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.path)
            elif entry.is_file(follow_symlinks=False):
                yield entry.stat(follow_symlinks=False).st_size


def _check(done: Copied, limits: CopyLimits, workspace: Path) -> None:
    if done.files > limits.total_files or done.size_bytes > limits.total_bytes:
        raise SandboxError(
            f"workspace {str(workspace)!r} is too large for a scratch copy: more than"
            f" {limits.total_files} files or {limits.total_bytes >> 20} MiB; work in place"
        )


class _Cloning:
    """Copies files, sharing their blocks where the file system can (and asking only once)."""

    __slots__ = ("_possible",)

    def __init__(self) -> None:
        self._possible = True

    def copy(self, source: str, target: Path, found: os.stat_result) -> None:
        if not (self._possible and self._clone(source, target)):
            shutil.copyfile(source, target, follow_symlinks=False)
        target.chmod(stat.S_IMODE(found.st_mode))
        os.utime(target, ns=(found.st_atime_ns, found.st_mtime_ns))

    def _clone(self, source: str, target: Path) -> bool:
        with open(source, "rb") as reader, target.open("wb") as writer:  # noqa: PTH123
            try:
                fcntl.ioctl(writer.fileno(), _FICLONE, reader.fileno())
            except OSError as error:
                if error.errno not in {
                    errno.EOPNOTSUPP,
                    errno.EXDEV,
                    errno.EINVAL,
                    errno.ENOTTY,
                    errno.EPERM,
                }:
                    raise
                self._possible = False
                return False
        return True
