"""A throw-away copy of the workspace with a sandbox of its own that shows it in its place.

Does not know which rung it gets: `make` builds it. Guards that the copy is removed.
"""

from collections.abc import Callable
from pathlib import Path

import msgspec
from anyio import CancelScope, to_thread

from kodo.core.sandbox import Sandbox
from kodo.sandboxes.copy import Copied, CopyLimits, copy_workspace
from kodo.sandboxes.home import hidden
from kodo.sandboxes.jail import Jail, checked
from kodo.sandboxes.private import make_private
from kodo.sandboxes.removal import remove_tree


class ScratchCopy:
    """See `kodo.core.sandbox.Scratch`. `copied` says what was copied, shared and left out."""

    __slots__ = ("_folder", "copied", "root", "sandbox")

    def __init__(self, folder: Path, root: Path, sandbox: Sandbox, copied: Copied) -> None:
        self._folder = folder
        self.root = root
        self.sandbox = sandbox
        self.copied = copied

    async def aclose(self) -> None:
        """End what runs in it and remove the copy."""
        with CancelScope(shield=True):
            await self.sandbox.aclose()
            await to_thread.run_sync(remove_tree, self._folder)


async def open_scratch(
    jail: Jail,
    make: Callable[[Jail], Sandbox],
    *,
    shows_in_place: bool,
    limits: CopyLimits | None = None,
    parent: Path | None = None,
) -> ScratchCopy:
    """Copy the workspace below `parent` (None: the system's temporary folder) and jail the copy.

    `shows_in_place` tells whether the rung can show folders at other paths (bwrap): then `.git`
    and large dependency folders are bound read-only. Else the latter become symlinks to the real
    ones and a large `.git` is left out. Credentials and the jail's secrets are not copied. The copy
    can be written in a read-only run too: it is thrown away. Raises SandboxError where the copy
    would be too large or cannot be made; the caller then works in place.
    """
    jail = checked(jail)
    folder = await to_thread.run_sync(make_private, "scratch", parent)
    root = folder / jail.workspace.name
    try:
        copied = await to_thread.run_sync(
            lambda: _fill(jail, root, limits or CopyLimits(), binds=shows_in_place)
        )
        profile = "workspace-write" if jail.profile == "read-only" else jail.profile
        shared = tuple(copied.shared)
        sandbox = make(
            msgspec.structs.replace(jail, host_root=root, shared=shared, profile=profile)
        )
    except BaseException:
        with CancelScope(shield=True):
            await to_thread.run_sync(remove_tree, folder)
        raise
    return ScratchCopy(folder, root, sandbox, copied)


def _fill(jail: Jail, root: Path, limits: CopyLimits, *, binds: bool) -> Copied:
    workspace = jail.workspace
    root.mkdir()
    secrets = frozenset(hidden(jail.home, jail.secrets))
    copied = copy_workspace(workspace, root, limits=limits, share_git=binds, hidden=secrets)
    if not binds:
        for name in copied.shared:
            (root / name).rmdir()
            (root / name).symlink_to(workspace / name)
    return copied
