"""The plan of a restore: what is to be done to which file, after proof that nobody's work is lost.

Does not know snapshots or blobs. Guards that nothing outside the workspace is looked at (no link is
followed) and that whatever stands in the way is met before anything is touched.
"""

import errno
import hashlib
import os
import stat
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from kodo.base.errors import ToolError
from kodo.store.tree.manifest import FileState, State, differences

FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
ABSENT_ERRORS = frozenset((errno.ENOENT, errno.ENOTDIR, errno.ELOOP))
_OWNER = 0o700


class Step(msgspec.Struct, frozen=True):
    """One path to bring from `now` to `wanted` (None: absent). `now_data` is what is there."""

    path: str
    now: FileState | None
    now_data: bytes | None
    wanted: FileState | None

    @property
    def is_folder(self) -> bool:
        """Tell whether this is about a folder."""
        return self.path.endswith("/")


class Goal(msgspec.Struct, frozen=True):
    """What files are to become, by path, and what they are expected to be.

    `mixed` are those that somebody changed between the spans that are to be taken back.
    """

    wanted: dict[str, FileState | None] = {}  # msgspec makes a fresh one each time
    expected: dict[str, FileState | None] = msgspec.field(
        default_factory=dict[str, FileState | None]
    )
    mixed: set[str] = msgspec.field(default_factory=set[str])


class Plan(msgspec.Struct, frozen=True):
    """The steps, the files that are neither as expected nor as wanted, and what is in the way."""

    steps: tuple[Step, ...]
    changed: tuple[str, ...]
    obstacle: str = ""


def take_back(spans: Iterable[tuple[State, State]]) -> Goal:
    """Return the goal of taking back what changed in each span (before, after), oldest first."""
    goal = Goal()
    for before, after in spans:
        for path in differences(before, after):
            early = before.files.get(path)
            if path not in goal.wanted:
                goal.wanted[path] = early
            elif goal.expected[path] != early:
                goal.mixed.add(path)
            goal.expected[path] = after.files.get(path)
    for path in [path for path, wanted in goal.wanted.items() if wanted == goal.expected[path]]:
        if path not in goal.mixed:
            del goal.wanted[path], goal.expected[path]
    return goal


def plan(root: Path, goal: Goal) -> Plan:
    """Look at the files as they are, and return what is to be done. Touches nothing. Blocks."""
    steps: list[Step] = []
    changed: list[str] = []
    with opened(root) as top:
        for path in sorted(goal.wanted):
            now, data = observe(top, path)
            wanted = goal.wanted[path]
            if now == wanted:
                continue
            if now != goal.expected[path] or path in goal.mixed:
                changed.append(path)
            steps.append(Step(path, now, data, wanted))
        obstacle = _obstacle(top, steps)
        steps += _unlock(top, steps)
    return Plan(tuple(steps), tuple(changed), obstacle)


def approve(found: Plan, *, force: bool) -> None:
    """Raise ToolError naming the files that somebody changed (unless `force`), or an obstacle."""
    if found.changed and not force:
        shown = ", ".join(repr(path) for path in found.changed[:5])
        more = f" and {len(found.changed) - 5} more" if len(found.changed) > 5 else ""
        raise ToolError(
            f"changed since the last recorded step: {shown}{more}; nothing was touched. Save "
            "what you need of it, then do it again with force"
        )
    if found.obstacle:
        raise ToolError(found.obstacle)


def observe(top: int, path: str) -> tuple[FileState | None, bytes | None]:
    """Return what is at `path` and its bytes (a link's target); None where nothing of its kind is.

    A path that ends in `/` asks for a folder, any other for what is none. Something that cannot be
    read, or is neither file nor link, is a state equal to no other.
    """
    is_folder = path.endswith("/")
    try:
        with parent(top, path.removesuffix("/")) as (folder, name):
            if folder is None:
                return None, None
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
            mode = status.st_mode & 0o7777
            if stat.S_ISDIR(status.st_mode) or is_folder:
                there = is_folder and stat.S_ISDIR(status.st_mode)
                return (FileState(path, mode, 0) if there else None), None
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
    return FileState(path, mode, len(data), hashlib.sha256(data).hexdigest()), data


def _obstacle(top: int, steps: Sequence[Step]) -> str:
    """Return why a wanted place is taken by something that is not in the plan, or ""."""
    leaving = {step.path for step in steps if step.now is not None and not step.is_folder}
    for step in steps:
        if step.wanted is None:
            continue
        parts = step.path.removesuffix("/").split("/")
        for end in range(1, len(parts) + step.is_folder):
            ancestor = "/".join(parts[:end])
            if ancestor in leaving:
                break  # a file of the plan, which goes before the folder is made
            if (there := observe(top, ancestor)[0]) is not None:
                return _in_the_way(step.path, there.path)
        if step.is_folder:
            continue
        for inner in _files_beneath(top, step.path):
            if inner not in leaving:
                return _in_the_way(step.path, inner)
    return ""


def _in_the_way(path: str, obstacle: str) -> str:
    return (
        f"cannot restore {path!r}: {obstacle!r} stands in its place and is not kept in any "
        "snapshot; nothing was touched. Move it away and do it again"
    )


def _files_beneath(top: int, path: str) -> Iterator[str]:
    """Yield all that is not a folder beneath the folder `path`; nothing where it is none."""
    try:
        with parent(top, f"{path}/-") as (folder, _):
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


def _unlock(top: int, steps: Sequence[Step]) -> Iterator[Step]:
    """Yield steps that bring folders back to their mode, which have to be made writable first."""
    planned = {step.path for step in steps if step.is_folder}
    above = {
        step.path[: at + 1] for step in steps for at, c in enumerate(step.path[:-1]) if c == "/"
    }
    for path in sorted(above - planned):
        now, _ = observe(top, path)
        if now is not None and now.mode & _OWNER != _OWNER:
            yield Step(path, now, None, now)


@contextmanager
def opened(root: Path) -> Generator[int]:
    """Open the workspace's folder. Raises ToolError."""
    try:
        fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise ToolError(f"cannot open {str(root)!r}: {error.strerror}") from error
    try:
        yield fd
    finally:
        os.close(fd)


@contextmanager
def parent(top: int, path: str) -> Generator[tuple[int | None, str]]:
    """Open the folder that `path` lies in, step by step, following no link.

    Yields (None, name) where there is no such folder. Raises OSError.
    """
    *folders, name = path.split("/")
    at = os.dup(top)
    try:
        for part in folders:
            try:
                inner = os.open(part, FOLDER_FLAGS, dir_fd=at)
            except OSError as error:
                if error.errno not in ABSENT_ERRORS:
                    raise
                break
            os.close(at)
            at = inner
        else:
            yield at, name
            return
        yield None, name
    finally:
        with suppress(OSError):
            os.close(at)
