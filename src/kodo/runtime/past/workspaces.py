"""The workspace of an earlier run: where it is, and how a file in it is written safely."""

from pathlib import Path

from kodo.base.errors import ConfigError
from kodo.runtime.config import Settings
from kodo.runtime.past.rewinding import Write
from kodo.sandboxes.jail import Jail
from kodo.sandboxes.local import Local


def workspace_at(cwd: str) -> Path:
    """Return the folder in which a run worked. Raises ConfigError where it has gone."""
    folder = Path(cwd)
    if not folder.is_dir():
        raise ConfigError(f"the folder {cwd!r} of that run is no longer there")
    return folder


def open_writer(settings: Settings, workspace: Path) -> Write:
    """Return what writes a file of the workspace, atomically, and follows no link out of it."""
    return Local(Jail(workspace=workspace, home=settings.environment.home)).write
