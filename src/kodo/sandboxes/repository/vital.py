"""What in a repository's folder can make git run programs later: looked at before, put back after.

Told by what is harmless (objects, refs, index, messages), so that a name nobody thought of counts
as vital. Follows no symlink. Guards that a command which may write the repository leaves no hook,
setting, attribute, alias of the folder or line to execute behind.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec

from kodo.base.errors import SandboxError
from kodo.sandboxes.removal import remove_tree

MOST_ENTRIES = 5_000
MOST_BYTES = 16 << 20
_HARMLESS_NAMES = """
    objects refs logs index HEAD ORIG_HEAD FETCH_HEAD MERGE_HEAD MERGE_MSG MERGE_MODE MERGE_RR
    AUTO_MERGE SQUASH_MSG COMMIT_EDITMSG CHERRY_PICK_HEAD REVERT_HEAD REBASE_HEAD TAG_EDITMSG
    NOTES_EDITMSG BISECT_LOG packed-refs shallow gc.log gc.pid rr-cache sequencer rebase-merge
    rebase-apply NOTES_MERGE_PARTIAL NOTES_MERGE_REF NOTES_MERGE_WORKTREE MERGE_AUTOSTASH
"""
_HARMLESS = frozenset(_HARMLESS_NAMES.split())
_PLANS = ("rebase-merge/git-rebase-todo", "rebase-merge/git-rebase-todo.backup", "sequencer/todo")
_OF_A_WORKTREE = frozenset({"commondir", "gitdir", "locked"})
"""What `git worktree add` makes; where it exists already it is vital."""


class Item(msgspec.Struct, frozen=True):
    """One vital file, link (`data` is its target) or folder."""

    kind: int
    mode: int
    data: bytes = b""


Vital = dict[str, Item]


def look(folder: Path) -> Vital:
    """Return what is vital in a repository's folder, parents before children.

    Raises SandboxError where there is too much of it to keep.
    """
    found: Vital = {}
    size = 0
    for path in _walk(folder, ""):
        item = _item(folder / path)
        if item is None:
            continue
        found[path] = item
        size += len(item.data)
        if len(found) > MOST_ENTRIES or size > MOST_BYTES:
            raise SandboxError(f"too much beside the objects in {str(folder)!r} to watch over it")
    return found


def executes(folder: Path) -> str:
    """Return the plan of an unfinished rebase that would run programs, "" for none."""
    for name in _PLANS:
        item = _item(folder / name)
        if item is None:
            continue
        if not stat.S_ISREG(item.kind):
            return name
        words = (line.split()[:1] for line in item.data.splitlines())
        if any(word in ([b"exec"], [b"x"]) for word in words):
            return name
    return ""


def put_back(folder: Path, before: Vital) -> list[str]:
    """Make what is vital as it was; returns the paths that were not. Raises SandboxError."""
    changed: list[str] = []
    try:
        now = look(folder)
        for path in reversed(now):
            if path not in before and not _is_new_worktree(path, before):
                _remove(folder / path)
                changed.append(path)
        for path, item in before.items():
            if _is_removed_worktree(path, now):
                continue
            # Looked at again: what stood around it may have been put back just now.
            if _item(folder / path) != item:
                _restore(folder / path, item)
                changed.append(path)
        if plan := executes(folder):
            _remove(folder / plan)
            changed.append(plan)
    except OSError as error:
        raise SandboxError(
            f"git's own files in {str(folder)!r} were changed and cannot be put back"
            f" ({error.strerror}); do not run git there before you have looked at them"
        ) from error
    return changed


def _walk(folder: Path, below: str) -> Iterator[str]:
    try:
        with os.scandir(folder / below) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return
    top = not below or any(entry.name == "HEAD" for entry in found)
    for entry in found:
        path = f"{below}/{entry.name}" if below else entry.name
        harmless = top and (entry.name in _HARMLESS or _is_lock(entry.name))
        if harmless and not entry.is_symlink():
            continue
        yield path
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(folder, path)


def _is_lock(name: str) -> bool:
    return name.endswith(".lock") and not name.startswith("config")


def _is_new_worktree(path: str, before: Vital) -> bool:
    """Tell whether git makes this for a worktree that was not there before."""
    parts = path.split("/")
    if parts == ["worktrees"]:
        return True
    if parts[0] != "worktrees" or "/".join(parts[:2]) in before:
        return False
    return len(parts) == 2 or (len(parts) == 3 and parts[2] in _OF_A_WORKTREE)


def _is_removed_worktree(path: str, now: Vital) -> bool:
    """Tell whether git has removed the whole worktree that this belongs to."""
    parts = path.split("/")
    if parts == ["worktrees"]:
        return path not in now
    return parts[0] == "worktrees" and "/".join(parts[:2]) not in now


def _item(path: Path) -> Item | None:
    try:
        status = path.lstat()
        kind, mode = stat.S_IFMT(status.st_mode), stat.S_IMODE(status.st_mode)
        if stat.S_ISLNK(kind):
            return Item(kind, 0, os.fsencode(path.readlink()))
        if not stat.S_ISREG(kind):
            return Item(kind, mode)
        if status.st_size > MOST_BYTES:
            return Item(kind, mode, str((status.st_size, status.st_mtime_ns)).encode())
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    with open(handle, "rb") as stream:  # noqa: PTH123
        return Item(kind, mode, stream.read())


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        remove_tree(path)
    else:
        path.unlink(missing_ok=True)


def _restore(path: Path, item: Item) -> None:
    is_folder = path.is_dir() and not path.is_symlink()
    if not (is_folder and stat.S_ISDIR(item.kind)):
        _remove(path)
    if stat.S_ISDIR(item.kind):
        path.mkdir(exist_ok=True)
    elif stat.S_ISLNK(item.kind):
        path.symlink_to(os.fsdecode(item.data))
        return
    else:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(handle, "wb") as stream:  # noqa: PTH123
            stream.write(item.data)
    path.chmod(item.mode)
