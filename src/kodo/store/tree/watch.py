"""The watch: what tells which folders may have changed, so that the others need no look.

Does not know files or states. Guards nothing by itself: whoever uses one walks everything where a
watch cannot be had, or says that it has lost something.
"""

from collections.abc import Callable, Mapping, Set
from typing import Protocol

import msgspec


class Dirty(msgspec.Struct, frozen=True):
    """Folders in which something changed, with the names it was; "" is the workspace.

    `renewed` are folders that came into their place: all beneath them has to be looked at.
    """

    names: Mapping[str, Set[str]]
    renewed: Set[str]


class Watch(Protocol):
    """Watches folders of one workspace by their relative path."""

    def add(self, folder: str) -> None:
        """Watch a folder from now on; one that has gone is left out. Raises OSError: no room."""
        ...

    def forget(self, folder: str) -> None:
        """Watch a folder no longer."""
        ...

    def dirty(self) -> Dirty | None:
        """Return what has changed since the last call; None where it cannot tell."""
        ...


OpenWatch = Callable[[str], Watch]
"""Makes a watch of the workspace at a path. Raises OSError where there can be none."""
