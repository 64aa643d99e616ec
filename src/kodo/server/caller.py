"""Who makes a request, and what they may still do: the view of a token that endpoints have.

Does not know how tokens are kept. Guards that limits hold before a model is asked.
"""

from typing import Protocol

from kodo.core.messages import Usage


class Caller(Protocol):
    """Somebody who makes requests."""

    @property
    def name(self) -> str:
        """The id of the token; empty where nobody has to have one."""
        ...

    def check(self) -> None:
        """Raise RequestError (401) where they may do nothing any more: ended, or revoked."""
        ...

    def admit(self, model: str) -> None:
        """Check, and count one request. Raises RequestError: 403 for another's model, 429, 401."""
        ...

    def charge(self, usage: Usage) -> None:
        """Add what a call took."""
        ...


class Anyone:
    """The caller of a server that asks for no token."""

    name = ""

    def check(self) -> None:
        """Find nothing wrong."""

    def admit(self, model: str) -> None:
        """Admit everything."""

    def charge(self, usage: Usage) -> None:
        """Count nothing."""
