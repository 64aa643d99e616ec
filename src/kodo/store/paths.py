"""Where the store of a project lies: one file for a repository with all its worktrees.

Does not know what is in it, and never runs git. Guards that two projects never share a file.
"""

import os
from pathlib import Path

from kodo.base.hashing import sha256_hex


def project_store(home: Path, cwd: Path) -> Path:
    """Return the path of the store for work in `cwd`; neither it nor its folder need exist.

    `home` is kodo's home folder. Inside a git repository the project is the repository (every
    worktree and subfolder of it), elsewhere it is the real path of `cwd`.
    """
    real = Path(os.path.realpath(cwd))
    root = git_common_folder(real) or real
    return home / "projects" / sha256_hex(os.fsencode(root))[:32] / "store.db"


def git_common_folder(cwd: Path) -> Path | None:
    """Return the real path of the folder that all worktrees of the repository share, or None.

    That is `.git` of the main worktree, or the bare repository. A `.git` that cannot be followed
    (a worktree whose repository has gone) counts as none.
    """
    real = Path(os.path.realpath(cwd))
    for folder in (real, *real.parents):
        at = folder / ".git"
        if at.is_dir() and (at / "HEAD").is_file():
            return _common(at)
        if at.is_file():
            pointed = _first_line(at)
            if not pointed.startswith("gitdir:"):
                return None
            git_folder = folder / pointed.removeprefix("gitdir:").strip()
            return _common(git_folder) if git_folder.is_dir() else None
    return None


def _common(git_folder: Path) -> Path:
    """Follow the `commondir` file that a linked worktree's git folder has."""
    line = _first_line(git_folder / "commondir")
    return Path(os.path.realpath(git_folder / line if line else git_folder))


def _first_line(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", errors="surrogateescape") as stream:
            return stream.readline().rstrip("\r\n")
    except OSError:
        return ""
