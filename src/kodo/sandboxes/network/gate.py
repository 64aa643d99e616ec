"""The gate of a jail without a network, as the rungs see it: it hands out a door for a command.

Does not know what stands behind it.
"""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol


class Gate(Protocol):
    """Lets commands reach single hosts."""

    @property
    def placeholders(self) -> Mapping[str, str]:
        """Variables for commands, whose values stand in for credentials."""
        ...

    def admit(self) -> AbstractAsyncContextManager[int]:
        """Open a door for one command: yields the end of a channel that the jail inherits.

        What comes over the channel as open listeners is served until the context ends.
        """
        ...
