"""Removes folders that commands have written in, also where they closed them against writing.

Follows no symlink. Package managers make their caches read-only, so this is no rare case.
"""

import os
import shutil
from contextlib import suppress
from pathlib import Path


def remove_tree(folder: Path) -> None:
    """Remove a folder with all that is in it. What cannot be removed stays, without an error."""
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        _open_up(folder)
        shutil.rmtree(folder, ignore_errors=True)


def _open_up(folder: Path) -> None:
    waiting = [folder]
    while waiting:
        at = waiting.pop()
        with suppress(OSError):
            at.chmod(0o700)
            with os.scandir(at) as found:
                waiting += [Path(e.path) for e in found if e.is_dir(follow_symlinks=False)]
