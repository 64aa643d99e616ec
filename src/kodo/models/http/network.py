"""What carries bytes to a provider: two small ports, and how connections fail.

Knows neither HTTP nor sockets. Guards that whoever asks sees a few kinds of failure, no library's.

NetworkError
├── Unreachable         no connection: refused, unknown host, certificate, proxy
│   └── SlowToConnect   none within the time
├── Silent              no byte within the time
└── Broken              cut off, reset, or not HTTP
CannotAsk               the URL or a header cannot be sent at all
"""

import ssl
from typing import Protocol


class NetworkError(Exception):
    """A connection failed. `__cause__` is what the socket said, where it said something."""


class Unreachable(NetworkError):
    """There is no connection."""


class SlowToConnect(Unreachable):
    """There was no connection in time."""


class Silent(NetworkError):
    """No byte came, or none could be sent, in time."""


class Broken(NetworkError):
    """The connection ended or the peer does not speak HTTP."""


class CannotAsk(ValueError):
    """The request cannot be put into words: its URL or a header is none."""


class Stream(Protocol):
    """One connection, for one user at a time. Times are seconds, None waits for ever."""

    async def receive(self, timeout_s: float | None) -> bytes:
        """Return the next bytes, b"" at the end. Raises Silent and Broken."""
        ...

    async def send(self, data: bytes, timeout_s: float | None) -> None:
        """Send all; returns early where the peer answers before it has read. As `receive`."""
        ...

    async def start_tls(self, context: ssl.SSLContext, host: str) -> None:
        """Go on in TLS with `host`. Raises OSError."""
        ...

    def is_quiet(self) -> bool:
        """Tell whether it is open and nothing waits to be read."""
        ...

    async def aclose(self) -> None:
        """Close at once, what was not sent is dropped. Idempotent."""
        ...


class Network(Protocol):
    """Opens connections."""

    async def connect(self, host: str, port: int, timeout_s: float | None) -> Stream:
        """Return a connection without TLS. Raises Unreachable."""
        ...
