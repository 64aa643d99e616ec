"""Folders that a model names: resolved, and kept inside the workspace."""

import os
from pathlib import Path

from kodo.base.errors import ToolError


def folder_in(path: str, workspace: Path) -> str:
    """Return a folder or file relative to the workspace, empty for the workspace itself.

    Raises ToolError where it does not exist or leads out, symlinks followed.
    """
    root = Path(os.path.realpath(workspace))
    try:
        real = Path(os.path.realpath(root / path, strict=True))
    except (OSError, ValueError) as error:
        raise ToolError(f"path {path!r} does not exist in the workspace") from error
    if real == root:
        return ""
    if root not in real.parents:
        raise ToolError(
            f"path {path!r} is outside the workspace {str(workspace)!r}; use a path inside it"
        )
    return real.relative_to(root).as_posix()
