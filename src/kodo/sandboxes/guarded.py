"""What a jail keeps from commands inside the workspace itself: repositories, `.kodo`, secrets.

Decides only; the mounting is the rung's. Guards that nothing is made in the workspace for it: what
does not exist when the sandbox is made is not guarded.
"""

import os
from collections import deque
from pathlib import Path

import msgspec

from kodo.core.messages import Value
from kodo.sandboxes.home import hidden, outermost
from kodo.sandboxes.jail import Jail

MOST_FOLDERS = 1_000
MOST_REPOSITORIES = 100
READ_ONLY = ("config", "config.worktree", "commondir", "hooks", "info", "modules", "description")
"""What of a `.git` stays read-only, where it exists: plain git never writes it."""
_SKIPPED = frozenset({"node_modules", ".venv", "venv", "__pycache__", "target", "site-packages"})


class Guarded(Value, frozen=True):
    """Paths on the host below the root of the workspace, without symlinks, parents first.

    `masked` are hidden, `read_only` can be read. `pinned` are the folders around them: a folder
    that could be renamed would take what is guarded with it to a path that is not.
    """

    masked: tuple[Path, ...] = ()
    read_only: tuple[Path, ...] = ()
    pinned: tuple[Path, ...] = ()

    @property
    def repositories(self) -> tuple[Path, ...]:
        """Every `.git` among what is read-only."""
        return tuple(path for path in self.read_only if path.name == ".git")

    def opened(self) -> "Guarded":
        """Return the same with every `.git` folder open, save what makes git run programs."""
        folders = [path for path in self.repositories if path.is_dir()]
        kept = [path for path in self.read_only if path not in folders]
        vital = [folder / name for folder in folders for name in READ_ONLY]
        return msgspec.structs.replace(
            self,
            read_only=tuple(sorted([*kept, *filter(_is_plain, vital)])),
            pinned=tuple(sorted({*self.pinned, *folders})),
        )

    def now(self) -> "Guarded":
        """Return what still lies where it lay; a symlink in its place could show anything."""
        return msgspec.structs.replace(
            self,
            masked=tuple(filter(_is_plain, self.masked)),
            read_only=tuple(filter(_is_plain, self.read_only)),
            pinned=tuple(filter(_is_plain, self.pinned)),
        )


def find_guarded(jail: Jail) -> Guarded:
    """Return what to guard in the jail's workspace as it is now."""
    workspace, root = jail.workspace, jail.host_root or jail.workspace
    if jail.profile == "full":
        return Guarded()
    inside = [path for path in hidden(jail.home, jail.secrets) if workspace in path.parents]
    masked = [root / path.relative_to(workspace) for path in outermost(inside)]
    masked = [path for path in masked if _is_plain(path)]
    if jail.profile == "read-only":
        return Guarded(tuple(masked))
    read_only: list[Path] = []
    if jail.host_root is None:  # a copy is thrown away
        read_only = [
            path
            for path in (*find_repositories(root), root / ".kodo")
            if _is_plain(path) and not any(m == path or m in path.parents for m in masked)
        ]
    around = {
        folder
        for path in (*masked, *read_only)
        for folder in path.parents
        if root in folder.parents
    }
    return Guarded(tuple(masked), tuple(sorted(read_only)), tuple(sorted(around)))


def find_repositories(root: Path) -> list[Path]:
    """Return every `.git` (folder or file) below `root`, nearest first.

    Looks into MOST_FOLDERS folders at most and returns MOST_REPOSITORIES at most.
    """
    found: list[Path] = []
    waiting = deque([str(root)])
    for _ in range(MOST_FOLDERS):
        if not waiting or len(found) >= MOST_REPOSITORIES:
            break
        try:
            with os.scandir(waiting.popleft()) as entries:
                for entry in entries:
                    if entry.is_symlink():
                        continue
                    if entry.name == ".git":
                        found.append(Path(entry.path))
                    elif entry.name not in _SKIPPED and entry.is_dir():
                        waiting.append(entry.path)
        except OSError:
            continue
    return found


def _is_plain(path: Path) -> bool:
    """Whether the path exists and no part of it is a symlink."""
    return os.path.realpath(path) == str(path) and os.path.lexists(path)
